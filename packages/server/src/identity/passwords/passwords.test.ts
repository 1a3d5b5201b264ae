import { hashSync, parseOptions } from '@node-rs/bcrypt';
import { describe, expect, it } from 'vitest';
import { systemClock } from '../../platform/clock.js';
import { kindOf, matches, unfittingHash } from './hashes.js';
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

describe('imported hashes', () => {
  const bcrypt = (password: string, version: '2a' | '2b' | '2y' = '2b') =>
    hashSync(password, { cost: 10, version });

  it.each(['2a', '2b', '2y'] as const)(
    '[USR1] verifies bcrypt $%s$, and wants it hashed anew',
    async (version) => {
      const hash = bcrypt('correct horse', version);
      expect(hash).toMatch(new RegExp(`^\\$${version}\\$10`));
      expect(await cheap().verify('correct horse', hash)).toBe(true);
      expect(await cheap().verify('correct horsf', hash)).toBe(false);
      expect(cheap().needsRehash(hash)).toBe(true);
    },
  );

  it('[USR1] what bcrypt would cut off or stop at is never right', async () => {
    const long = 'ä'.repeat(36);
    expect(await cheap().verify(long, bcrypt(long))).toBe(true);
    expect(await cheap().verify(`${long}x`, bcrypt(long))).toBe(false);
    expect(await cheap().verify(`${long}x`, bcrypt(`${long}x`))).toBe(false);
    expect(await cheap().verify('correct\0horse', bcrypt('correct'))).toBe(false);
    expect(await cheap().verify('', bcrypt('correct'))).toBe(false);
  });

  it('[USR1] a password that is not right costs one hash of each kind that is left, whatever the account has', () => {
    const kinds = ['$2b$10', '$2b$12', '$argon2id$v=19$m=65536,t=3,p=4'];
    const passwords = cheap();
    const today = '$argon2id$v=19$m=64,t=1,p=1';
    const own = [
      undefined,
      `${today}$c29tZXNhbHQ$aGFzaGhhc2hoYXNoaGFzaA`,
      bcrypt('x', '2y'),
      `${kinds[2]}$c29tZXNhbHQ$aGFzaGhhc2hoYXNoaGFzaA`,
    ];
    const work = own.map((hash) => passwords.hashesToTry(hash, kinds).map(kindOf).sort());
    for (const one of work) expect(one).toEqual([...kinds, today].sort());
    expect(own.slice(1).every((hash) => passwords.hashesToTry(hash, kinds)[0] === hash)).toBe(true);
    expect(passwords.hashesToTry(undefined, []).map(kindOf)).toEqual([today]);
  });

  it('[USR1] the hashes that nobody fits are real ones', async () => {
    for (const kind of ['$2b$10', '$argon2id$v=19$m=64,t=1,p=1']) {
      const hash = unfittingHash(kind);
      expect(kindOf(hash)).toBe(kind);
      expect(await matches('anything', hash)).toBe(false);
    }
    expect(parseOptions(unfittingHash('$2b$10'))).toMatchObject({ cost: 10 });
  });
});
