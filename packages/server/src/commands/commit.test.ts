import { randomUUID } from 'node:crypto';
import { expect, it } from 'vitest';
import type { Clock } from '../platform/clock.js';
import { DatabaseError, type DatabaseFault } from '../platform/database/database.js';
import { silentLog } from '../platform/log.js';
import { commitBatch } from './commit.js';
import { type AcceptOutcome, type EncodedBatch, encodeBatch, type NewCommand } from './ledger.js';

/** Waits end at once and move the clock. */
function movingClock(): Clock {
  let now = 0;
  return {
    now: () => now,
    monotonic: () => now,
    after(delayMs, task) {
      now += delayMs;
      queueMicrotask(task);
      return () => {};
    },
    every: () => () => {},
  };
}

function command(fields: Partial<NewCommand> = {}): NewCommand {
  return {
    streamId: 1,
    stream: 'screen:scr_a',
    senderId: randomUUID(),
    username: 'Ada',
    id: randomUUID(),
    type: 'trigger',
    fingerprint: 'ab'.repeat(16),
    payload: '{"action":"show"}',
    fields: { action: 'show' },
    ttlMs: 1000,
    retries: undefined,
    notify: 'all',
    ...fields,
  };
}

const ACCEPTED_AT = 5000;
const accepted = (batch: EncodedBatch): AcceptOutcome[] =>
  batch.order.map((_, index) => ({ kind: 'accepted', seq: index + 1, acceptedAt: ACCEPTED_AT, epoch: 'e' }));

type Answer = DatabaseFault | Error | ((batch: EncodedBatch) => AcceptOutcome[]);

/** Each call gets the next answer; the last one stays. */
function ledgerThat(...answers: Answer[]) {
  const calls: string[] = [];
  const answer = (name: string) => async (batch: EncodedBatch) => {
    calls.push(name);
    const next = answers.length > 1 ? answers.shift() : answers[0];
    if (typeof next === 'function') return next(batch);
    if (next instanceof Error) throw next;
    throw new DatabaseError(next ?? 'content', 'made up');
  };
  const deps = {
    ledger: { accept: answer('fast'), acceptChecked: answer('checked') },
    encode: (commands: readonly NewCommand[]) => encodeBatch(commands, ACCEPTED_AT, 10),
    clock: movingClock(),
    log: silentLog,
    deadlineMs: 10_000,
  };
  return {
    calls,
    commit: (commands: NewCommand[], signal?: AbortSignal) => commitBatch(commands, deps, signal),
  };
}

it.each(['unique', 'deadlock', 'serialization'] as const)(
  '[DL32] %s reruns the batch under a look',
  async (fault) => {
    const { calls, commit } = ledgerThat(fault, fault, accepted);
    expect(await commit([command()])).toMatchObject([{ kind: 'accepted' }]);
    expect(calls).toEqual(['fast', 'checked', 'checked']);
  },
);

it('[DL39] resubmits a batch whose COMMIT is unknown, through whatever follows, and finds its own rows', async () => {
  const sent = command();
  const own = {
    stream: sent.stream,
    seq: 7,
    acceptedAt: ACCEPTED_AT,
    fingerprint: sent.fingerprint,
    epoch: 'e',
  };
  const { calls, commit } = ledgerThat('commit-unknown', 'connection', 'connection', 'full', () => [
    { kind: 'known', ...own },
  ]);
  expect(await commit([sent])).toEqual([{ kind: 'accepted', seq: 7, acceptedAt: ACCEPTED_AT, epoch: 'e' }]);
  expect(calls).toEqual(['fast', 'checked', 'checked', 'checked', 'checked']);
});

it('[DL39] a row of somebody else stays known after an unknown COMMIT', async () => {
  const known = { stream: 's', seq: 7, acceptedAt: 4000, fingerprint: 'ab'.repeat(16), epoch: 'e' };
  const { commit } = ledgerThat('commit-unknown', () => [{ kind: 'known', ...known }]);
  expect(await commit([command()])).toMatchObject([{ kind: 'known', acceptedAt: 4000 }]);
});

it('[DL39] answers INDETERMINATE, never UNAVAILABLE, when the deadline passes without an answer', async () => {
  const { calls, commit } = ledgerThat('commit-unknown', 'connection');
  await expect(commit([command()])).rejects.toMatchObject({ code: 'INDETERMINATE', retryable: true });
  expect(calls.length).toBeGreaterThan(5);
});

it.each(['connection', 'timeout', 'full', 'readonly'] as const)(
  '[DL39] %s before anything was sent is UNAVAILABLE at once',
  async (fault) => {
    const { calls, commit } = ledgerThat(fault);
    await expect(commit([command()])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(calls).toEqual(['fast']);
  },
);

it('[DL40] a batch that fails for its content is stored row by row, but for the faulty one', async () => {
  const bad = command({ payload: 'faulty' });
  const { commit } = ledgerThat((batch) => {
    if (batch.fast.some((value) => String(value).includes('faulty')))
      throw new DatabaseError('content', 'made up');
    return accepted(batch);
  });
  const outcomes = await commit([command(), bad, command()]);
  expect(outcomes.map(({ kind }) => kind)).toEqual(['accepted', 'unstorable', 'accepted']);
});

it('[DL40] what was stored row by row stays accepted when the database goes away in the middle', async () => {
  const { calls, commit } = ledgerThat('content', accepted, 'connection');
  const outcomes = await commit([command(), command(), command()]);
  expect(outcomes).toMatchObject([
    { kind: 'accepted' },
    { kind: 'refused', error: { code: 'UNAVAILABLE' } },
    { kind: 'refused', error: { code: 'UNAVAILABLE' } },
  ]);
  // The third is not even tried: each try may last until the deadline.
  expect(calls).toEqual(['fast', 'fast', 'fast']);
});

it('[DL39] a fault of ours is passed on, but after an unknown COMMIT it is INDETERMINATE', async () => {
  const fault = new Error('a fault of ours');
  await expect(ledgerThat(fault).commit([command()])).rejects.toBe(fault);
  await expect(ledgerThat('commit-unknown', fault).commit([command()])).rejects.toMatchObject({
    code: 'INDETERMINATE',
  });
});

it('[DL40] a fault of ours in the middle of a batch that is stored row by row refuses the rest', async () => {
  const { commit } = ledgerThat('content', accepted, new Error('a fault of ours'));
  expect(await commit([command(), command()])).toMatchObject([
    { kind: 'accepted' },
    { kind: 'refused', error: { code: 'UNAVAILABLE' } },
  ]);
});

it('[DL32] a batch that others hold up until the deadline is UNAVAILABLE: nothing of it was written', async () => {
  await expect(ledgerThat('deadlock').commit([command()])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});

it('[DL39] [DL6] a row of the same moment with other content is not our own', async () => {
  const known = { stream: 's', seq: 7, acceptedAt: ACCEPTED_AT, fingerprint: 'cd'.repeat(16), epoch: 'e' };
  const { commit } = ledgerThat('commit-unknown', () => [{ kind: 'known', ...known }]);
  expect(await commit([command()])).toEqual([{ kind: 'known', ...known }]);
});

it('[DL39] a server that waits no longer answers INDETERMINATE for what may be written', async () => {
  const { commit } = ledgerThat('commit-unknown');
  await expect(commit([command()], AbortSignal.abort())).rejects.toMatchObject({ code: 'INDETERMINATE' });
});

it('[DL32] sends rows by stream, then by arrival, and tells which is whose', () => {
  const rows = [3, 1, 3, 2, 1].map((streamId, n) => command({ streamId, payload: `{"n":${n}}` }));
  const batch = encodeBatch(rows, ACCEPTED_AT, 10);
  expect(batch.order).toEqual([1, 4, 3, 0, 2]);
  expect(batch.slots).toEqual([1, 1, 2, 3, 3]);
  expect(batch.places).toEqual([1, 2, 1, 1, 2]);
  expect(batch.fast.slice(0, 2)).toEqual(['{1,2,3}', '{2,1,2}']);
  expect(batch.fast).toContain('{"n":1}\n{"n":4}\n{"n":3}\n{"n":0}\n{"n":2}');
});
