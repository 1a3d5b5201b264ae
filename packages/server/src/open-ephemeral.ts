import { redisConfig } from './app-config.js';
import type { Config } from './config.js';
import type { Ephemeral } from './platform/ephemeral/ephemeral.js';
import { MemoryEphemeral } from './platform/ephemeral/memory.js';
import { RedisEphemeral, type RedisEphemeralDeps } from './platform/ephemeral/redis.js';

/** Redis where REDIS_URL names one, else the memory of this process. @throws RedisRefused */
export async function openEphemeral(config: Config, deps: RedisEphemeralDeps): Promise<Ephemeral> {
  const server = config.REDIS_URL?.reveal();
  if (server === undefined) return new MemoryEphemeral(deps.clock, deps.log);
  return RedisEphemeral.open(redisConfig(config, server), deps);
}
