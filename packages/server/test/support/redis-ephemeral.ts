import { systemClock } from '../../src/platform/clock.js';
import type { BusEvent, Ephemeral } from '../../src/platform/ephemeral/ephemeral.js';
import { type HomeConfig, RedisEphemeral } from '../../src/platform/ephemeral/redis.js';
import type { RedisConfig, RedisServer } from '../../src/platform/ephemeral/redis-server.js';
import { Metrics } from '../../src/platform/metrics.js';
import { Breakers } from '../../src/platform/resilience/breakers.js';
import { memoryLog } from './memory-log.js';

export type OpenedEphemeral = Awaited<ReturnType<typeof openRedisEphemeral>>;

/** What one node has of Redis, with a log and metrics of its own. */
export async function openRedisEphemeral(
  server: RedisServer,
  config: Partial<RedisConfig> = {},
  home?: HomeConfig,
) {
  const log = memoryLog();
  const metrics = new Metrics();
  const breakers = new Breakers({ clock: systemClock, log, metrics });
  const deps = { clock: systemClock, log, breakers, metrics };
  const ephemeral = await RedisEphemeral.open({ server, prefix: 'bongsu', ...config }, deps, home);
  return {
    ephemeral,
    log,
    metrics,
    close: async () => {
      breakers.stop();
      await ephemeral.close();
    },
  };
}

/** What a subscriber heard, in order. */
export function hear({ bus }: Pick<Ephemeral, 'bus'>, channel: string) {
  const events: BusEvent[] = [];
  bus.subscribe(channel, (event) => events.push(event));
  return {
    events,
    messages: () => events.flatMap((event) => (event.type === 'message' ? [event.message] : [])),
    /** As [after, next]. */
    gaps: () => events.flatMap((event) => (event.type === 'gap' ? [[event.after, event.next]] : [])),
  };
}
