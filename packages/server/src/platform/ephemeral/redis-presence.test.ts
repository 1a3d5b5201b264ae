import { expect, onTestFinished, test } from 'vitest';
import { describeWithRedis, startRedis } from '../../../test/support/redis.js';
import { systemClock } from '../clock.js';
import { silentLog } from '../log.js';
import { Metrics } from '../metrics.js';
import { Breakers } from '../resilience/breakers.js';
import { MemoryPresence } from './memory-presence.js';
import { RedisLink } from './redis-link.js';
import { RedisPresence } from './redis-presence.js';

const LONG_MS = 600_000;
const A_ROUND = 500;

describeWithRedis('presence in Redis', () => {
  test('[ND4] who leaves while members are told anew is not told of any more', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.remove());
    const metrics = new Metrics();
    const breakers = new Breakers({ clock: systemClock, log: silentLog, metrics });
    onTestFinished(() => breakers.stop());
    const link = new RedisLink(
      { clock: systemClock, log: silentLog, breakers },
      { server: redis.server, prefix: 'bongsu' },
    );
    await link.open(() => {});
    onTestFinished(() => link.close());

    let pass = () => {};
    let firstRound = Promise.resolve();
    let calls = 0;
    const slow: Pick<RedisLink, 'call' | 'keys'> = {
      keys: link.keys,
      async call(work) {
        calls += 1;
        if (calls <= A_ROUND) await firstRound;
        return link.call(work);
      },
    };
    const own = new MemoryPresence(systemClock, 10_000);
    const presence = new RedisPresence(slow, own, systemClock);
    for (let n = 0; n <= A_ROUND; n += 1) await own.set(`group:${n}`, 'me', '', LONG_MS);
    const last = own.entries()[A_ROUND]?.group ?? '';
    firstRound = new Promise((resolve) => {
      pass = resolve;
    });
    const announcing = presence.announce();
    await presence.remove(last, 'me');
    pass();
    await announcing;
    expect(await presence.count(last)).toBe(0);
    expect(await presence.count('group:1')).toBe(1);
  });
});
