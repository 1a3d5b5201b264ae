/**
 * The one port to what may be lost: counters, nonces, caches, hints and presence. Losing all of it costs latency or a
 * limit's memory, never a command. In one process it is memory; over several it is Redis, with the same contract suite.
 * No call rejects: while its store is away it goes on in this process. Every write is idempotent or harmless when
 * repeated, because a driver may repeat it.
 */
export interface Ephemeral {
  readonly kind: 'memory' | 'redis';
  /**
   * Adds `by` (1) to the counter `key`, whose window of `windowMs` starts with its first count; never below 0. A `by` of 0
   * only looks, a negative one gives back; neither starts a window. One key under two windows is two counters.
   */
  count(key: string, windowMs: number, by?: number): Promise<CounterState>;
  /** Stores `value` unless `key` is there; answers what is stored now. */
  setIfAbsent(key: string, value: string, ttlMs: number): Promise<{ stored: boolean; value: string }>;
  readonly bus: Bus;
  readonly presence: Presence;
  health(): EphemeralHealth;
  close(): Promise<void>;
}

export interface CounterState {
  count: number;
  /** Milliseconds until the window ends. */
  resetMs: number;
}

export interface EphemeralHealth {
  status: 'ok' | 'degraded';
  message?: string;
}

/** JSON values only. */
export type BusMessage = unknown;

/**
 * `gap`: messages of this publisher after `after` and before `next` may have been missed; repair from SQL. `next` is Infinity for one
 * that is not heard any more.
 */
export type BusEvent =
  | { type: 'message'; publisher: string; number: number; message: BusMessage }
  | { type: 'gap'; publisher: string; after: number; next: number };

/**
 * Hints to every subscriber in every process, this one included, numbered from 1 for each publisher and channel; a
 * subscription's first event is its baseline. In order for one publisher; may be lost (then a `gap`), never duplicated.
 * Handlers never run inside `publish`, and treat the message as read-only. A subscriber that throws harms nobody else.
 */
export interface Bus {
  /** This process's name on the bus: made anew at each start. */
  readonly publisher: string;
  /** Whether what is published now goes to the other processes, as far as this one knows. */
  readonly isUp: boolean;
  publish(channel: string, message: BusMessage): void;
  subscribe(channel: string, handler: (event: BusEvent) => void): () => void;
}

/** What a change of a group found, as one step with the change. */
export interface GroupChange {
  /** Members besides the one that was changed. */
  others: number;
  /** That one was a member before. */
  wasMember: boolean;
  /** As it was given, or later than that of every change of the group before, whichever process made it. */
  at: number;
}

/** Who is where: members of a group, each with a value, gone when not renewed for `ttlMs`. */
export interface Presence {
  set(group: string, member: string, value: string, ttlMs: number, at?: number): Promise<GroupChange>;
  remove(group: string, member: string, at?: number): Promise<GroupChange>;
  list(group: string): Promise<Map<string, string>>;
  count(group: string): Promise<number>;
}
