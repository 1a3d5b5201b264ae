import type { RedisClient } from './redis-client.js';

/**
 * What a change of a group finds. Its moment is kept in the group, so that the next one is later, by whatever clock it was given.
 */
const FIND_CHANGE = `
      local was = tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or 0) > now and 1 or 0
      local last = tonumber(redis.call('HGET', KEYS[2], '') or 0)
      local at = math.max(tonumber(ARGV[2]), last + 1)
      redis.call('HSET', KEYS[2], '', at)`;

const NOW = `
      local time = redis.call('TIME')
      local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

/** Each is done as a whole, by the clock of Redis, and does no harm when it is done twice. */
const SCRIPTS = {
  /** A counter: by, milliseconds of its window → count, milliseconds left. */
  bongsuCount: {
    numberOfKeys: 1,
    lua: `
      local by = tonumber(ARGV[1])
      local left = redis.call('PTTL', KEYS[1])
      if left < 0 then
        if by <= 0 then return {0, 0} end
        redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
        return {by, tonumber(ARGV[2])}
      end
      local count = tonumber(redis.call('GET', KEYS[1])) + by
      if count < 0 then count = 0 end
      if by ~= 0 then redis.call('SET', KEYS[1], count, 'KEEPTTL') end
      return {count, left}`,
  },
  /** A value, unless there is one: value, milliseconds → what was there. (SET NX GET is of Redis 7.) */
  bongsuSetIfAbsent: {
    numberOfKeys: 1,
    lua: `
      if redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2], 'NX') then return false end
      return redis.call('GET', KEYS[1])`,
  },
  /** Takes or renews what one may have at a time: who, milliseconds → whether they have it. Renewing needs no memory. */
  bongsuHold: {
    numberOfKeys: 1,
    lua: `
      local holder = redis.call('GET', KEYS[1])
      if holder and holder ~= ARGV[1] then return 0 end
      if holder then redis.call('PEXPIRE', KEYS[1], ARGV[2])
      else redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
      return 1`,
  },
  /** Members by when they end, and their values: member, moment, value, milliseconds → others, whether it was there, moment. */
  bongsuPresenceSet: {
    numberOfKeys: 2,
    lua: `${NOW}${FIND_CHANGE}
      local ended = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 100)
      if #ended > 0 then
        redis.call('ZREM', KEYS[1], unpack(ended))
        redis.call('HDEL', KEYS[2], unpack(ended))
      end
      redis.call('ZADD', KEYS[1], now + ARGV[4], ARGV[1])
      redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
      if redis.call('PTTL', KEYS[1]) < tonumber(ARGV[4]) then
        redis.call('PEXPIRE', KEYS[1], ARGV[4])
        redis.call('PEXPIRE', KEYS[2], ARGV[4])
      end
      local others = redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf') - 1
      return {others, was, at}`,
  },
  /** Member, moment, how long the moment is kept → others, whether it was there, moment. */
  bongsuPresenceRemove: {
    numberOfKeys: 2,
    lua: `${NOW}${FIND_CHANGE}
      redis.call('ZREM', KEYS[1], ARGV[1])
      redis.call('HDEL', KEYS[2], ARGV[1])
      local others = redis.call('ZCOUNT', KEYS[1], '(' .. now, '+inf')
      if redis.call('PTTL', KEYS[2]) < tonumber(ARGV[3]) then redis.call('PEXPIRE', KEYS[2], ARGV[3]) end
      return {others, was, at}`,
  },
  /** → member, value, member, value … of those that have not ended. */
  bongsuPresenceList: {
    numberOfKeys: 2,
    lua: `${NOW}
      local list = {}
      for _, member in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. now, '+inf')) do
        list[#list + 1] = member
        list[#list + 1] = redis.call('HGET', KEYS[2], member) or ''
      end
      return list`,
  },
  bongsuPresenceCount: {
    numberOfKeys: 1,
    lua: `
      local time = redis.call('TIME')
      return redis.call('ZCOUNT', KEYS[1], '(' .. time[1] * 1000 + math.floor(time[2] / 1000), '+inf')`,
  },
  /** An entry of a stream of copies, unless its id is there: id, field, value, field … */
  bongsuMirrorAppend: {
    numberOfKeys: 2,
    lua: `
      if redis.call('HEXISTS', KEYS[2], ARGV[1]) == 1 then return 0 end
      redis.call('HSET', KEYS[2], ARGV[1], redis.call('XADD', KEYS[1], '*', unpack(ARGV, 2)))
      return 1`,
  },
  /** Ids → how many are left. */
  bongsuMirrorRemove: {
    numberOfKeys: 2,
    lua: `
      for _, id in ipairs(ARGV) do
        local entry = redis.call('HGET', KEYS[2], id)
        if entry then
          redis.call('XDEL', KEYS[1], entry)
          redis.call('HDEL', KEYS[2], id)
        end
      end
      local left = redis.call('HLEN', KEYS[2])
      if left == 0 then redis.call('DEL', KEYS[1]) end
      return left`,
  },
  /**
   * A frame of the bus: channel, frame → the name of the store. By a script because it has a key: so all frames go through one node of a
   * cluster, and stay in order. Writes nothing, so that the bus works while Redis has no memory left.
   */
  bongsuPublish: {
    numberOfKeys: 1,
    lua: `
      redis.call('PUBLISH', ARGV[1], ARGV[2])
      return redis.call('GET', KEYS[1])`,
  },
} as const;

type Arguments = (string | number)[];
export type FoundChange = [others: number, was: number, at: number];

/** What a client with the scripts can do besides the commands of Redis. */
export interface ScriptCommands {
  bongsuCount(key: string, by: number, windowMs: number): Promise<[number, number]>;
  bongsuSetIfAbsent(key: string, value: string, ttlMs: number): Promise<string | null>;
  bongsuPresenceSet(ends: string, values: string, ...args: Arguments): Promise<FoundChange>;
  bongsuPresenceRemove(ends: string, values: string, ...args: Arguments): Promise<FoundChange>;
  bongsuPresenceList(ends: string, values: string): Promise<string[]>;
  bongsuHold(key: string, who: string, ms: number): Promise<0 | 1>;
  bongsuPresenceCount(ends: string): Promise<number>;
  bongsuMirrorAppend(stream: string, ids: string, ...args: Arguments): Promise<number>;
  bongsuMirrorRemove(stream: string, ids: string, ...args: Arguments): Promise<number>;
  bongsuPublish(key: string, channel: string, frame: string): Promise<string | null>;
}

export function withScripts<Client extends RedisClient>(client: Client): Client & ScriptCommands {
  for (const [name, script] of Object.entries(SCRIPTS)) client.defineCommand(name, script);
  return client as Client & ScriptCommands;
}
