import { randomUUID } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  type CommandsHarness,
  commandsHarness,
  emptyLedger,
  SENDER,
  triggerTo,
  userPrincipal,
} from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import type { Database } from '../platform/database/database.js';
import type { UserPrincipal } from '../platform/principal.js';
import { cancelCommand } from './cancel.js';
import { CommandListStore } from './command-list-store.js';
import { StatusLedger } from './status-ledger.js';
import type { CancelDelivery } from './types.js';

const OWNER = randomUUID();
const NOW = 1_800_000_000_000;

describeEachDatabase('cancelling', (open) => {
  let database: Database;
  let harness: CommandsHarness;
  const inFlight = new Set<number>();
  const elsewhere = new Set<number>();
  const asked: number[] = [];

  /** As the holder of a screen decides, over the same tables. */
  const cancelBySql: CancelDelivery = async (_screenId, streamId, seq) => {
    asked.push(seq);
    if (elsewhere.has(seq)) return 'elsewhere';
    if (inFlight.has(seq)) return 'in-flight';
    const made = await database.query(
      `insert into deliveries (stream_id, seq, status, attempts, at) values ($1, $2, 'cancelled', 0, $3)
       on conflict do nothing returning 1 as made`,
      [streamId, seq, NOW],
    );
    return made.length > 0 ? 'cancelled' : 'ended';
  };
  const cancel = (id: string, caller: UserPrincipal = userPrincipal(), senderId?: string) => {
    const authorize = (who: { kind: string; userId?: string }, screenId: string) => {
      const streamId = harness.screens.get(screenId);
      if (streamId === undefined) return undefined;
      return {
        screenId,
        streamId,
        role: who.userId === OWNER ? ('owner' as const) : ('controller' as const),
      };
    };
    const status = { ledger: new StatusLedger(database), authorize };
    const deps = {
      ...{ status, store: new CommandListStore(database), cancel: cancelBySql },
      cancelElsewhere: async (places: readonly unknown[]) => places.map(() => 'elsewhere' as const),
    };
    return cancelCommand(deps, caller, id, senderId);
  };
  const sendOne = async () => {
    const command = triggerTo('scr_a');
    const { seq } = await harness.send('trigger', command);
    return { id: command.id, seq };
  };
  const settle = (seq: number, status: string) =>
    database.query(
      `insert into deliveries (stream_id, seq, status, attempts, at) values ($1, $2, $3, 1, $4)`,
      [harness.screens.get('scr_a') ?? 0, seq, status, NOW],
    );

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    for (const set of [inFlight, elsewhere]) set.clear();
    asked.length = 0;
    await emptyLedger(database);
    harness = commandsHarness(database);
    await harness.commands.start();
    await harness.addScreen('scr_a');
  });
  afterEach(() => harness.commands.stop(AbortSignal.timeout(1000)));

  it('[DL70] a command that waits is cancelled, and asking again answers the same', async () => {
    const { id } = await sendOne();
    const answer = await cancel(id);
    expect(answer).toMatchObject({ id, status: 'cancelled', deliveries: [{ status: 'cancelled' }] });
    expect(await cancel(id)).toEqual(answer);
    expect(asked).toEqual([1]);
  });

  it('[DL70] one in flight is CONFLICT, one that ended otherwise too, and details say which', async () => {
    const [flying, ended] = [await sendOne(), await sendOne()];
    inFlight.add(flying.seq);
    await expect(cancel(flying.id)).rejects.toMatchObject({
      code: 'CONFLICT',
      details: { reason: 'in-flight' },
    });
    await settle(ended.seq, 'executed');
    await expect(cancel(ended.id)).rejects.toMatchObject({
      code: 'CONFLICT',
      details: { reason: 'ended', status: 'executed' },
    });
  });

  it('[DL70] what ended while it was asked for is told by what it ended as', async () => {
    const late = await sendOne();
    inFlight.clear();
    const racing: CancelDelivery = async (screenId, streamId, seq) => {
      await settle(seq, 'expired');
      return cancelBySql(screenId, streamId, seq);
    };
    const status = { ledger: new StatusLedger(database), authorize: () => undefined };
    const store = new CommandListStore(database);
    const deps = { status, store, cancel: racing, cancelElsewhere: async () => [] };
    await expect(cancelCommand(deps, userPrincipal(), late.id, undefined)).rejects.toMatchObject({
      code: 'CONFLICT',
      details: { reason: 'ended', status: 'expired' },
    });
  });

  it('[DL70] a screen whose holder does not answer is UNAVAILABLE', async () => {
    const { id, seq } = await sendOne();
    elsewhere.add(seq);
    await expect(cancel(id)).rejects.toMatchObject({ code: 'UNAVAILABLE', retryAfterMs: 1000 });
  });

  it('[DL70] the screen’s owner and admins name the sender; for anybody else there is no such command', async () => {
    const notFound = { code: 'NOT_FOUND' };
    const { id } = await sendOne();
    await expect(cancel(randomUUID())).rejects.toMatchObject(notFound);
    await expect(cancel(id, userPrincipal(randomUUID()))).rejects.toMatchObject(notFound);
    await expect(cancel(id, userPrincipal(randomUUID()), SENDER)).rejects.toMatchObject(notFound);
    await expect(cancel(id, userPrincipal(OWNER))).rejects.toMatchObject(notFound);
    expect(asked).toEqual([]);
    expect(await cancel(id, userPrincipal(OWNER), SENDER)).toMatchObject({ status: 'cancelled' });
    const second = await sendOne();
    const admin = { ...userPrincipal(randomUUID()), role: 'admin' as const };
    expect(await cancel(second.id, admin, SENDER)).toMatchObject({ status: 'cancelled' });
  });

  it('[DL70] every inbox that a room’s command is in is asked', async () => {
    const id = randomUUID();
    for (const name of ['scr_b', 'scr_c']) await harness.addScreen(name);
    const [b, c] = [harness.screens.get('scr_b') ?? 0, harness.screens.get('scr_c') ?? 0];
    await database.exec(`
      insert into streams (kind, name, last_seq) values ('room', 'lobby', 1);
      insert into commands (stream_id, seq, sender_id, id, type, fingerprint, payload, accepted_at, expires_at)
      select id, 1, '${SENDER}', '${id}', 'trigger', '\\x00', '{"action":"show"}', 5, 6 from streams where name = 'lobby';
      insert into inbox_references (stream_id, seq, room_stream_id, room_seq)
      select unnest(array[${b}, ${c}]), unnest(array[11, 12]), id, 1 from streams where name = 'lobby'`);
    const places = await new CommandListStore(database).placesOf(SENDER, id);
    expect(places).toEqual([
      { screenId: 'scr_b', streamId: b, seq: 11, status: null },
      { screenId: 'scr_c', streamId: c, seq: 12, status: null },
    ]);
    for (const seq of [11, 12]) inFlight.add(seq);
    await expect(cancel(id)).rejects.toMatchObject({ code: 'CONFLICT', details: { reason: 'in-flight' } });
    expect(asked).toEqual([11, 12]);
  });
});
