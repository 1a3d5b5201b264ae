import type { CommandOrUnknown, Entry } from '@bongsu/protocol';
import { v7 } from 'uuid';
import { expect, it } from 'vitest';
import { expectAccepted, send } from '../support/sockets.js';
import { type GetWorld, navigate, trigger } from '../support/world.js';

const SILENT = () => undefined;
const FAILED = { status: 'failed', error: 'no power' };
const PATIENT = { timeout: 15_000 };

/** Windows, retries, and how entries end other than by being executed. */
export function endingRules(world: GetWorld): void {
  const setUp = async () => {
    const owner = await world().person('owner');
    const device = await world().device(owner);
    const socket = await world().controller(owner);
    const triggers = async (count: number, fields: object = {}) => {
      const ids = Array.from({ length: count }, () => v7());
      for (const id of ids) {
        expectAccepted(await send(socket, 'trigger', trigger(device.screenId, { id, ...fields })));
      }
      return ids;
    };
    const statusOf = async (id: string | undefined) => {
      const answer = (await send(socket, 'status', { ids: [id] })) as { items: CommandOrUnknown[] };
      return answer.items[0];
    };
    const becomes = (id: string | undefined, expected: object) =>
      expect.poll(() => statusOf(id), PATIENT).toMatchObject(expected);
    return { device, socket, triggers, statusOf, becomes };
  };

  it('[DL43] a window is filled, each entry naming the one before it', async () => {
    const { device, triggers } = await setUp();
    await triggers(5);
    const acks: (() => void)[] = [];
    const screen = await world().connectScreen(device, SILENT, { window: 3 });
    screen.socket.on('trigger', (_: Entry, ack: (receipt: unknown) => void) => {
      acks.push(() => ack({ status: 'executed' }));
    });
    await screen.received(3);
    // A round trip later nothing more has come.
    await send(screen.socket, 'no-such-event');
    expect(screen.entries.map(({ seq, prev }) => [seq, prev])).toEqual([
      [1, 0],
      [2, 1],
      [3, 2],
    ]);
    const second = await world().connectScreen(device, undefined, { window: 32 });
    await second.received(5);
    expect(second.entries.map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
  });

  it('[DL44] what was sent behind a failed entry does not count and comes again behind it', async () => {
    const { device, triggers, statusOf } = await setUp();
    const ids = await triggers(3);
    let isFirst = true;
    const screen = await world().connectScreen(
      device,
      ({ seq }) => {
        if (seq !== 2 || !isFirst) return { status: 'executed' };
        isFirst = false;
        return FAILED;
      },
      { window: 3 },
    );
    await screen.received(5);
    const sends = screen.entries.map(({ seq, prev, attempt }) => [seq, prev, attempt]);
    expect(sends).toEqual([
      [1, 0, 1],
      [2, 1, 1],
      [3, 2, 1],
      [2, 0, 2],
      [3, 2, 1],
    ]);
    await expect.poll(async () => (await statusOf(ids[2]))?.status, PATIENT).toBe('executed');
  });

  it('[DL45] [DL20] after its retries an entry is dead{exhausted}, and the next one comes', async () => {
    const { device, triggers, becomes } = await setUp();
    const [exhausted] = await triggers(1, { retries: 1 });
    const [garbled] = await triggers(1, { retries: 0 });
    const [last] = await triggers(1);
    const screen = await world().connectScreen(device, ({ id }) =>
      id === exhausted ? FAILED : id === garbled ? 'done' : { status: 'executed' },
    );
    await becomes(last, { status: 'executed' });
    expect(screen.ids).toEqual([exhausted, exhausted, garbled, last]);
    await becomes(exhausted, {
      status: 'dead',
      deliveries: [{ status: 'dead', reason: 'exhausted', attempts: 2, error: 'no power' }],
    });
    await becomes(garbled, { status: 'dead', deliveries: [{ reason: 'exhausted', attempts: 1 }] });
  });

  it('[DL45] what is not due yet when its screen connects again waits', async () => {
    const { device, socket, triggers, statusOf } = await setUp();
    const [id] = await triggers(1);
    const retrying = new Promise<{ nextAt: number }>((resolve) => {
      socket.on('command-status', (status) => status.id === id && resolve(status));
    });
    const first = await world().connectScreen(device, () => FAILED);
    const { nextAt } = await retrying;
    first.socket.disconnect();
    const second = await world().connectScreen(device);
    const [entry] = await second.received(1);
    expect(entry).toMatchObject({ id, attempt: 2 });
    await expect.poll(async () => (await statusOf(id))?.status, PATIENT).toBe('executed');
    const { deliveries } = (await statusOf(id)) as { deliveries: { executedAt: number }[] };
    expect(deliveries[0]?.executedAt).toBeGreaterThanOrEqual(nextAt);
  });

  it('[DL46] what cannot be retried is dead{rejected} at once', async () => {
    const { device, triggers, becomes } = await setUp();
    const [rejected, next] = await triggers(2);
    const screen = await world().connectScreen(device, ({ id }) =>
      id === rejected ? { ...FAILED, retryable: false } : { status: 'executed' },
    );
    await screen.received(2);
    expect(screen.ids).toEqual([rejected, next]);
    await becomes(rejected, { status: 'dead', deliveries: [{ reason: 'rejected', error: 'no power' }] });
  });

  it('[DL47] of navigates that wait for one display only the last comes, unless a trigger is between', async () => {
    const { device, socket, triggers, becomes } = await setUp();
    const go = async (fields: Record<string, unknown> = {}) => {
      const command = navigate(device.screenId, fields);
      expectAccepted(await send(socket, 'navigate', command));
      return command.id;
    };
    const older = await go();
    const other = await go({ displayIndex: 3 });
    const newer = await go({ displayIndex: 0 });
    const [between] = await triggers(1);
    const last = await go();
    const screen = await world().connectScreen(device);
    await screen.received(4);
    expect(screen.ids).toEqual([other, newer, between, last]);
    await becomes(older, { status: 'superseded' });
  });

  it('[DL48] silence ends an entry when its screen is heard past the time, and does not repeat it', async () => {
    const { device, triggers, statusOf } = await setUp();
    const [silent, next] = await triggers(2);
    const screen = await world().connectScreen(
      device,
      ({ id }) => (id === silent ? undefined : { status: 'executed' }),
      { ackTimeoutMs: 1000 },
    );
    await expect
      .poll(async () => {
        await send(screen.socket, 'no-such-event');
        return statusOf(silent);
      }, PATIENT)
      .toMatchObject({ status: 'dead', deliveries: [{ reason: 'no-receipt' }] });
    await screen.received(2);
    expect(screen.ids).toEqual([silent, next]);
  });

  it('[DL49] the entry that ten connections ended with is dead{lost}, the one behind it is not', async () => {
    const { device, triggers, becomes } = await setUp();
    const [poison, next] = await triggers(2);
    for (let n = 1; n <= 10; n += 1) {
      const screen = await world().connectScreen(device, SILENT, { window: 2 });
      const [first] = await screen.received(2);
      expect(first).toMatchObject({ id: poison, attempt: n });
      screen.socket.disconnect();
      // Who comes back sooner, at another node, takes over from a connection that did not end.
      await becomes(poison, { deliveries: [{ attempts: n }] });
    }
    await becomes(poison, { status: 'dead', deliveries: [{ reason: 'lost', attempts: 10 }] });
    const screen = await world().connectScreen(device);
    await screen.received(1);
    expect(screen.ids).toEqual([next]);
  });

  it('[DL57] a thousand that wait come in order through a window of 32', async () => {
    const { device, socket } = await setUp();
    const ids = Array.from({ length: 1000 }, () => v7());
    await Promise.all(ids.map((id) => send(socket, 'trigger', trigger(device.screenId, { id }))));
    const screen = await world().connectScreen(device, undefined, { window: 32 });
    await screen.received(1000);
    expect(screen.ids).toEqual(ids);
  });
}
