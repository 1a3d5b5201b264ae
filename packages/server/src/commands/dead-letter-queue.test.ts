import { randomUUID } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  type CommandsHarness,
  commandsConfig,
  commandsHarness,
  connectScreen,
  emptyLedger,
  FakeScreen,
  SENDER,
  triggerTo,
  userPrincipal,
} from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { plantLetter } from '../../test/support/letters.js';
import type { Database } from '../platform/database/database.js';
import { DeadLetterStore } from './dead-letter-store.js';

const NOW = 1_800_000_000_000;
const HOUR_MS = 3_600_000;
const FINGERPRINT = '00'.repeat(16);

describeEachDatabase('dead letters', (open) => {
  let database: Database;
  let harness: CommandsHarness;
  const letters = () => harness.commands.deadLetters;
  const commands = () =>
    database.query<Record<string, unknown>>(
      `select c.seq, c.sender_id as sender, c.id, c.type, c.payload, c.accepted_at as at, c.expires_at as "expiresAt", c.retries,
         c.notify, c.requeue_of as "requeueOf", s.name as screen
       from commands c join streams s on s.id = c.stream_id order by c.stream_id, c.seq`,
    );
  const requeuedAs = async (id: string) => {
    const [row] = await database.query<{ as: string | null }>(
      'select requeued_as as "as" from dead_letters where id = $1',
      [id],
    );
    return row?.as;
  };

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyLedger(database);
    harness = commandsHarness(database, {
      config: commandsConfig({ maxPendingPerScreen: 3 }),
      databaseClock: () => NOW,
    });
    await harness.commands.start();
    await harness.addScreen('scr_a');
  });
  afterEach(() => harness.commands.stop(AbortSignal.timeout(1000)));

  it('[DL62] [MSG2] requeueing makes a new command of the sender, for that screen only, with the default ttl', async () => {
    await harness.addScreen('scr_b');
    const payload = { data: { b: 1, a: [2] }, action: 'show', displayIndex: 2 };
    const { id, commandId } = await plantLetter(database, 'scr_a', { payload });
    const accepted = await letters().requeue(id);
    expect(accepted).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
      status: 'accepted',
      stream: 'screen:scr_a',
      seq: 1,
      epoch: await harness.commands.currentEpoch(),
      acceptedAt: NOW,
      duplicate: false,
    });
    expect(await commands()).toEqual([
      {
        seq: 1,
        sender: SENDER,
        id: accepted.id,
        type: 'trigger',
        payload: JSON.stringify(payload),
        at: NOW,
        expiresAt: NOW + 24 * HOUR_MS,
        retries: null,
        notify: 'all',
        requeueOf: commandId,
        screen: 'scr_a',
      },
    ]);
    expect(await requeuedAs(id)).toBe(accepted.id);
    // The sender may repeat the new id as any other: it is known by its content.
    const repeated = { ...triggerTo('scr_a', payload), id: accepted.id, timestamp: NOW };
    expect(await harness.send('trigger', repeated)).toEqual({ ...accepted, duplicate: true });
  });

  it('[DL62] the default ttl is the retention where that is shorter', async () => {
    const short = commandsHarness(database, {
      config: commandsConfig({ retentionMs: HOUR_MS }),
      databaseClock: () => NOW + 0.5,
    });
    const { id } = await plantLetter(database, 'scr_a');
    await short.commands.deadLetters.requeue(id);
    expect(await commands()).toMatchObject([{ expiresAt: NOW + HOUR_MS }]);
  });

  it('[DL63] a connected screen gets the entry at once, with requeueOf the first id of the chain', async () => {
    const firstId = randomUUID();
    const { id } = await plantLetter(database, 'scr_a', { firstId });
    const screen = new FakeScreen('scr_a', { answer: () => ({ status: 'executed' }) });
    const { detach } = await connectScreen(harness.commands, screen);
    const accepted = await letters().requeue(id);
    const [sent] = await screen.received(1);
    expect(sent).toMatchObject({
      event: 'trigger',
      entry: { id: accepted.id, seq: 1, attempt: 1, requeueOf: firstId, from: { userId: SENDER } },
    });
    await expect
      .poll(() => harness.pushed)
      .toMatchObject([{ userId: SENDER, payload: { id: accepted.id, status: 'executed' } }]);
    detach();
  });

  it('[DL64] of 20 requeues at once one makes a command, the others are CONFLICT', async () => {
    const { id } = await plantLetter(database, 'scr_a');
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => letters().requeue(id)));
    const made = results.filter((result) => result.status === 'fulfilled');
    expect(made).toHaveLength(1);
    const refusals = results.filter((result) => result.status === 'rejected').map(({ reason }) => reason);
    const requeued = await requeuedAs(id);
    expect(refusals).toHaveLength(19);
    for (const refusal of refusals) {
      expect(refusal).toMatchObject({ code: 'CONFLICT', details: { requeuedAs: requeued } });
    }
    expect(await commands()).toMatchObject([{ id: requeued, seq: 1 }]);
    expect(await harness.send('trigger', { ...triggerTo('scr_a'), timestamp: NOW })).toMatchObject({
      seq: 2,
    });
  });

  it('[DL65] an unknown letter is NOT_FOUND, one of a deleted or unknown screen SCREEN_NOT_FOUND, and nothing is made', async () => {
    await expect(letters().requeue(randomUUID())).rejects.toMatchObject({ code: 'NOT_FOUND' });
    const streamId = await harness.addScreen('scr_gone');
    const gone = await plantLetter(database, 'scr_gone');
    await database.transaction((tx) => harness.commands.cancelInbox(tx, streamId, NOW));
    await expect(letters().requeue(gone.id)).rejects.toMatchObject({ code: 'SCREEN_NOT_FOUND' });
    const stray = await plantLetter(database, 'scr_never');
    await expect(letters().requeue(stray.id)).rejects.toMatchObject({ code: 'SCREEN_NOT_FOUND' });
    expect(await commands()).toEqual([]);
    expect(await requeuedAs(gone.id)).toBeNull();
  });

  it('[DL65] a full screen is BUSY, and the letter waits on', async () => {
    for (let n = 0; n < 3; n += 1) await harness.send('trigger', { ...triggerTo('scr_a'), timestamp: NOW });
    const { id } = await plantLetter(database, 'scr_a');
    await expect(letters().requeue(id)).rejects.toMatchObject({ code: 'BUSY', retryAfterMs: 1000 });
    expect(await requeuedAs(id)).toBeNull();
    const [stream] = await database.query(`select last_seq from streams where name = 'scr_a'`);
    expect(stream).toEqual({ last_seq: 3 });
  });

  it('[DL62] a requeued navigate is what the screen should show', async () => {
    const desired = () =>
      database.query(
        `select display_index, desired_url, desired_at, desired_seq, desired_id from screen_displays order by display_index`,
      );
    const first = await plantLetter(database, 'scr_a', { type: 'navigate', payload: { url: '/menu' } });
    const { id } = await letters().requeue(first.id);
    const row = { display_index: 0, desired_url: '/menu', desired_at: NOW, desired_seq: 1, desired_id: id };
    expect(await desired()).toEqual([row]);
    const payload = { url: '/wines', displayIndex: 3 };
    const third = await plantLetter(database, 'scr_a', { type: 'navigate', payload });
    await letters().requeue(third.id);
    const again = await plantLetter(database, 'scr_a', { type: 'navigate', payload: { url: '/desserts' } });
    const newest = await letters().requeue(again.id);
    expect(await desired()).toMatchObject([
      { ...row, desired_url: '/desserts', desired_seq: 3, desired_id: newest.id },
      { display_index: 3, desired_url: '/wines', desired_seq: 2 },
    ]);
  });

  it('[DL64] asking again with the same command ids answers what was done, another id is used', async () => {
    const store = new DeadLetterStore(database);
    const { id: letterId } = await plantLetter(database, 'scr_a');
    const other = await plantLetter(database, 'scr_a');
    const request = (id: string, commandId: string) => ({
      letterId: id,
      commandId,
      fingerprint: FINGERPRINT,
    });
    const requests = [request(letterId, randomUUID()), request(other.id, randomUUID())];
    const times = { at: NOW, expiresAt: NOW + HOUR_MS };
    const first = await store.requeue(requests, times, 10);
    expect(first).toMatchObject([
      { outcome: 'requeued', seq: 1 },
      { outcome: 'requeued', seq: 2 },
    ]);
    const later = { at: NOW + 1000, expiresAt: NOW + 1000 };
    expect(await store.requeue([...requests].reverse(), later, 10)).toEqual([...first].reverse());
    const strange = request(letterId, randomUUID());
    expect(await store.requeue([strange], times, 10)).toMatchObject([
      { outcome: 'used', commandId: requests[0]?.commandId },
    ]);
    expect(await commands()).toHaveLength(2);
  });

  it('[DL64] one statement has each outcome on its own, and a letter named twice is requeued once', async () => {
    const store = new DeadLetterStore(database);
    await harness.addScreen('scr_b');
    for (let n = 0; n < 3; n += 1) await harness.send('trigger', { ...triggerTo('scr_b'), timestamp: NOW });
    const [good, full] = [await plantLetter(database, 'scr_a'), await plantLetter(database, 'scr_b')];
    const used = await plantLetter(database, 'scr_a', { requeuedAs: randomUUID() });
    // As a letter of a room's command may be: under the room's stream.
    const ofRoom = await plantLetter(database, 'scr_a');
    await database.query('update dead_letters set stream_id = 999 where id = $1', [ofRoom.id]);
    const ids = [good.id, full.id, used.id, randomUUID(), ofRoom.id, good.id];
    const outcomes = await store.requeue(
      ids.map((letterId) => ({ letterId, commandId: randomUUID(), fingerprint: FINGERPRINT })),
      { at: NOW, expiresAt: NOW + HOUR_MS },
      3,
    );
    expect(outcomes.map(({ outcome }) => outcome)).toEqual([
      'requeued',
      'full',
      'used',
      'unknown',
      'requeued',
      'used',
    ]);
    expect((await commands()).filter(({ screen }) => screen === 'scr_a')).toHaveLength(2);
  });

  it('[DL66] letters are listed newest first, page by page, each once, also those of one moment', async () => {
    const planted = [];
    for (let n = 0; n < 7; n += 1) {
      planted.push(await plantLetter(database, 'scr_a', { at: NOW + Math.floor(n / 3), error: `no ${n}` }));
    }
    const seen: { id: string; at: number }[] = [];
    let cursor: string | undefined;
    do {
      const page = await letters().getMessages({ limit: 2, cursor });
      seen.push(...page.items);
      cursor = page.nextCursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen.map(({ at }) => at - NOW)).toEqual([2, 1, 1, 1, 0, 0, 0]);
    expect(new Set(seen.map(({ id }) => id))).toEqual(new Set(planted.map(({ id }) => id)));
    await expect(letters().getMessages({ cursor: 'bm9wZQ' })).rejects.toMatchObject({
      code: 'VALIDATION_ERROR',
    });
  });

  it('[DL66] a letter is listed whole; screens, reason and requeued choose', async () => {
    const { id, commandId } = await plantLetter(database, 'scr_a', {
      payload: { action: 'show', data: 7 },
      reason: 'exhausted',
      error: 'no signal',
      attempts: 4,
      at: NOW,
    });
    await plantLetter(database, 'scr_b', { reason: 'lost' });
    const as = randomUUID();
    const requeued = await plantLetter(database, 'scr_a', { requeuedAs: as });
    const { items } = await letters().getMessages({ screenIds: ['scr_a'], reason: 'exhausted' });
    expect(items).toEqual([
      {
        id,
        commandId,
        type: 'trigger',
        screenId: 'scr_a',
        reason: 'exhausted',
        error: 'no signal',
        attempts: 4,
        at: NOW,
        payload: { action: 'show', data: 7 },
        from: { userId: SENDER, username: 'Ada' },
        requeuedAs: null,
      },
    ]);
    expect((await letters().getMessages()).items).toHaveLength(2);
    expect((await letters().getMessages({ screenIds: [] })).items).toEqual([]);
    expect((await letters().getMessages({ reason: 'overflow' })).items).toEqual([]);
    const done = await letters().getMessages({ requeued: true });
    expect(done).toMatchObject({ items: [{ id: requeued.id, requeuedAs: as }], nextCursor: null });
  });

  it('[DL67] stats count the letters that wait', async () => {
    expect(await letters().getStats()).toEqual({ total: 0, byReason: {}, byScreen: {}, oldestAt: null });
    await plantLetter(database, 'scr_a', { at: NOW + 5, reason: 'lost' });
    await plantLetter(database, 'scr_a', { at: NOW + 3, reason: 'rejected' });
    await plantLetter(database, 'scr_b', { at: NOW + 4, reason: 'lost' });
    await plantLetter(database, 'scr_b', { at: NOW, requeuedAs: randomUUID() });
    expect(await letters().getStats()).toEqual({
      total: 3,
      byReason: { lost: 2, rejected: 1 },
      byScreen: { scr_a: 2, scr_b: 1 },
      oldestAt: NOW + 3,
    });
    expect(await letters().getStats(['scr_b'])).toEqual({
      total: 1,
      byReason: { lost: 1 },
      byScreen: { scr_b: 1 },
      oldestAt: NOW + 4,
    });
  });

  it('[MSG2] push adds what died elsewhere, once, and remove takes it away', async () => {
    const streamId = harness.screens.get('scr_a') ?? 0;
    const entry = {
      screenId: 'scr_a',
      streamId,
      seq: 4,
      commandId: randomUUID(),
      senderId: SENDER,
      content: { type: 'navigate', url: '/menu', displayIndex: 1 },
      reason: 'overflow',
      attempts: 0,
    } as const;
    const push = (error?: string) =>
      database.transaction((tx) => letters().push(tx, error === undefined ? entry : { ...entry, error }));
    expect(await push()).toBe(true);
    expect(await push('again')).toBe(false);
    const [letter] = (await letters().getMessages()).items;
    expect(letter).toMatchObject({
      commandId: entry.commandId,
      type: 'navigate',
      payload: { url: '/menu', displayIndex: 1 },
      reason: 'overflow',
      error: null,
      at: NOW,
    });
    await letters().requeue(letter?.id ?? '');
    expect(await commands()).toMatchObject([{ requeueOf: entry.commandId }]);
    expect(await letters().getMessage(letter?.id ?? '')).toMatchObject({ payload: { url: '/menu' } });
    expect(await letters().remove(letter?.id ?? '')).toBe(true);
    await expect(letters().getMessage(letter?.id ?? '')).rejects.toMatchObject({ code: 'NOT_FOUND' });
    expect(await letters().remove(letter?.id ?? '')).toBe(false);
    expect((await letters().getMessages({ requeued: true })).items).toEqual([]);
  });

  it('[DL68] many are requeued oldest first; a full screen and a deleted one stay behind and keep nobody', async () => {
    for (const screenId of ['scr_b', 'scr_gone']) await harness.addScreen(screenId);
    for (let n = 0; n < 3; n += 1) await harness.send('trigger', { ...triggerTo('scr_b'), timestamp: NOW });
    for (let n = 0; n < 60; n += 1) await plantLetter(database, 'scr_b', { at: NOW + n });
    await plantLetter(database, 'scr_gone', { at: NOW });
    const gone = harness.screens.get('scr_gone') ?? 0;
    await database.transaction((tx) => harness.commands.cancelInbox(tx, gone, NOW));
    const last = await plantLetter(database, 'scr_a', { at: NOW + 1001 });
    const first = await plantLetter(database, 'scr_a', { at: NOW + 1000 });
    await plantLetter(database, 'scr_a', { reason: 'lost' });
    expect(await letters().requeueMany({ reason: 'rejected' })).toEqual({
      requeued: 2,
      left: 60,
      full: ['scr_b'],
    });
    const inbox = (await commands()).filter(({ screen }) => screen === 'scr_a');
    expect(inbox).toMatchObject([{ requeueOf: first.commandId }, { requeueOf: last.commandId }]);
    expect(await letters().requeueMany({ screenIds: ['scr_gone'] })).toMatchObject({ requeued: 0, left: 0 });
  });

  it('[DL68] at most 1,000 a call, and two callers at once requeue each letter once', async () => {
    const roomy = commandsHarness(database, { databaseClock: () => NOW });
    await database.query(
      `insert into dead_letters (id, screen_id, stream_id, seq, command_id, sender_id, type, payload, reason, attempts, at, first_id)
       select gen_random_uuid(), 'scr_a', $1, n, gen_random_uuid(), $2, 'trigger', '{"action":"show"}', 'lost', 1, n,
         gen_random_uuid()
       from generate_series(1, 1100) as n`,
      [harness.screens.get('scr_a') ?? 0, SENDER],
    );
    const queue = roomy.commands.deadLetters;
    expect(await queue.requeueMany({ screenIds: ['scr_a'] })).toMatchObject({ requeued: 1000, left: 100 });
    const both = await Promise.all([
      queue.requeueMany({ screenIds: ['scr_a'] }),
      queue.requeueMany({ screenIds: ['scr_a'] }),
    ]);
    expect(both.reduce((sum, { requeued }) => sum + requeued, 0)).toBe(100);
    const [row] = await database.query(
      'select count(*) as made, count(distinct requeue_of) as letters, max(seq) as last from commands',
    );
    expect(row).toEqual({ made: 1100, letters: 1100, last: 1100 });
  });

  it('[DL63] the sender asks after the new id as after any other', async () => {
    const sender = randomUUID();
    const { id } = await plantLetter(database, 'scr_a', { senderId: sender });
    const accepted = await letters().requeue(id);
    const status = harness.commands.events.status;
    const answer = await status?.handle(
      {
        socketId: 's',
        instanceId: undefined,
        principal: userPrincipal(sender),
        origin: { address: '', userAgent: '' },
        signal: new AbortController().signal,
        replacePrincipal() {},
      },
      { ids: [accepted.id] },
    );
    expect(answer).toMatchObject({ items: [{ id: accepted.id, status: 'accepted' }] });
  });
});
