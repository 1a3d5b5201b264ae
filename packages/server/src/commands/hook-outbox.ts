import type { Clock, DatabaseClock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import { type CircuitBreaker, CircuitOpenError } from '../platform/resilience/circuit-breaker.js';
import { within } from '../platform/resilience/within.js';
import type { HookEvent, HookOutboxStore } from './hook-outbox-store.js';
import { HOOK_TIMEOUT_MS, type HookPost, tookTooLong } from './hook-post.js';

export interface HookOutboxDeps {
  store: HookOutboxStore;
  post: HookPost;
  breaker: CircuitBreaker;
  clock: Clock;
  databaseClock: DatabaseClock;
  log: Log;
  metrics: Metrics;
  /** Between 0 and 1. */
  random?: () => number;
}

const EVENTS_A_BATCH = 32;
/** While the circuit is to be tried one event is the try. */
const EVENTS_A_TRY = 1;
const SENT_AT_ONCE = 8;
/** Far longer than a batch takes. */
const LEASE_MS = 60_000;
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 600_000;
const GIVEN_UP_AFTER_MS = 24 * 3_600_000;
/** Some 12 ms on the embedded database. */
const GIVEN_UP_AT_ONCE = 250;
const LOOK_FOR_OLD_EVERY_MS = 60_000;
/** What other processes wrote is found at least this often. */
const POLL_MS = 5000;
const LARGEST_COUNT = 32_767;

type Sent = 'answered' | 'failed' | 'not-sent';

/** Carries events from the table to COMMAND_HOOK_URL: each at least once, in no promised order, for a day at most. */
export class HookOutbox {
  readonly #deps: HookOutboxDeps;
  readonly #stopping = new AbortController();
  readonly #counter;
  #running: Promise<void> | undefined;
  #again = false;
  #lookForOldAt = Number.NEGATIVE_INFINITY;
  #cancelTimer = () => {};

  constructor(deps: HookOutboxDeps) {
    this.#deps = deps;
    this.#counter = deps.metrics.counter(
      'bongsu_hook_events_total',
      'Events for the hook by what became of them.',
      ['type', 'outcome'],
    );
  }

  start(): void {
    this.wake();
  }

  /** There may be something due. Cheap, and may be called at any time. */
  wake(): void {
    if (this.#stopping.signal.aborted) return;
    this.#again = true;
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined;
      if (this.#again) this.wake();
    });
  }

  /** Breaks off what is being sent: it is sent again by whoever starts next. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#cancelTimer();
    await this.#running;
  }

  async #run(): Promise<void> {
    this.#cancelTimer();
    let pauseMs = POLL_MS;
    try {
      while (this.#again && !this.#stopping.signal.aborted) {
        this.#again = false;
        pauseMs = await this.#sendDue();
        if (pauseMs <= 0) this.#again = true;
      }
    } catch (error) {
      this.#again = false;
      this.#deps.log.warn({ err: error }, 'events for the hook could not be read or noted yet');
    }
    if (!this.#stopping.signal.aborted) {
      this.#cancelTimer = this.#deps.clock.after(Math.min(pauseMs, POLL_MS), () => this.wake());
    }
  }

  /** Sends a batch, and answers after how many milliseconds to look again. */
  async #sendDue(): Promise<number> {
    const { store, breaker, databaseClock } = this.#deps;
    if (breaker.state !== 'CLOSED' && (await this.#giveUpOld())) return 0;
    const refusedMs = breaker.refusesForMs();
    if (refusedMs !== undefined) return refusedMs;
    const now = databaseClock();
    const limit = breaker.state === 'CLOSED' ? EVENTS_A_BATCH : EVENTS_A_TRY;
    const events = await store.claim(now, now + LEASE_MS, limit);
    if (events.length > 0) {
      await this.#send(events);
      return 0;
    }
    const nextAt = await store.nextAt();
    return nextAt === undefined ? POLL_MS : Math.max(1, nextAt - databaseClock());
  }

  async #send(events: readonly HookEvent[]): Promise<void> {
    const waiting = [...events];
    const sent = new Map<HookEvent, Sent>();
    const sender = async () => {
      for (let event = waiting.shift(); event; event = waiting.shift())
        sent.set(event, await this.#post(event));
    };
    await Promise.all(Array.from({ length: SENT_AT_ONCE }, sender));
    await this.#note(events, sent);
  }

  async #post({ id, kind, body }: HookEvent): Promise<Sent> {
    const { breaker, post, clock, log } = this.#deps;
    const { signal } = this.#stopping;
    if (signal.aborted) return 'not-sent';
    const limit = { clock, ms: HOOK_TIMEOUT_MS, tooLong: tookTooLong, signal };
    const message = { event: kind, idempotencyKey: id, body };
    try {
      const { status } = await breaker.execute(() => within(limit, (limited) => post(message, limited)));
      if (status < 300) return 'answered';
      log.warn({ eventId: id, kind, status }, 'the hook refused an event');
      return 'failed';
    } catch (error) {
      if (error instanceof CircuitOpenError || signal.aborted) return 'not-sent';
      log.warn({ err: error, eventId: id, kind }, 'an event did not reach the hook');
      return 'failed';
    }
  }

  async #note(events: readonly HookEvent[], sent: ReadonlyMap<HookEvent, Sent>): Promise<void> {
    const { store, breaker, databaseClock } = this.#deps;
    const now = databaseClock();
    const over: string[] = [];
    const later: { id: string; attempts: number; nextAt: number }[] = [];
    for (const event of events) {
      const { id, kind, at, attempts } = event;
      const outcome = sent.get(event) ?? 'not-sent';
      if (outcome === 'answered') {
        over.push(id);
        this.#counter.inc({ type: kind, outcome });
      } else if (outcome === 'not-sent') {
        later.push({ id, attempts, nextAt: now + (breaker.refusesForMs() ?? 0) });
      } else if (now - at >= GIVEN_UP_AFTER_MS) {
        over.push(id);
        this.#tellGivenUp(kind, 1);
      } else {
        this.#counter.inc({ type: kind, outcome });
        later.push({
          id,
          attempts: Math.min(attempts + 1, LARGEST_COUNT),
          nextAt: now + this.#pauseMs(attempts),
        });
      }
    }
    if (over.length > 0) await store.remove(over);
    if (later.length > 0) await store.postpone(later);
  }

  /** 1 s doubling to 10 min, half of it by chance. */
  #pauseMs(failed: number): number {
    const { random = Math.random } = this.#deps;
    const fullMs = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** Math.min(failed, 20));
    return Math.round(fullMs * (0.5 + random() / 2));
  }

  /**
   * Only while the hook is known to be away: events of a day when this server was away are sent first. Once a minute, since each
   * outcome wakes us. True when there are more.
   */
  async #giveUpOld(): Promise<boolean> {
    const { store, clock, databaseClock } = this.#deps;
    if (clock.monotonic() < this.#lookForOldAt) return false;
    const gone = await store.giveUp(databaseClock() - GIVEN_UP_AFTER_MS, GIVEN_UP_AT_ONCE);
    for (const { kind, count } of gone) this.#tellGivenUp(kind, count);
    if (gone.reduce((total, { count }) => total + count, 0) >= GIVEN_UP_AT_ONCE) return true;
    this.#lookForOldAt = clock.monotonic() + LOOK_FOR_OLD_EVERY_MS;
    return false;
  }

  #tellGivenUp(kind: HookEvent['kind'], count: number): void {
    this.#counter.inc({ type: kind, outcome: 'given-up' }, count);
    this.#deps.log.error({ kind, count }, 'events for the hook were given up after 24 h');
  }
}
