import { randomUUID } from 'node:crypto';
import { expect, it, vi } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { memoryLog } from '../../../test/support/memory-log.js';
import type { Database } from '../../platform/database/database.js';
import { Metrics } from '../../platform/metrics.js';
import { LiveSessions } from './live-sessions.js';

it('[ID25] [SIG1] what was read before it was forgotten is not answered after: it is read again', async () => {
  const clock = new ManualClock();
  const answers: ((rows: object[]) => void)[] = [];
  const query = () => new Promise((resolve) => answers.push(resolve));
  const live = new LiveSessions({
    database: { query } as unknown as Database,
    clock,
    now: clock.now,
    log: memoryLog(),
    metrics: new Metrics(),
    graceMs: 0,
    feedIsFresh: () => true,
  });
  const id = randomUUID();
  const row = { id, userId: 'u1', revokedAt: null, expiresAt: null, idleMs: null, lastSeen: 0, usedAt: null };
  const found = live.find(id);
  await expect.poll(() => answers.length).toBe(1);
  live.forgetUser('u1');
  answers[0]?.([{ ...row, role: 'admin' }]);
  await expect.poll(() => answers.length).toBe(2);
  answers[1]?.([{ ...row, role: 'user' }]);
  expect((await found)?.row.role).toBe('user');
  expect((await live.find(id))?.row.role).toBe('user');
  expect(answers).toHaveLength(2);
});

it('[ND58] logins of sockets that come at once are read by few statements, each its own', async () => {
  const clock = new ManualClock();
  const ids = Array.from({ length: 500 }, () => randomUUID());
  const unknown = ids[7];
  const query = vi.fn(async (_text: string, [asked]: [string[]]) =>
    asked
      .filter((id) => id !== unknown)
      .reverse()
      .map((id) => ({ id, userId: null, revokedAt: null, expiresAt: null, idleMs: null, lastSeen: 0 })),
  );
  const live = new LiveSessions({
    database: { query } as unknown as Database,
    clock,
    now: clock.now,
    log: memoryLog(),
    metrics: new Metrics(),
    graceMs: 0,
    feedIsFresh: () => true,
  });
  const found = await Promise.all(ids.map((id) => live.find(id)));
  expect(found.map((session) => session?.row.id)).toEqual(ids.map((id) => (id === unknown ? undefined : id)));
  expect(query.mock.calls.length).toBeLessThanOrEqual(6);
});
