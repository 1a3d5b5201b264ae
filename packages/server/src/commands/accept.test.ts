import { randomUUID } from 'node:crypto';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  type CommandsHarness,
  commandsConfig,
  commandsHarness,
  connectScreen,
  emptyLedger,
  FakeScreen,
  lonelyBus,
  SENDER,
  triggerTo,
  userPrincipal,
} from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import {
  type Database,
  DatabaseError,
  type QueryOptions,
  type SqlValue,
} from '../platform/database/database.js';
import type { ScreenGrant } from '../screens/index.js';
import type { CommandsDeps } from './index.js';

const MINUTE = 60_000;

describeEachDatabase('accepting', (open) => {
  let database: Database;
  let harness: CommandsHarness;
  const harnesses: CommandsHarness[] = [];

  const start = async (overrides: Partial<CommandsDeps> = {}) => {
    const made = commandsHarness(database, overrides);
    harnesses.push(made);
    await made.commands.start();
    return made;
  };
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyLedger(database);
    harness = await start();
    await harness.addScreen('scr_a');
  });
  afterEach(async () => {
    for (const made of harnesses.splice(0)) await made.commands.stop(AbortSignal.timeout(1000));
  });
  const stored = (id: string) =>
    database.query('select seq from commands where sender_id = $1 and id = $2', [SENDER, id]);
  const seqsInOrder = async () => {
    const rows = await database.query<{ id: string }>('select id from commands order by stream_id, seq');
    return rows.map((row) => row.id);
  };
  /** A harness like the first, on the same screens. */
  const another = async (overrides: Partial<CommandsDeps>) => {
    const made = await start(overrides);
    for (const [screenId, streamId] of harness.screens) made.screens.set(screenId, streamId);
    return made;
  };

  it('[DL1] [DL2] [MSG3] [MSG4] answers accepted when the command is stored, numbered from 1', async () => {
    const command = triggerTo('scr_a', { data: { n: 1 } });
    const answer = await harness.send('trigger', command);
    expect(answer).toEqual({
      id: command.id,
      status: 'accepted',
      stream: 'screen:scr_a',
      seq: 1,
      epoch: await harness.commands.currentEpoch(),
      acceptedAt: expect.any(Number),
      duplicate: false,
    });
    expect(await stored(command.id)).toEqual([{ seq: 1 }]);
    const { action: _action, ...fields } = triggerTo('scr_a', { url: '/menu' });
    expect(await harness.send('navigate', fields)).toMatchObject({ seq: 2 });
  });

  it('[DL4] [DL7] [MSG1] stores 50 copies sent at once only once, and answers all alike', async () => {
    const command = triggerTo('scr_a', { data: { n: 1 } });
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, socket) => harness.send('trigger', command, { socketId: `${socket}` })),
    );
    expect(answers.filter((answer) => !answer.duplicate)).toHaveLength(1);
    expect(new Set(answers.map((answer) => answer.seq))).toEqual(new Set([1]));
    expect(await stored(command.id)).toHaveLength(1);
    const later = await harness.send('trigger', command);
    expect(later).toEqual({ ...answers[0], duplicate: true });
  });

  it('[DL4] [DL7] [MSG1] two processes that get the same 40 ids at once store each once, without holes', async () => {
    for (let i = 0; i < 8; i += 1) await harness.addScreen(`scr_${i}`);
    const other = await another({});
    const commands = Array.from({ length: 40 }, (_, i) => triggerTo(`scr_${i % 8}`, { data: { i } }));
    const shuffled = [...commands].reverse();
    const answers = await Promise.all([
      ...commands.map((command) => harness.send('trigger', command)),
      ...shuffled.map((command) => other.send('trigger', command)),
    ]);
    expect(answers.filter((answer) => !answer.duplicate)).toHaveLength(40);
    const mirrored = answers.slice(40).reverse();
    expect(mirrored.map(({ stream, seq }) => [stream, seq])).toEqual(
      answers.slice(0, 40).map(({ stream, seq }) => [stream, seq]),
    );
    const [holes] = await database.query(
      'select count(*) as n from streams s where last_seq <> (select count(*) from commands c where c.stream_id = s.id)',
    );
    expect(holes).toEqual({ n: 0 });
  });

  it('[DL6] [DL8] [MSG1] refuses the same id with other content, whatever is in flight', async () => {
    const id = randomUUID();
    const one = harness.send('trigger', triggerTo('scr_a', { id, data: { n: 1 } }));
    const other = harness.send('trigger', triggerTo('scr_a', { id, data: { n: 2 } }));
    await expect(one).resolves.toMatchObject({ seq: 1 });
    await expect(other).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
    const later = harness.send('trigger', triggerTo('scr_a', { id, action: 'hide' }));
    await expect(later).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
    // Another sender's ids are its own.
    const principal = userPrincipal(randomUUID());
    const foreign = await harness.send('trigger', triggerTo('scr_a', { id, action: 'hide' }), { principal });
    expect(foreign).toMatchObject({ duplicate: false, seq: 2 });
  });

  it('[DL3] keeps the order of a socket, however long the gates of each take', async () => {
    const releases: (() => void)[] = [];
    const slow = await another({
      authorize: (_principal, screenId) =>
        new Promise<ScreenGrant>((resolve) => {
          releases.push(() =>
            resolve({ screenId, streamId: harness.screens.get('scr_a') ?? 0, role: 'owner' }),
          );
        }),
      registerNonce: (_userId, nonce) => nonce !== 'used',
    });
    const commands = Array.from({ length: 6 }, (_, i) =>
      triggerTo('scr_a', i === 2 ? { nonce: 'used' } : {}),
    );
    const answers = commands.map((command) => slow.send('trigger', command));
    const refused = expect(answers[2]).rejects.toMatchObject({ code: 'REPLAY_DETECTED' });
    for (const index of [5, 2, 4, 1, 3, 0]) {
      releases[index]?.();
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    await refused;
    await Promise.allSettled(answers);
    const expected = commands.filter((_, index) => index !== 2).map(({ id }) => id);
    expect(await seqsInOrder()).toEqual(expected);
  });

  it('[DL10] a known command gets its stored answer, whatever has changed since', async () => {
    let now = Date.now();
    const nonces = new Map<string, string>();
    let isAuthorized = true;
    const own = await another({
      databaseClock: () => now,
      authorize: (_principal, screenId) =>
        isAuthorized ? { screenId, streamId: harness.screens.get(screenId) ?? 0, role: 'owner' } : undefined,
      registerNonce: (_userId, nonce, id) => {
        const taken = nonces.get(nonce) ?? id;
        nonces.set(nonce, taken);
        return taken === id;
      },
    });
    const command = triggerTo('scr_a', { nonce: 'n1' });
    const answer = await own.send('trigger', command);
    expect(await own.send('trigger', command)).toEqual({ ...answer, duplicate: true });
    now += 6 * MINUTE;
    expect(await own.send('trigger', command)).toEqual({ ...answer, duplicate: true });
    isAuthorized = false;
    expect(await own.send('trigger', command)).toEqual({ ...answer, duplicate: true });
    nonces.set('n1', 'other');
    isAuthorized = true;
    expect(await own.send('trigger', command)).toEqual({ ...answer, duplicate: true });
    const changed = own.send('trigger', { ...command, action: 'hide' });
    await expect(changed).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
  });

  it('[DL9] [MSG4] refuses what is stale or early by more than 5 min, and says what time it is', async () => {
    const now = Date.now();
    const own = await another({ databaseClock: () => now });
    for (const timestamp of [now - 5 * MINUTE - 1, now + 5 * MINUTE + 1]) {
      await expect(own.send('trigger', triggerTo('scr_a', { timestamp }))).rejects.toMatchObject({
        code: 'REQUEST_EXPIRED',
        details: { serverTime: now },
      });
    }
    await own.send('trigger', triggerTo('scr_a', { timestamp: now - 5 * MINUTE }));
    await own.send('trigger', triggerTo('scr_a', { timestamp: now + 5 * MINUTE }));
  });

  it('[DL12] [DL28] answers each refusal by its code and stores nothing', async () => {
    const refusal = (payload: object, options = {}) =>
      harness.send('trigger', payload, options).then(
        () => 'accepted',
        (error: { code: string }) => error.code,
      );
    expect(await refusal(triggerTo('scr_unknown'))).toBe('SCREEN_NOT_FOUND');
    expect(await refusal({ ...triggerTo('scr_a'), target: { roomId: 'room' } })).toBe('ROOM_NOT_FOUND');
    expect(await refusal(triggerTo('scr_a', { ttlMs: 86_400_001 }))).toBe('VALIDATION_ERROR');
    const principal = { kind: 'screen', screenId: 'scr_a', sessionId: 's', expiresAt: 0 };
    expect(await refusal(triggerTo('scr_a'), { principal })).toBe('FORBIDDEN');
    const limited = await another({ limit: () => ({ allowed: false, retryAfterMs: 12.5 }) });
    await expect(limited.send('trigger', triggerTo('scr_a'))).rejects.toMatchObject({
      code: 'RATE_LIMIT',
      retryAfterMs: 13,
    });
    expect(await seqsInOrder()).toEqual([]);
  });

  it('[DL12] a gate that cannot ask the database refuses with UNAVAILABLE and lets the next one pass', async () => {
    const away = new DatabaseError('commit-unknown', 'The connection was lost');
    let isAway = true;
    const own = await another({
      authorize: async (_principal, screenId) => {
        if (isAway) throw away;
        return { screenId, streamId: harness.screens.get(screenId) ?? 0, role: 'owner' };
      },
    });
    const refused = own.send('trigger', triggerTo('scr_a'));
    await expect(refused).rejects.toMatchObject({ code: 'UNAVAILABLE', retryable: true });
    isAway = false;
    await expect(own.send('trigger', triggerTo('scr_a'))).resolves.toMatchObject({ seq: 1 });
  });

  it('[DL42] keeps the time to live: what was asked, else the smaller of 24 h and the retention', async () => {
    const hour = 3_600_000;
    const own = await another({
      config: commandsConfig({ retentionMs: 2 * hour, maxPendingPerScreen: 10 }),
    });
    await own.send('trigger', triggerTo('scr_a'));
    await own.send('trigger', triggerTo('scr_a', { ttlMs: 500 }));
    const rows = await database.query('select expires_at - accepted_at as ttl from commands order by seq');
    expect(rows).toEqual([{ ttl: 2 * hour }, { ttl: 500 }]);
  });

  it('[DL33] answers BUSY for what is over MAX_PENDING_PER_SCREEN, inside one batch too', async () => {
    await harness.addScreen('scr_b');
    const own = await another({
      config: commandsConfig({ retentionMs: 1000, maxPendingPerScreen: 3 }),
    });
    const send = (screenId: string) =>
      own.send('trigger', triggerTo(screenId)).then(
        ({ seq }) => seq,
        (error: { code: string; retryAfterMs: number }) => [error.code, error.retryAfterMs > 0],
      );
    const screens = ['scr_a', 'scr_b', 'scr_a', 'scr_a', 'scr_a', 'scr_b', 'scr_a'];
    expect(await Promise.all(screens.map(send))).toEqual([1, 1, 2, 3, ['BUSY', true], 2, ['BUSY', true]]);
    expect(await send('scr_a')).toEqual(['BUSY', true]);
    await database.query('update screen_sessions set acked_seq = 2 where stream_id = 1');
    expect(await send('scr_a')).toBe(4);
  });

  it('[DL31] a deleted stream inside a batch refuses its own commands only', async () => {
    const streamId = await harness.addScreen('scr_b');
    const known = triggerTo('scr_b');
    const answer = await harness.send('trigger', known);
    await database.transaction((tx) => harness.commands.cancelInbox(tx, streamId, Date.now()));
    const results = await Promise.allSettled([
      harness.send('trigger', triggerTo('scr_a')),
      harness.send('trigger', triggerTo('scr_b')),
      harness.send('trigger', known),
      harness.send('trigger', triggerTo('scr_a')),
    ]);
    expect(results).toMatchObject([
      { status: 'fulfilled', value: { seq: 1 } },
      { status: 'rejected', reason: { code: 'SCREEN_NOT_FOUND' } },
      { status: 'fulfilled', value: { ...answer, duplicate: true } },
      { status: 'fulfilled', value: { seq: 2 } },
    ]);
  });

  it('[DL32] batches over shuffled streams from several processes never block each other for good', async () => {
    const screens = Array.from({ length: 12 }, (_, i) => `scr_${i}`);
    for (const screen of screens) await harness.addScreen(screen);
    const all = [harness, await another({}), await another({})];
    const answers = await Promise.all(
      all.flatMap((one, index) =>
        Array.from({ length: 120 }, (_, i) =>
          one.send('trigger', triggerTo(screens[(i * (2 * index + 5)) % 12] ?? ''), {
            socketId: `${i % 10}`,
          }),
        ),
      ),
    );
    expect(answers).toHaveLength(360);
    const [sums] = await database.query<{ last: number; rows: number }>(
      'select (select sum(last_seq) from streams)::int8 as last, (select count(*) from commands) as rows',
    );
    expect(sums).toEqual({ last: 360, rows: 360 });
  });

  it('[DL39] a COMMIT whose answer is lost is no refusal: the command is stored once and delivered', async () => {
    let losses = 2;
    const lossy: Database = Object.assign(Object.create(database), {
      async query(text: string, parameters?: readonly SqlValue[], options?: QueryOptions) {
        const rows = await database.query(text, parameters, options);
        if (!text.includes('accept_commands') || losses === 0) return rows;
        losses -= 1;
        throw new DatabaseError('commit-unknown', 'The answer was lost');
      },
    });
    const own = await another({ database: lossy });
    const screen = new FakeScreen('scr_a', { answer: () => ({ status: 'executed' }) });
    await connectScreen(own.commands, screen);
    const commands = [triggerTo('scr_a'), triggerTo('scr_a')];
    const answers = await Promise.all(commands.map((command) => own.send('trigger', command)));
    expect(losses).toBe(0);
    expect(answers).toMatchObject([
      { seq: 1, duplicate: false },
      { seq: 2, duplicate: false },
    ]);
    await screen.received(2);
    expect(await seqsInOrder()).toEqual(commands.map(({ id }) => id));
  });

  it('[DL38] refuses with UNAVAILABLE once it is stopping', async () => {
    const waiting = harness.send('trigger', triggerTo('scr_a'));
    await harness.commands.stop(AbortSignal.timeout(1000));
    await expect(waiting).resolves.toMatchObject({ status: 'accepted' });
    await expect(harness.send('trigger', triggerTo('scr_a'))).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('[DL1] what was committed is accepted, even when nobody can be told of it', async () => {
    const bus = {
      ...lonelyBus(),
      publish() {
        throw new Error('made up');
      },
    };
    const mute = await another({ ephemeral: { bus } });
    const command = triggerTo('scr_a');
    expect(await mute.send('trigger', command)).toMatchObject({ status: 'accepted', duplicate: false });
    expect(await stored(command.id)).toEqual([{ seq: 1 }]);
  });

  it('[OBS2] counts what was answered', async () => {
    const command = triggerTo('scr_a');
    await harness.send('trigger', command);
    await harness.send('trigger', command);
    await harness.send('trigger', triggerTo('scr_unknown')).catch(() => undefined);
    const text = await harness.metrics.text();
    expect(text).toContain('bongsu_commands_total{type="trigger",outcome="accepted"} 1');
    expect(text).toContain('bongsu_commands_total{type="trigger",outcome="duplicate"} 1');
    expect(text).toContain('bongsu_commands_total{type="trigger",outcome="SCREEN_NOT_FOUND"} 1');
    expect(text).toContain('bongsu_batch_size_count 2');
  });
});
