import { LRUCache } from 'lru-cache';
import type { Clock } from '../platform/clock.js';
import { upTo } from '../platform/grown-cache.js';
import type { SentSignal } from './plain-events.js';
import type { Seats } from './seams.js';

export interface NewcomersDeps {
  seats: Pick<Seats, 'seatOf' | 'seat' | 'lookAnew'>;
  clock: Pick<Clock, 'monotonic'>;
}

/** Who asks for nobody is not looked for again so soon: each look reads the room. */
const MISS_MS = 1000;
const MAX_MISSES = 10_000;

/**
 * Those who came by another process a moment ago, and are not known here yet: they are looked for in SQL before a signal to them is
 * refused, and what the same socket says to them meanwhile waits behind it.
 */
export class Newcomers {
  readonly #looks = new Map<string, Promise<void>>();
  readonly #misses: LRUCache<string, true>;

  constructor(private readonly deps: NewcomersDeps) {
    const perf = { now: () => deps.clock.monotonic() };
    this.#misses = new LRUCache({ ...upTo(MAX_MISSES), ttl: MISS_MS, ttlResolution: 0, perf });
  }

  /** Undefined where there is nothing to wait for. Never rejects. */
  look(socketId: string, { roomId, to }: Pick<SentSignal, 'roomId' | 'to'>): Promise<void> | undefined {
    const key = `${socketId} ${roomId} ${to}`;
    const underWay = this.#looks.get(key);
    if (underWay) return underWay;
    const { seats } = this.deps;
    const room = seats.seatOf(socketId, roomId)?.room;
    const asker = `${socketId} ${roomId}`;
    if (!room || seats.seat(room, to) || this.#misses.has(asker)) return undefined;
    const looked = seats.lookAnew(roomId).finally(() => {
      this.#looks.delete(key);
      if (!seats.seat(room, to)) this.#misses.set(asker, true);
    });
    this.#looks.set(key, looked);
    return looked;
  }
}
