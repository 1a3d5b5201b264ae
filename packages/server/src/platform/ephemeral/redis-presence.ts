import type { Clock } from '../clock.js';
import { FreshRun } from '../fresh-run.js';
import type { GroupChange, Presence } from './ephemeral.js';
import { ExpiringMap } from './expiring-map.js';
import { type MemoryPresence, memberKey } from './memory-presence.js';
import type { RedisLink } from './redis-link.js';
import type { FoundChange } from './redis-scripts.js';

const MAX_LEAVINGS = 100_000;
/** Longer than members live without being renewed. */
const LEAVING_MS = 60_000;
const A_ROUND = 500;

type Write = () => Promise<unknown>;

/**
 * Presence in Redis. What this process itself set is kept beside it: it is all that is known while Redis is away, and is told anew when
 * Redis is back or has lost it.
 */
export class RedisPresence implements Presence {
  /** Members that left while Redis could not be told, or did not take it. */
  readonly #left: ExpiringMap<{ group: string; member: string }>;
  readonly #tellingLeft = new FreshRun(() => inRounds(this.#leavings()));

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
    return this.#told(this.#write(group, member, value, ttlMs, at)).catch(() => known);
  }

  async remove(group: string, member: string, at = 0): Promise<GroupChange> {
    const known = await this.own.remove(group, member, at);
    return this.#told(this.#erase(group, member, at)).catch(() => {
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
    await inRounds([
      ...this.#leavings(),
      ...this.own.entries().map(
        ({ group, member }) =>
          () =>
            this.#tellOf(group, member),
      ),
    ]);
  }

  /** When Redis took this, it takes what it was not told yet: nobody waits for that. */
  async #told(change: Promise<GroupChange>): Promise<GroupChange> {
    const found = await change;
    if (this.#left.size > 0) this.#tellingLeft.run().catch(() => undefined);
    return found;
  }

  #leavings(): Write[] {
    return this.#left.entries().map(
      ({ group, member }) =>
        () =>
          this.#forget(group, member),
    );
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

  async #tellOf(group: string, member: string): Promise<void> {
    const known = this.own.find(group, member);
    // It may have left meanwhile.
    if (known) await this.#write(group, member, known.value, known.remainingMs);
  }

  async #forget(group: string, member: string): Promise<void> {
    const key = memberKey(group, member);
    // It may have come back meanwhile.
    if (this.#left.get(key) === undefined) return;
    await this.#erase(group, member);
    this.#left.delete(key);
  }
}

async function inRounds(writes: readonly Write[]): Promise<void> {
  for (let i = 0; i < writes.length; i += A_ROUND) {
    await Promise.all(writes.slice(i, i + A_ROUND).map((write) => write()));
  }
}

function toChange([others, was, at]: FoundChange): GroupChange {
  return { others, wasMember: was === 1, at };
}
