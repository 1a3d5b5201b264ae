import { readFile } from 'node:fs/promises';
import type { Config } from './config.js';
import type { Ephemeral } from './platform/ephemeral/ephemeral.js';
import { MemoryEphemeral } from './platform/ephemeral/memory.js';
import { type HomeConfig, RedisEphemeral, type RedisEphemeralDeps } from './platform/ephemeral/redis.js';
import { RedisRefused } from './platform/ephemeral/redis-faults.js';
import type { RedisConfig } from './platform/ephemeral/redis-server.js';

/** Redis where REDIS_URL names one, else the memory of this process. @throws RedisRefused */
export async function openEphemeral(config: Config, deps: RedisEphemeralDeps): Promise<Ephemeral> {
  const server = config.REDIS_URL?.reveal();
  if (server === undefined) return new MemoryEphemeral(deps.clock, deps.log);
  const ca = await readCertificates(config.REDIS_CA_FILE);
  const own = { server, prefix: config.REDIS_PREFIX, ca };
  return RedisEphemeral.open(own, deps, homeOf(config, own));
}

/** The Redis at home, for a node of a further region. */
function homeOf({ BRIDGE_REDIS_URL: url, REGION: region }: Config, own: RedisConfig): HomeConfig | undefined {
  if (url === undefined || region === undefined) return undefined;
  return { redis: { ...own, server: url.reveal(), setting: 'BRIDGE_REDIS_URL' }, region };
}

async function readCertificates(path: string | undefined): Promise<string | undefined> {
  if (path === undefined) return undefined;
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new RedisRefused(`REDIS_CA_FILE names a file that cannot be read (${error.code}): ${path}`);
  });
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw new RedisRefused(`REDIS_CA_FILE names a file without certificates in PEM: ${path}`);
}
