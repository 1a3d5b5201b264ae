import { Cluster } from 'ioredis';
import type { RedisClient } from './redis-client.js';
import { explainRefusedLogin, RedisRefused, reasonOf } from './redis-faults.js';

const OLDEST_VERSION = [6, 2] as const;

/** What may be done to see whether all that is needed is allowed; nothing that anybody reads. */
export interface FitnessTrial {
  /** Which one says where that Redis is. */
  setting: string;
  write(): Promise<unknown>;
  publish(): Promise<unknown>;
  subscribe(): Promise<unknown>;
}

/**
 * Answers what is wrong with a Redis that works all the same, in words.
 * @throws RedisRefused for one that cannot work however long one waits
 */
export async function checkRedisFitness(client: RedisClient, trial: FitnessTrial): Promise<string[]> {
  const servers = client instanceof Cluster ? client.nodes('master') : [client];
  const faults = new Set<string>();
  for (const server of servers) {
    const info = await server.info().catch((error: Error) => {
      if (!isForbidden(error)) throw error;
      faults.add('Its version and settings are not known, since its user may not ask for INFO');
    });
    if (info !== undefined) for (const fault of judgeInfo(parseInfo(info), trial)) faults.add(fault);
  }
  for (const attempt of [trial.write, trial.publish, trial.subscribe]) {
    const fault = await attempt().then(
      () => undefined,
      (error: Error) => judgeRefusal(error, trial),
    );
    if (fault !== undefined) faults.add(fault);
  }
  return [...faults];
}

type Info = ReadonlyMap<string, string>;

/** Lines such as `redis_version:7.0.15`. */
function parseInfo(text: string): Info {
  return new Map(
    text.split(/\r?\n/).flatMap((line): [string, string][] => {
      const at = line.indexOf(':');
      return at < 0 ? [] : [[line.slice(0, at), line.slice(at + 1)]];
    }),
  );
}

function judgeInfo(info: Info, { setting }: FitnessTrial): string[] {
  const version = info.get('redis_version') ?? '0';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [oldestMajor, oldestMinor] = OLDEST_VERSION;
  if (major < oldestMajor || (major === oldestMajor && minor < oldestMinor)) {
    throw new RedisRefused(
      `Redis ${version} is too old: Bongsu needs version ${OLDEST_VERSION.join('.')} or later`,
    );
  }
  if (info.get('role') === 'slave') {
    throw new RedisRefused(`Redis is a replica, which refuses writes: ${setting} must name the primary`);
  }
  const policy = info.get('maxmemory_policy') ?? 'noeviction';
  if (policy === 'noeviction' || info.get('maxmemory') === '0') return [];
  return [
    `When it is full it drops keys (maxmemory-policy ${policy}), and with them limits and nonces: set maxmemory-policy noeviction`,
  ];
}

/** @throws RedisRefused, or the error where it says nothing of Redis itself */
function judgeRefusal(error: Error, { setting }: FitnessTrial): string {
  const message = reasonOf(error);
  if (isForbidden(error)) {
    throw new RedisRefused(
      `The user of ${setting} may not do what Bongsu does (${message}): allow it all commands, and keys and channels that begin with REDIS_PREFIX`,
    );
  }
  if (message.startsWith('READONLY')) throw new RedisRefused(`Redis refuses writes: ${message}`);
  const login = explainRefusedLogin(message, setting);
  if (login !== undefined) throw new RedisRefused(login);
  return explainRefusedWrite(message) ?? raise(error);
}

/** Of a Redis that is well but takes no writes, in words. */
export function explainRefusedWrite(message: string): string | undefined {
  if (message.includes('OOM ')) return 'It has no memory left (maxmemory): give it more, or free some';
  if (message.includes('MISCONF'))
    return 'It cannot save its data to its disk, and takes no writes until it can';
  return undefined;
}

function isForbidden(error: Error): boolean {
  return /NOPERM|No permissions|this user has no permissions/i.test(error.message);
}

function raise(error: Error): never {
  throw error;
}
