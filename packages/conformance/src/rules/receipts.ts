import type { Entry } from '@bongsu/protocol';
import { expect, it } from 'vitest';
import { expectAccepted, type StockScreen, send } from '../support/sockets.js';
import { type Device, type GetWorld, trigger } from '../support/world.js';

const SILENT = () => undefined;
const executed = ({ stream, seq }: Entry) => ({ status: 'executed', stream, seq });
const rejected = { status: 'failed', error: 'no', retryable: false };

/** Answers by raw packets: a stock client's callback can be called once only, and for its own entry. */
class RawScreen {
  readonly #ids: number[] = [];

  constructor(readonly screen: StockScreen) {
    screen.socket.io.on('packet', ({ id, data }: { id?: number; data?: unknown[] }) => {
      if (id !== undefined && data?.[0] === 'trigger') this.#ids.push(id);
    });
  }

  /** The id of the ack that the entry asked for, counted from 0. */
  ackId(place: number): number {
    const id = this.#ids[place];
    if (id === undefined) throw new Error(`entry ${place} asked for no ack`);
    return id;
  }

  /** Resolves when the server has read it: what a socket sends is read in order. */
  async ack(id: number, receipt: unknown): Promise<void> {
    this.screen.socket.io.engine.write(`3${id}[${JSON.stringify(receipt)}]`);
    await send(this.screen.socket, 'no-such-event');
  }
}

export function receiptRules(world: GetWorld): void {
  const setUp = async () => {
    const owner = await world().person('owner');
    return { owner, socket: await world().controller(owner) };
  };
  const raw = async (device: Device) => new RawScreen(await world().connectScreen(device, SILENT));
  const itemOf = async (socket: Parameters<typeof send>[0], id: string) => {
    const answer = await send(socket, 'status', { ids: [id] });
    return (answer as { items: { status: string; deliveries: object[] }[] }).items[0];
  };
  const becomes = (socket: Parameters<typeof send>[0], id: string, status: string) =>
    expect.poll(async () => (await itemOf(socket, id))?.status, { timeout: 10_000 }).toBe(status);

  it.each([
    ['executed', 'failed', executed, () => rejected],
    ['dead', 'executed', () => rejected, executed],
  ] as const)(
    '[DL18] [DL20] of two receipts of one entry the first counts: %s stays, whatever %s says',
    async (ends, _, first, second) => {
      const { owner, socket } = await setUp();
      const device = await world().device(owner);
      const screen = await raw(device);
      const { id } = expectAccepted(await send(socket, 'trigger', trigger(device.screenId)));
      const [entry] = (await screen.screen.received(1)) as [Entry];
      const ackId = screen.ackId(0);
      await screen.ack(ackId, first(entry));
      await screen.ack(ackId, second(entry));
      await becomes(socket, id, ends);
      await screen.ack(ackId, second(entry));
      const next = expectAccepted(await send(socket, 'trigger', trigger(device.screenId)));
      const [, later] = (await screen.screen.received(2)) as [Entry, Entry];
      expect(later).toMatchObject({ id: next.id, seq: 2 });
      await screen.ack(screen.ackId(1), executed(later));
      await becomes(socket, next.id, 'executed');
      expect(await itemOf(socket, id)).toMatchObject({ status: ends, deliveries: [{ status: ends }] });
      expect(screen.screen.ids).toEqual([id, next.id]);
    },
  );

  it("[DL20] a screen cannot answer for another one's entry, neither by its place nor by its ack", async () => {
    const { owner, socket } = await setUp();
    const [one, other] = [await world().device(owner), await world().device(owner)];
    const [mine, theirs] = [await raw(one), await raw(other)];
    const own = expectAccepted(await send(socket, 'trigger', trigger(one.screenId)));
    const foreign = expectAccepted(await send(socket, 'trigger', trigger(other.screenId)));
    await mine.screen.received(1);
    const [live] = (await theirs.screen.received(1)) as [Entry];
    await mine.ack(mine.ackId(0), executed(live));
    await mine.ack(theirs.ackId(0), executed(live));
    for (const { id } of [own, foreign]) expect((await itemOf(socket, id))?.status).toBe('accepted');
    await theirs.ack(theirs.ackId(0), executed(live));
    await becomes(socket, foreign.id, 'executed');
    expect((await itemOf(socket, own.id))?.status).toBe('accepted');
    // Its callback is used up: it comes again with the next connection.
    mine.screen.socket.disconnect();
    const again = await world().connectScreen(one);
    expect((await again.received(1))[0]).toMatchObject({ id: own.id, seq: 1, attempt: 2 });
    await becomes(socket, own.id, 'executed');
  });
}
