import { v4, v7 } from 'uuid';
import { expect, it } from 'vitest';
import { expectAccepted, expectRefused, nextEvent, StockScreen, send } from '../support/sockets.js';
import { type GetWorld, trigger } from '../support/world.js';

export function socketRules(world: GetWorld): void {
  const controller = async () => world().controller(await world().person('owner'));

  it.each(['no-such-event', 'constructor', '__proto__', 'toString', ''])(
    '[SK9] the unknown event %j is NOT_FOUND',
    async (event) => {
      expectRefused(await send(await controller(), event, {}), 'NOT_FOUND');
    },
  );

  it('[SK10] an event without a callback is processed, an unknown or bad one harms nothing', async () => {
    const device = await world().device(await world().person('owner'));
    const screen = await world().connectScreen(device);
    const socket = await controller();
    const command = trigger(device.screenId);
    socket.emit('no-such-event');
    socket.emit('trigger');
    socket.emit('trigger', null, 7);
    socket.emit('trigger', command);
    expect((await screen.received(1))[0]).toMatchObject({ id: command.id });
  });

  it('[SK11] extra arguments are ignored', async () => {
    const device = await world().device(await world().person('owner'));
    const extra = Array.from({ length: 50 }, (_, n) => ({ n }));
    expectAccepted(await send(await controller(), 'trigger', trigger(device.screenId), ...extra));
  });

  it('[SK12] a frame over 256 KiB closes its connection and harms no other', async () => {
    const device = await world().device(await world().person('owner'));
    const loud = await controller();
    const quiet = await controller();
    const gone = nextEvent(loud, 'disconnect');
    loud.emit('trigger', trigger(device.screenId, { data: 'x'.repeat(300_000) }));
    await gone;
    expectAccepted(await send(quiet, 'trigger', trigger(device.screenId)));
  });

  it('[SK12] binary attachments are no JSON and harm nothing', async () => {
    const device = await world().device(await world().person('owner'));
    const socket = await controller();
    const binary = trigger(device.screenId, { data: Buffer.from('bytes') });
    expectRefused(await send(socket, 'trigger', binary), 'VALIDATION_ERROR');
    expectAccepted(await send(socket, 'trigger', trigger(device.screenId)));
  });

  it('[SK15] [SK14] another device with the same credential replaces the first for good', async () => {
    const device = await world().device(await world().person('owner'));
    const first = await world().connectScreen(device, undefined, { instanceId: v4() });
    const closing = nextEvent(first.socket, 'session-closing');
    const gone = nextEvent(first.socket, 'disconnect');
    const second = await world().connectScreen(device, undefined, { instanceId: v4() });
    expect(await closing).toMatchObject({ code: 'REPLACED', reconnect: false });
    expect(await gone).toBe('io server disconnect');
    expectAccepted(await send(await controller(), 'trigger', trigger(device.screenId)));
    await second.received(1);
    expect(first.entries).toEqual([]);
  });

  it('[SK15] the same instance replaces itself and may come back', async () => {
    const device = await world().device(await world().person('owner'));
    const instanceId = v4();
    const first = await world().connectScreen(device, undefined, { instanceId });
    const closing = nextEvent(first.socket, 'session-closing');
    const gone = nextEvent(first.socket, 'disconnect');
    await world().connectScreen(device, undefined, { instanceId });
    expect(await closing).toMatchObject({ code: 'REPLACED', reconnect: true });
    expect(await gone).toBe('transport close');
  });

  it('[SK16] [DL29] an offset of this epoch is a receipt', async () => {
    const device = await world().device(await world().person('owner'));
    const socket = await controller();
    const stream = `screen:${device.screenId}`;
    const ids = [v7(), v7(), v7()];
    let epoch = '';
    for (const id of ids) {
      epoch = expectAccepted(await send(socket, 'trigger', trigger(device.screenId, { id }))).epoch;
    }
    const resume = { epoch, streams: { [stream]: 2 } };
    const screen = await world().connectScreen(device, undefined, { resume });
    expect(screen.ready.streams[stream]).toMatchObject({ lastSeq: 3, recovered: true });
    await screen.received(1);
    expect(screen.ids).toEqual([ids[2]]);
    await expect
      .poll(async () => states(await send(socket, 'status', { ids })), { timeout: 10_000 })
      .toEqual(['executed', 'executed', 'executed']);
  });

  it.each([
    ['of another epoch', 'epoch', 1],
    ['past the end', 'ahead', 1_000_000],
  ])('[SK16] an offset %s recovers nothing and is no receipt', async (_, reason, seq) => {
    const device = await world().device(await world().person('owner'));
    const command = trigger(device.screenId);
    const { epoch } = expectAccepted(await send(await controller(), 'trigger', command));
    const stream = `screen:${device.screenId}`;
    const resume = { epoch: reason === 'epoch' ? 'another-epoch' : epoch, streams: { [stream]: seq } };
    const screen = await StockScreen.connect(world().sockets, { token: device.accessToken, resume });
    expect(screen.ready.streams[stream]).toMatchObject({ recovered: false, reason, acked: 0 });
    await screen.received(1);
    expect(screen.ids).toEqual([command.id]);
  });
}

function states(answer: unknown): string[] {
  return (answer as { items: { status: string }[] }).items.map(({ status }) => status);
}
