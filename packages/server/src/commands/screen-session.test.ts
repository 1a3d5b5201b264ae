import { expect, it, vi } from 'vitest';
import { FakeScreen } from '../../test/support/commands.js';
import { entry } from '../../test/support/entries.js';
import { ManualClock } from '../../test/support/manual-clock.js';
import type { Settlement } from './delivery-ledger.js';
import { RetryQueue } from './retry-queue.js';
import { ScreenSession, type SessionHost } from './screen-session.js';

function setUp(options: ConstructorParameters<typeof FakeScreen>[1] = {}) {
  const clock = new ManualClock();
  const answers: (() => Promise<boolean>)[] = [];
  const settlements: Settlement[] = [];
  const told: string[] = [];
  const bad: number[] = [];
  const host: SessionHost = {
    clock,
    retries: new RetryQueue({ clock, databaseClock: clock.now, random: () => 0 }),
    ackTimeoutMs: 5000,
    maxRetries: 3,
    now: clock.now,
    mayDecide: () => true,
    read: () => {},
    settle: async (_session, settlement) => {
      settlements.push(settlement);
      return (answers.shift() ?? (async () => true))();
    },
    tell: ({ seq }, { status }) => told.push(`${seq} ${status}`),
    onExecuted: () => {},
    onBadReceipt: (_session, { seq }) => bad.push(seq),
  };
  const screen = new FakeScreen('scr_a', options);
  const session = new ScreenSession(screen, host);
  session.hold({ streamId: 1, fence: 4, epoch: 'e' });
  session.inbox.start(0, 0, 0);
  session.inbox.open();
  const settled = () => new Promise((resolve) => setImmediate(resolve));
  return { clock, host, screen, session, answers, settlements, told, bad, settled };
}

it('[DL14] a screen whose receipts cannot be written is asked to come back', async () => {
  const { session, screen, answers, told, settled } = setUp();
  answers.push(async () => Promise.reject(new Error('gone')));
  session.inbox.hint(entry(1));
  screen.sent[0]?.receipt({ status: 'executed' });
  await settled();
  expect(screen.closings).toEqual(['DRAINING']);
  expect(told).toEqual([]);
  session.close('DRAINING');
  expect(screen.closings).toHaveLength(1);
});

it('[DL34] tells nobody of what was written under a fence that is no more its own', async () => {
  const { session, screen, answers, told, settled } = setUp();
  answers.push(async () => false);
  session.inbox.hint(entry(1));
  screen.sent[0]?.receipt({ status: 'executed' });
  await settled();
  expect(told).toEqual([]);
});

it('[DL44] [DL34] callbacks of what left flight, and of all when it ends, are deleted', async () => {
  const { session, screen, clock, bad } = setUp({ window: 3 });
  for (let seq = 1; seq <= 3; seq += 1) session.inbox.hint(entry(seq));
  const receipts = vi.spyOn(session.inbox, 'receipt');
  screen.sent[0]?.receipt('garbage');
  expect(bad).toEqual([1]);
  screen.sent[1]?.receipt({ status: 'executed' });
  expect(receipts).toHaveBeenCalledTimes(1);
  session.end(true);
  screen.sent[2]?.receipt({ status: 'executed' });
  expect(receipts).toHaveBeenCalledTimes(1);
  // No timer of a retry or of silence outlives it.
  expect(clock.pending).toBe(0);
});

it('[DL34] an answer that comes all the same when the session is over counts for nothing', () => {
  const { session, screen, settlements } = setUp();
  const answers: ((answer: unknown) => void)[] = [];
  vi.spyOn(screen, 'send').mockImplementation((_event, _entry, onReceipt) => {
    answers.push(onReceipt);
    return () => {};
  });
  session.inbox.hint(entry(1));
  session.end(true);
  answers[0]?.({ status: 'executed' });
  expect(settlements).toEqual([]);
});

it('[DL49] what it leaves behind: nothing, one lost connection more, or a dead letter', () => {
  const first = setUp().session;
  expect(first.releaseOf(first.end(true))).toMatchObject({ release: true, fence: 4, ended: [], failed: [] });
  const second = setUp();
  second.session.inbox.hint(entry(1, { failed: 1, lost: 2, nextAt: 5, lastError: 'no' }));
  const unanswered = second.session.end(true);
  expect(second.session.releaseOf(unanswered)).toMatchObject({
    ended: [],
    failed: [{ seq: 1, failed: 1, lost: 3, nextAt: 5, error: 'no' }],
  });
  if (unanswered) second.session.tellUnanswered(unanswered);
  expect(second.told).toEqual([]);
  const third = setUp();
  third.session.inbox.hint(entry(1, { lost: 9, lastError: 'no' }));
  const dead = third.session.end(true);
  expect(third.session.releaseOf(dead)).toMatchObject({
    ackedSeq: 1,
    ended: [{ seq: 1, status: 'dead', reason: 'lost', attempts: 10, error: 'no' }],
    failed: [],
  });
  if (dead) third.session.tellUnanswered(dead);
  expect(third.told).toEqual(['1 dead']);
});

it('[DL50] a cancelling that could not be written is none', async () => {
  const { session, answers } = setUp();
  session.inbox.hint(entry(1));
  session.inbox.hint(entry(2));
  session.inbox.hint(entry(3));
  expect(await session.cancel(entry(1))).toBe('in-flight');
  expect(await session.cancel(entry(2))).toBe('cancelled');
  answers.push(async () => false);
  expect(await session.cancel(entry(3))).toBe('closed');
});

it('[DL20] a receipt that names another entry counts for nothing, and its callback is used up', () => {
  const { session, screen, bad, settlements } = setUp();
  session.inbox.hint(entry(1));
  screen.sent[0]?.receipt({ status: 'executed', stream: 'screen:scr_b', seq: 1 });
  expect([bad, settlements, session.inbox.inFlight]).toEqual([[1], [], 1]);
});

it('[DL63] an entry that was requeued names the first id of its chain', () => {
  const { session, screen } = setUp({ window: 2 });
  session.inbox.hint(entry(1));
  session.inbox.hint(entry(2, { requeueOf: 'id-0' }));
  expect(screen.sent.map(({ entry: sent }) => sent.requeueOf)).toEqual([undefined, 'id-0']);
});

it('[DL48] what dies of silence at its first send has no error to tell', async () => {
  const { session, screen, clock, settlements } = setUp();
  session.inbox.hint(entry(1));
  clock.advance(20_000);
  screen.packet();
  expect(settlements[0]?.ended).toEqual([
    { seq: 1, status: 'dead', attempts: 1, error: null, reason: 'no-receipt' },
  ]);
});
