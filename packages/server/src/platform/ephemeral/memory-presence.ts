import type { Clock } from '../clock.js';
import type { GroupChange, Presence } from './ephemeral.js';
import { ExpiringMap } from './expiring-map.js';

export interface Member {
  readonly group: string;
  readonly member: string;
  readonly value: string;
}

/** Who is where, in one process, whose clock puts changes in order: one bounded map of all members, and an index by group. */
export class MemoryPresence implements Presence {
  readonly #groups = new Map<string, Map<string, string>>();
  readonly #members: ExpiringMap<Member>;

  constructor(clock: Pick<Clock, 'monotonic'>, maxMembers: number) {
    this.#members = new ExpiringMap(clock, maxMembers, (_key, member) => this.#leave(member));
  }

  async set(group: string, member: string, value: string, ttlMs: number, at = 0): Promise<GroupChange> {
    this.#members.set(memberKey(group, member), { group, member, value }, ttlMs);
    const members = this.#groups.get(group) ?? new Map<string, string>();
    const wasMember = members.has(member);
    members.set(member, value);
    this.#groups.set(group, members);
    return { others: members.size - 1, wasMember, at };
  }

  async remove(group: string, member: string, at = 0): Promise<GroupChange> {
    const wasMember = (await this.list(group)).has(member);
    this.#members.delete(memberKey(group, member));
    return { others: this.#groups.get(group)?.size ?? 0, wasMember, at };
  }

  async list(group: string): Promise<Map<string, string>> {
    this.sweep();
    return new Map(this.#groups.get(group));
  }

  async count(group: string): Promise<number> {
    this.sweep();
    return this.#groups.get(group)?.size ?? 0;
  }

  /** A member that lives, with the milliseconds that it has left. */
  find(group: string, member: string): { value: string; remainingMs: number } | undefined {
    const key = memberKey(group, member);
    const found = this.#members.get(key);
    return found && { value: found.value, remainingMs: this.#members.remainingMs(key) };
  }

  /** All members that live. */
  entries(): Member[] {
    return this.#members.entries();
  }

  sweep(): void {
    this.#members.sweep();
  }

  clear(): void {
    this.#members.clear();
    this.#groups.clear();
  }

  get size(): number {
    return this.#members.size;
  }

  get evicted(): number {
    return this.#members.evicted;
  }

  #leave({ group, member }: Member): void {
    const members = this.#groups.get(group);
    members?.delete(member);
    if (members?.size === 0) this.#groups.delete(group);
  }
}

/** Unambiguous whatever the names contain. */
export function memberKey(group: string, member: string): string {
  return `${group.length}:${group}${member}`;
}
