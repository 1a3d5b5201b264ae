import type { CommandStatus, Entry } from '@bongsu/protocol';
import { v7 } from 'uuid';
import { expect, it } from 'vitest';
import { expectAccepted, nextEvent, send } from '../support/sockets.js';
import { type GetWorld, navigate, trigger } from '../support/world.js';

const SILENT = () => undefined;

/** The owner's sockets also hear what the rules before this one left under way for other screens. */
async function nextStatus(socket: Parameters<typeof send>[0], screenId: string): Promise<CommandStatus> {
  for (;;) {
    const status = await nextEvent<CommandStatus>(socket, 'command-status');
    if (status.screenId === screenId) return status;
  }
}

export function deliveringRules(world: GetWorld): void {
  const setUp = async () => {
    const owner = await world().person('owner');
    const device = await world().device(owner);
    return { owner, device, socket: await world().controller(owner) };
  };
  const statusOf = async (socket: Parameters<typeof send>[0], id: string) => {
    const answer = await send(socket, 'status', { ids: [id] });
    return (answer as { items: { status: string }[] }).items[0]?.status;
  };

  it('[DL13] a trigger and a navigate reach the screen whole', async () => {
    const { owner, device, socket } = await setUp();
    const screen = await world().connectScreen(device);
    const first = trigger(device.screenId, { data: { table: 4 }, displayIndex: 2 });
    const second = navigate(device.screenId, { url: '/menu?table=4' });
    const accepted = expectAccepted(await send(socket, 'trigger', first));
    await send(socket, 'navigate', second);
    const [one, two] = await screen.received(2);
    const common = {
      stream: `screen:${device.screenId}`,
      prev: 0,
      epoch: accepted.epoch,
      attempt: 1,
      from: { userId: owner.userId, username: owner.username },
    };
    expect(one).toEqual({
      ...common,
      id: first.id,
      type: 'trigger',
      seq: 1,
      acceptedAt: accepted.acceptedAt,
      action: 'show',
      data: { table: 4 },
      displayIndex: 2,
    });
    expect(two).toMatchObject({ ...common, id: second.id, type: 'navigate', seq: 2, url: '/menu?table=4' });
  });

  it('[DL14] [DL21] a receipt ends the delivery, and the sender hears of it', async () => {
    const { device, socket } = await setUp();
    const heard = nextStatus(socket, device.screenId);
    await world().connectScreen(device);
    const { id } = expectAccepted(await send(socket, 'trigger', trigger(device.screenId)));
    expect(await heard).toMatchObject({
      id,
      screenId: device.screenId,
      status: 'executed',
      attempt: 1,
      at: expect.any(Number),
    });
    expect(await send(socket, 'status', { ids: [id] })).toMatchObject({
      success: true,
      items: [
        {
          id,
          status: 'executed',
          deliveries: [{ screenId: device.screenId, status: 'executed', executedAt: expect.any(Number) }],
        },
      ],
    });
  });

  it('[DL15] entries come one at a time, in the order accepted', async () => {
    const { device, socket } = await setUp();
    let busy = 0;
    const overlaps: number[] = [];
    const acks: (() => void)[] = [];
    const screen = await world().connectScreen(device, SILENT);
    screen.socket.on('trigger', (entry: Entry, ack: (receipt: unknown) => void) => {
      busy += 1;
      if (busy > 1) overlaps.push(entry.seq);
      acks.push(() => {
        busy -= 1;
        ack({ status: 'executed', stream: entry.stream, seq: entry.seq });
      });
      setImmediate(() => acks.shift()?.());
    });
    const ids = Array.from({ length: 50 }, () => v7());
    await Promise.all(ids.map((id) => send(socket, 'trigger', trigger(device.screenId, { id }))));
    const entries = await screen.received(50);
    expect(entries.map(({ seq }) => seq)).toEqual(ids.map((_, n) => n + 1));
    expect(screen.ids).toEqual(ids);
    expect(overlaps).toEqual([]);
  });

  it('[DL16] what was accepted for a screen that is away comes in order when it connects', async () => {
    const { device, socket } = await setUp();
    const ids = Array.from({ length: 120 }, () => v7());
    await Promise.all(ids.map((id) => send(socket, 'trigger', trigger(device.screenId, { id }))));
    const screen = await world().connectScreen(device);
    expect(screen.ready.streams[`screen:${device.screenId}`]).toMatchObject({ lastSeq: 120, acked: 0 });
    await screen.received(120);
    expect(screen.ids).toEqual(ids);
  });

  it('[DL17] [DL18] what got no receipt comes again, what got one does not', async () => {
    const { device, socket } = await setUp();
    const ids = [v7(), v7(), v7()];
    for (const id of ids) await send(socket, 'trigger', trigger(device.screenId, { id }));
    const first = await world().connectScreen(device, ({ seq }) =>
      seq === 1 ? { status: 'executed' } : undefined,
    );
    await first.received(2);
    await expect.poll(() => statusOf(socket, ids[0] ?? ''), { timeout: 10_000 }).toBe('executed');
    const [, unanswered] = first.entries;
    first.socket.disconnect();
    const second = await world().connectScreen(device);
    await second.received(2);
    expect(second.ids).toEqual(ids.slice(1));
    expect(second.entries[0]).toMatchObject({ seq: 2, stream: unanswered?.stream });
  });

  it('[DL18] a screen that comes back after everything was executed gets only what is new', async () => {
    const { device, socket } = await setUp();
    const first = await world().connectScreen(device);
    const { id } = expectAccepted(await send(socket, 'trigger', trigger(device.screenId)));
    await first.received(1);
    await expect.poll(() => statusOf(socket, id), { timeout: 10_000 }).toBe('executed');
    first.socket.disconnect();
    const second = await world().connectScreen(device);
    expect(second.ready.streams[`screen:${device.screenId}`]).toMatchObject({ lastSeq: 1, acked: 1 });
    const fresh = expectAccepted(await send(socket, 'trigger', trigger(device.screenId)));
    await second.received(1);
    expect(second.ids).toEqual([fresh.id]);
  });

  it('[DL19] a failed entry comes again, and nothing behind it passes', async () => {
    const { device, socket } = await setUp();
    const ids = [v7(), v7()];
    for (const id of ids) await send(socket, 'trigger', trigger(device.screenId, { id, retries: 5 }));
    const heard = nextStatus(socket, device.screenId);
    let failures = 1;
    const screen = await world().connectScreen(device, () => {
      failures -= 1;
      return failures >= 0 ? { status: 'failed', error: 'no power' } : { status: 'executed' };
    });
    const retrying = await heard;
    expect(retrying).toMatchObject({
      id: ids[0],
      status: 'retrying',
      attempt: 1,
      error: 'no power',
      nextAt: expect.any(Number),
    });
    expect((retrying.nextAt ?? 0) - retrying.at).toBeGreaterThan(400);
    expect((retrying.nextAt ?? 0) - retrying.at).toBeLessThanOrEqual(1000);
    await screen.received(3);
    expect(screen.entries.map(({ id, attempt }) => [id, attempt])).toEqual([
      [ids[0], 1],
      [ids[0], 2],
      [ids[1], 1],
    ]);
  });

  it.each([
    ['a text', 'executed'],
    ['null', null],
    ['an unknown status', { status: 'done' }],
    ['another stream', { status: 'executed', stream: 'screen:other', seq: 1 }],
    ['another seq', { status: 'executed', seq: 99 }],
  ])('[DL20] a receipt that is %s does not count as executed', async (_, receipt) => {
    const { device, socket } = await setUp();
    const first = await world().connectScreen(device, () => receipt);
    const { id } = expectAccepted(await send(socket, 'trigger', trigger(device.screenId, { retries: 5 })));
    await first.received(1);
    // The screen's own round trip: what it answered before has been read by then.
    await send(first.socket, 'no-such-event');
    expect(await statusOf(socket, id)).toBe('accepted');
    first.socket.disconnect();
    const second = await world().connectScreen(device);
    expect((await second.received(1))[0]?.id).toBe(id);
  });

  it('[DL21] notify says which statuses the sender hears', async () => {
    const { device, socket } = await setUp();
    const heard: CommandStatus[] = [];
    socket.on('command-status', (status: CommandStatus) => {
      if (status.screenId === device.screenId) heard.push(status);
    });
    await world().connectScreen(device);
    const commands = ['none', 'final', 'all', undefined].map((notify) =>
      trigger(device.screenId, notify === undefined ? {} : { notify }),
    );
    const last = new Promise<void>((resolve) => {
      socket.on('command-status', ({ id }: CommandStatus) => {
        if (id === commands[3]?.id) resolve();
      });
    });
    for (const command of commands) expectAccepted(await send(socket, 'trigger', command));
    await last;
    expect(heard.map(({ id, status }) => ({ id, status }))).toEqual(
      commands.slice(1).map(({ id }) => ({ id, status: 'executed' })),
    );
  });

  it.each([
    ['Unicode', '봉수 🔥 \u2028 \u202E "quotes" \\ /'],
    ['zero and its kin', [0, -1, 1.5e300, 1e-300, Number.MAX_SAFE_INTEGER]],
    ['null', null],
    ['false', false],
    ['an empty text', ''],
    ['nested lists', [[[[]]], {}]],
    [
      'keys of prototypes',
      JSON.parse('{"__proto__":{"admin":true},"constructor":{"prototype":1},"toString":2}'),
    ],
  ])('[DL26] [ER15] data that is %s comes as it was sent', async (_, data) => {
    const { device, socket } = await setUp();
    const screen = await world().connectScreen(device);
    expectAccepted(await send(socket, 'trigger', trigger(device.screenId, { data })));
    const [entry] = await screen.received(1);
    expect(JSON.stringify((entry as { data?: unknown }).data)).toBe(JSON.stringify(data));
    expect(({} as Record<string, unknown>).admin).toBeUndefined();
  });

  it('[DL30] an entry whose time ran out while its screen was away is expired, the next one comes', async () => {
    const { device, socket } = await setUp();
    const late = trigger(device.screenId, { ttlMs: 1 });
    await send(socket, 'trigger', late);
    const { id } = expectAccepted(await send(socket, 'trigger', trigger(device.screenId)));
    const screen = await world().connectScreen(device);
    await screen.received(1);
    expect(screen.ids).toEqual([id]);
    expect(await statusOf(socket, late.id)).toBe('expired');
  });

  it('[DL31] deleting a screen cancels what is pending, and the sender hears of it', async () => {
    const { owner, device, socket } = await setUp();
    const { id } = expectAccepted(await send(socket, 'trigger', trigger(device.screenId)));
    const heard = nextStatus(socket, device.screenId);
    await world().http.call('DELETE', `/api/screens/${device.screenId}`, { token: owner.accessToken });
    expect(await heard).toMatchObject({ id, screenId: device.screenId, status: 'cancelled' });
    expect(await statusOf(socket, id)).toBe('cancelled');
  });
}
