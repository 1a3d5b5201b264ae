import { expect, it } from 'vitest';
import { userPrincipal } from '../../test/support/commands.js';
import { Acceptor, type AcceptorDeps, type CommandRequest } from './accept.js';
import type { AcceptOutcome, NewCommand } from './ledger.js';
import { Turns } from './turns.js';

const ID = '018f0000-0000-7000-8000-00000000000a';
const caller = { principal: userPrincipal() };
const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve));
const ACCEPTED: AcceptOutcome = { kind: 'accepted', seq: 1, acceptedAt: 5, epoch: 'e' };

function request(fields: Partial<CommandRequest> = {}): CommandRequest {
  return {
    id: ID,
    timestamp: 0,
    target: { screenId: 'scr_a' },
    content: { type: 'trigger', action: 'show' },
    ttlMs: undefined,
    retries: undefined,
    notify: 'all',
    nonce: undefined,
    ...fields,
  };
}

/** What was sent to be stored waits until the test answers it. */
function setUp(overrides: Partial<AcceptorDeps> = {}) {
  const sent: { command: NewCommand; answer(outcome: AcceptOutcome): void }[] = [];
  const counted: string[] = [];
  const batcher = {
    add: (command: NewCommand) =>
      new Promise<AcceptOutcome>((resolve) => sent.push({ command, answer: resolve })),
  };
  const acceptor = new Acceptor({
    retentionMs: 1000,
    ledger: { find: async () => undefined },
    batcher,
    roomBatcher: batcher,
    turns: new Turns(),
    databaseClock: () => 0,
    authorize: (_principal, screenId) => ({ screenId, streamId: 1, role: 'owner' }),
    limit: () => ({ allowed: true }),
    registerNonce: () => true,
    hook: undefined,
    refusesForMs: () => undefined,
    count: (_type, outcome) => counted.push(outcome),
    ...overrides,
  });
  return { acceptor, sent, counted };
}

it('[DL24] a command that comes by no socket waits for its gates, and for nobody else', async () => {
  const { acceptor, sent } = setUp({
    authorize: async (_principal, screenId) => ({ screenId, streamId: 1, role: 'owner' }),
    registerNonce: async () => true,
  });
  const answer = acceptor.accept(caller, request({ nonce: 'n' }));
  await nextTurn();
  sent[0]?.answer(ACCEPTED);
  expect(await answer).toMatchObject({ seq: 1, duplicate: false });
});

it('[DL7] a copy by no socket joins the wait of the first', async () => {
  const { acceptor, sent, counted } = setUp();
  const answers = [acceptor.accept(caller, request()), acceptor.accept(caller, request())];
  expect(sent).toHaveLength(1);
  sent[0]?.answer(ACCEPTED);
  expect(await Promise.all(answers)).toMatchObject([{ duplicate: false }, { duplicate: true }]);
  expect(counted).toEqual(['accepted', 'duplicate']);
});

it('[DL10] a copy that is refused while the first waits gets the answer of the first', async () => {
  const { acceptor, sent } = setUp();
  const first = acceptor.accept(caller, request());
  const stale = acceptor.accept(caller, request({ timestamp: 3_600_000 }));
  await nextTurn();
  sent[0]?.answer(ACCEPTED);
  expect(await first).toMatchObject({ duplicate: false });
  expect(await stale).toMatchObject({ seq: 1, duplicate: true });
});

it('[DL40] [ER14] what cannot be stored for its content is INTERNAL_ERROR', async () => {
  const { acceptor, sent, counted } = setUp();
  const answer = acceptor.accept(caller, request());
  sent[0]?.answer({ kind: 'unstorable', cause: new Error('content') });
  await expect(answer).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
  expect(counted).toEqual(['INTERNAL_ERROR']);
});

it('[DL12] [ER14] a gate that fails by a fault of ours is INTERNAL_ERROR, at once or later', async () => {
  const fault = new Error('a fault of ours');
  const later = setUp({ authorize: () => Promise.reject(fault) });
  await expect(later.acceptor.accept(caller, request())).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
  const atOnce = setUp({
    authorize: () => {
      throw fault;
    },
  });
  await expect(atOnce.acceptor.accept(caller, request())).rejects.toMatchObject({ code: 'INTERNAL_ERROR' });
});

it('[DL72] while nothing can be stored it is UNAVAILABLE before anything is asked', async () => {
  const { acceptor, sent } = setUp({
    refusesForMs: () => 700,
    authorize: () => {
      throw new Error('must not be asked');
    },
  });
  const answer = acceptor.accept(caller, request());
  await expect(answer).rejects.toMatchObject({ code: 'UNAVAILABLE', retryAfterMs: 700 });
  expect(sent).toEqual([]);
});

it('[DL78] what waits under the same content is not asked about again by the hook', async () => {
  const asked: string[] = [];
  const pass = async ({ id }: NewCommand) => {
    asked.push(id);
    return undefined;
  };
  const { acceptor, sent } = setUp({ hook: { pass } });
  const first = acceptor.accept(caller, request());
  await nextTurn();
  const copy = acceptor.accept(caller, request());
  await nextTurn();
  sent[0]?.answer(ACCEPTED);
  expect(await Promise.all([first, copy])).toMatchObject([{ duplicate: false }, { duplicate: true }]);
  expect(asked).toEqual([ID]);
});

it('[DL78] what the hook’s look-up finds is answered from there, and nothing is sent to be stored', async () => {
  const { acceptor, sent } = setUp();
  const waiting = acceptor.accept(caller, request());
  const { fingerprint } = sent[0]?.command ?? {};
  sent[0]?.answer(ACCEPTED);
  await waiting;
  const known = { stream: 'screen:scr_a', seq: 1, acceptedAt: 5, epoch: 'e', fingerprint: fingerprint ?? '' };
  const again = setUp({ hook: { pass: async () => known } });
  expect(await again.acceptor.accept(caller, request())).toMatchObject({ seq: 1, duplicate: true });
  expect(again.sent).toEqual([]);
});

it('[DL12] where there are no rooms, none is found', async () => {
  const { acceptor } = setUp();
  const answer = acceptor.accept(caller, request({ target: { roomId: 'lobby' } }));
  await expect(answer).rejects.toMatchObject({ code: 'ROOM_NOT_FOUND' });
});

it('[DL42] a ttlMs of exactly the retention is taken, a millisecond more is VALIDATION_ERROR', async () => {
  const { acceptor, sent } = setUp();
  const fits = acceptor.accept(caller, request({ ttlMs: 1000 }));
  expect(sent[0]?.command.ttlMs).toBe(1000);
  sent[0]?.answer(ACCEPTED);
  await fits;
  await expect(acceptor.accept(caller, request({ ttlMs: 1001 }))).rejects.toMatchObject({
    code: 'VALIDATION_ERROR',
    details: [{ path: 'ttlMs' }],
  });
});
