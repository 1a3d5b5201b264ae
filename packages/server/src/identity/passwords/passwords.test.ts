import { describe, expect, it } from 'vitest';
import { systemClock } from '../../platform/clock.js';
import { ARGON2_COST, Passwords } from './passwords.js';
import { WorkPool } from './work-pool.js';

const CHEAP = { memoryCost: 64, timeCost: 1, parallelism: 1 };
const cheap = (concurrency = 2, maxQueued = 10) =>
  new Passwords({ cost: CHEAP, concurrency, maxQueued }, systemClock);

describe('Passwords', () => {
  it('[USR1] hashes with argon2id, 19 MiB, 2 passes, 1 lane', async () => {
    const passwords = new Passwords({ cost: ARGON2_COST, concurrency: 1, maxQueued: 1 }, systemClock);
    const hash = await passwords.hash('correct horse');
    expect(hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(await passwords.verify('correct horse', hash)).toBe(true);
    expect(await passwords.verify('correct horsf', hash)).toBe(false);
    expect(passwords.needsRehash(hash)).toBe(false);
    expect(cheap().needsRehash(hash)).toBe(true);
  });

  it('[USR1] no password fits where there is no hash', async () => {
    expect(await cheap().verify('anything', undefined)).toBe(false);
    expect(await cheap().verify('anything', null)).toBe(false);
  });

  it('[USR1] an unknown address takes its turn in the pool like a known one', async () => {
    const passwords = cheap(1, 0);
    const hash = await passwords.hash('correct horse');
    for (const known of [hash, undefined]) {
      const first = passwords.hash('another');
      await expect(passwords.verify('correct horse', known)).rejects.toMatchObject({ code: 'BUSY' });
      await first;
    }
  });

  it('[USR1] a flood is told when to come back, and everybody in the queue is served', async () => {
    const passwords = cheap(1, 3);
    const attempts = await Promise.allSettled(
      Array.from({ length: 10 }, () => passwords.hash('correct horse')),
    );
    const refused = attempts.flatMap((attempt) => (attempt.status === 'rejected' ? [attempt.reason] : []));
    expect(refused).toHaveLength(6);
    for (const error of refused) {
      expect(error).toMatchObject({ code: 'BUSY', retryable: true, retryAfterMs: expect.any(Number) });
    }
    expect(await passwords.hash('again')).toBeDefined();
  });
});

describe('WorkPool', () => {
  const gate = () => {
    let open = () => {};
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    return { open, opened };
  };

  it('[USR1] runs no more at once than it may, in order', async () => {
    const pool = new WorkPool(2, 10, systemClock);
    const { open, opened } = gate();
    let running = 0;
    let most = 0;
    const order: number[] = [];
    const all = [0, 1, 2, 3, 4].map((n) =>
      pool.run(async () => {
        order.push(n);
        running += 1;
        most = Math.max(most, running);
        await opened;
        running -= 1;
      }),
    );
    expect(pool.queued).toBe(3);
    open();
    await Promise.all(all);
    expect([most, order]).toEqual([2, [0, 1, 2, 3, 4]]);
  });

  it('[USR1] who gives up waiting leaves the queue; who fails makes room', async () => {
    const pool = new WorkPool(1, 1, systemClock);
    const { open, opened } = gate();
    const first = pool.run(async () => {
      await opened;
      throw new Error('failed');
    });
    const leave = new AbortController();
    const waiting = pool.run(async () => 'never', leave.signal);
    leave.abort(new Error('gone'));
    await expect(waiting).rejects.toThrow('gone');
    const next = pool.run(async () => 'served');
    open();
    await expect(first).rejects.toThrow('failed');
    expect(await next).toBe('served');
    expect(await pool.run(async () => 'again')).toBe('again');
  });
});
