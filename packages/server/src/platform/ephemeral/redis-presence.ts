import type { Clock } from '../clock.js';
import type { GroupChange, Presence } from './ephemeral.js';
import { ExpiringMap } from './expiring-map.js';
import { type MemoryPresence, memberKey } from './memory-presence.js';
import type { RedisLink } from './redis-link.js';
import type { FoundChange } from './redis-scripts.js';

const MAX_LEAVINGS = 100_000;
/** Longer than members live without being renewed. */
const LEAVING_MS = 60_000;
const A_ROUND = 500;

/**
 * Presence in Redis. What this process itself set is kept beside it: it is all that is known while Redis is away, and is told anew when
 * Redis is back or has lost it.
 */
export class RedisPresence implements Presence {
  /** Members that left while Redis could not be told. */
  readonly #left: ExpiringMap<{ group: string; member: string }>;

  constructor(
    private readonly link: Pick<RedisLink, 'call' | 'keys'>,
    private readonly own: MemoryPresence,
    clock: Pick<Clock, 'monotonic'>,
  ) {
    this.#left = new ExpiringMap(clock, MAX_LEAVINGS);
  }

  async set(group: string, member: string, value: string, ttlMs: number, at = 0): Promise<GroupChange> {
    const known = await this.own.set(group, member, value, ttlMs, at);
    this.#left.delete(memberKey(group, member));
    return this.#write(group, member, value, ttlMs, at).catch(() => known);
  }

  async remove(group: string, member: string, at = 0): Promise<GroupChange> {
    const known = await this.own.remove(group, member, at);
    return this.#erase(group, member, at).catch(() => {
      this.#left.set(memberKey(group, member), { group, member }, LEAVING_MS);
      return known;
    });
  }

  async list(group: string): Promise<Map<string, string>> {
    const [ends, values] = this.link.keys.members(group);
    try {
      const flat = await this.link.call((client) => client.bongsuPresenceList(ends, values));
      const members = new Map<string, string>();
      for (let i = 0; i < flat.length; i += 2) members.set(flat[i] ?? '', flat[i + 1] ?? '');
      return members;
    } catch {
      return this.own.list(group);
    }
  }

  async count(group: string): Promise<number> {
    const [ends] = this.link.keys.members(group);
    return this.link.call((client) => client.bongsuPresenceCount(ends)).catch(() => this.own.count(group));
  }

  /** Tells Redis of all members of this process, and of those that left meanwhile. Ends early when Redis is away again. */
  async announce(): Promise<void> {
    const writes = [
      ...this.#left.entries().map(
        ({ value }) =>
          () =>
            this.#forget(value.group, value.member),
      ),
      ...this.own.entries().map(
        ({ value: { group, member, value }, remainingMs }) =>
          () =>
            this.#write(group, member, value, remainingMs),
      ),
    ];
    for (let i = 0; i < writes.length; i += A_ROUND) {
      await Promise.all(writes.slice(i, i + A_ROUND).map((write) => write()));
    }
  }

  async #write(group: string, member: string, value: string, ttlMs: number, at = 0): Promise<GroupChange> {
    const [ends, values] = this.link.keys.members(group);
    const found = await this.link.call((client) =>
      client.bongsuPresenceSet(ends, values, member, at, value, Math.ceil(ttlMs)),
    );
    return toChange(found);
  }

  async #erase(group: string, member: string, at = 0): Promise<GroupChange> {
    const [ends, values] = this.link.keys.members(group);
    return toChange(
      await this.link.call((client) => client.bongsuPresenceRemove(ends, values, member, at, LEAVING_MS)),
    );
  }

  async #forget(group: string, member: string): Promise<void> {
    await this.#erase(group, member);
    this.#left.delete(memberKey(group, member));
  }
}

function toChange([others, was, at]: FoundChange): GroupChange {
  return { others, wasMember: was === 1, at };
}
