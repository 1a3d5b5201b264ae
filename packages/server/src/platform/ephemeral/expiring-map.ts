import type { Clock } from '../clock.js';

interface Entry<Value> {
  readonly key: string;
  value: Value;
  /** By the monotonic clock: stepping the wall clock neither frees nor keeps anything. */
  expiresAt: number;
  /** Where it stands in the heap. */
  place: number;
}

/**
 * A map whose entries end, and which never holds more than `maxEntries`: when it is full, what would have ended soonest
 * goes first. A heap by expiry makes both exact and O(log n), with no timer an entry.
 */
export class ExpiringMap<Value> {
  readonly #entries = new Map<string, Entry<Value>>();
  readonly #heap: Entry<Value>[] = [];
  #evicted = 0;

  constructor(
    private readonly clock: Pick<Clock, 'monotonic'>,
    private readonly maxEntries: number,
    private readonly onRemove: (key: string, value: Value) => void = () => {},
  ) {}

  get size(): number {
    return this.#entries.size;
  }

  /** How many live entries had to go for want of room, since the start. */
  get evicted(): number {
    return this.#evicted;
  }

  get(key: string): Value | undefined {
    return this.#live(key)?.value;
  }

  /** Milliseconds until `key` ends; 0 when it is not there. */
  remainingMs(key: string): number {
    const entry = this.#live(key);
    return entry ? entry.expiresAt - this.clock.monotonic() : 0;
  }

  set(key: string, value: Value, ttlMs: number): void {
    this.sweep();
    const expiresAt = this.clock.monotonic() + ttlMs;
    const known = this.#entries.get(key);
    if (known) {
      known.value = value;
      known.expiresAt = expiresAt;
      this.#settle(known);
      return;
    }
    if (this.#entries.size >= this.maxEntries) this.#evict();
    const entry = { key, value, expiresAt, place: this.#heap.length };
    this.#entries.set(key, entry);
    this.#heap.push(entry);
    this.#settle(entry);
  }

  /** Replaces the value and leaves the end where it is. */
  update(key: string, value: Value): void {
    const entry = this.#live(key);
    if (entry) entry.value = value;
  }

  delete(key: string): void {
    const entry = this.#entries.get(key);
    if (entry) this.#remove(entry);
  }

  /** All that live. */
  entries(): Value[] {
    this.sweep();
    return this.#heap.map(({ value }) => value);
  }

  /** Drops everything that has ended. */
  sweep(): void {
    const now = this.clock.monotonic();
    for (let first = this.#heap[0]; first && first.expiresAt <= now; first = this.#heap[0]) {
      this.#remove(first);
    }
  }

  clear(): void {
    this.#entries.clear();
    this.#heap.length = 0;
  }

  #live(key: string): Entry<Value> | undefined {
    const entry = this.#entries.get(key);
    return entry && entry.expiresAt > this.clock.monotonic() ? entry : undefined;
  }

  #evict(): void {
    const first = this.#heap[0];
    if (!first) return;
    this.#evicted += 1;
    this.#remove(first);
  }

  #remove(entry: Entry<Value>): void {
    this.#entries.delete(entry.key);
    const last = this.#heap.pop();
    if (last && last !== entry) {
      this.#put(last, entry.place);
      this.#settle(last);
    }
    this.onRemove(entry.key, entry.value);
  }

  #settle(entry: Entry<Value>): void {
    this.#rise(entry);
    this.#sink(entry);
  }

  #rise(entry: Entry<Value>): void {
    for (let parent = this.#above(entry); parent; parent = this.#above(entry)) {
      if (parent.expiresAt <= entry.expiresAt) return;
      this.#swap(entry, parent);
    }
  }

  #sink(entry: Entry<Value>): void {
    for (let child = this.#below(entry); child; child = this.#below(entry)) {
      if (child.expiresAt >= entry.expiresAt) return;
      this.#swap(entry, child);
    }
  }

  #above(entry: Entry<Value>): Entry<Value> | undefined {
    return entry.place === 0 ? undefined : this.#heap[(entry.place - 1) >> 1];
  }

  /** The child that ends sooner. */
  #below(entry: Entry<Value>): Entry<Value> | undefined {
    const left = this.#heap[2 * entry.place + 1];
    const right = this.#heap[2 * entry.place + 2];
    return left && right && right.expiresAt < left.expiresAt ? right : left;
  }

  #swap(one: Entry<Value>, other: Entry<Value>): void {
    const place = one.place;
    this.#put(one, other.place);
    this.#put(other, place);
  }

  #put(entry: Entry<Value>, place: number): void {
    this.#heap[place] = entry;
    entry.place = place;
  }
}
