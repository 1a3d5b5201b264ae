import type { Clock, DatabaseClock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';
import type { AwayLedger, Look, SweptEntry } from './away-ledger.js';
import type { InboxEntry } from './hints.js';
import type { NodeLease } from './types.js';

export interface SweepDeps {
  ledger: AwayLedger;
  lease: NodeLease;
  clock: Clock;
  databaseClock: DatabaseClock;
  log: Log;
  node: { incarnation: string };
  /** True while it has a connection here, or another writer. */
  isHeldHere(screenId: string): boolean;
  /** No connection here takes one of these screens before the work is over. */
  during<T>(screenIds: readonly string[], work: Promise<T>): Promise<T>;
  onEnded(entry: SweptEntry): void;
}

/** When a screen is next worth a look. Times: database clock. */
interface Plan {
  /** The earliest that is known, infinite if none is. What is noted during a look counts: the look may have come before it. */
  at: number;
  /** After a look there is a pause. */
  notBefore: number;
  /** Of a look that goes on page by page: the last entry, or 0; and how many entries were looked at. */
  after: number;
  looked: number;
}

/** A process younger than this may not know who else lives. */
const LEASE_LIVED_MS = 15_000;
const TICK_MS = 1000;
const STATEMENTS_A_TICK = 8;
const SCREENS_A_LOOK = 16;
const ENTRIES_A_LOOK = 500;
const SCREENS_A_WALK = 1000;
const WALK_EVERY_MS = 60_000;
const MAX_PLANS = 100_000;
const SHORTEST_PAUSE_MS = 1000;
/** Between two looks at one inbox, for each entry that the last one read: what waits long costs little. */
const PAUSE_AN_ENTRY_MS = 5;

/**
 * Ends what is over in the inboxes of screens that are away: expired, superseded, lost. Remembers when each is next worth a look, so
 * that its cost follows what ends, not what waits; now and then it walks all screens for those it has not heard of.
 */
export class AwaySweep {
  readonly #deps: SweepDeps;
  readonly #plans = new Map<string, Plan>();
  #earliest = Number.POSITIVE_INFINITY;
  #walkAt = 0;
  #walkAfter = '';
  #isRunning = false;
  #running: Promise<void> = Promise.resolve();
  #stopTimer: (() => void) | undefined;

  constructor(deps: SweepDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#stopTimer = this.#deps.clock.every(TICK_MS, () => this.tick());
  }

  async stop(): Promise<void> {
    this.#stopTimer?.();
    this.#stopTimer = undefined;
    await this.#running;
  }

  /** Screens that are remembered. */
  get size(): number {
    return this.#plans.size;
  }

  /** This process accepted an entry for a screen that is not here. */
  note({ stream, type, expiresAt }: InboxEntry): void {
    // A navigate may supersede the one before it.
    this.#lookBy(stream.slice('screen:'.length), type === 'navigate' ? this.#now + TICK_MS : expiresAt);
  }

  /** It takes no more entries, or was just left: perhaps some are over. */
  lookSoon(screenId: string): void {
    this.#lookBy(screenId, this.#now);
  }

  /** Resolves when this round is over. */
  tick(): Promise<void> {
    if (this.#isRunning || !this.#mayDecide()) return this.#running;
    this.#isRunning = true;
    this.#running = this.#round()
      .catch((err: unknown) =>
        this.#deps.log.warn({ err }, 'inboxes of screens that are away could not be swept'),
      )
      .finally(() => {
        this.#isRunning = false;
      });
    return this.#running;
  }

  get #now(): number {
    return this.#deps.databaseClock();
  }

  #mayDecide(): boolean {
    const since = this.#deps.lease.leaseSince();
    return since !== undefined && this.#deps.clock.monotonic() - since >= LEASE_LIVED_MS;
  }

  #lookBy(screenId: string, time: number): void {
    let plan = this.#plans.get(screenId);
    if (!plan) {
      if (this.#plans.size >= MAX_PLANS) return;
      plan = { at: Number.POSITIVE_INFINITY, notBefore: 0, after: 0, looked: 0 };
      this.#plans.set(screenId, plan);
    }
    plan.at = Math.min(plan.at, Math.max(time, plan.notBefore));
    this.#earliest = Math.min(this.#earliest, plan.at);
  }

  async #round(): Promise<void> {
    if (this.#now >= this.#walkAt) await this.#walk();
    for (let n = 0; n < STATEMENTS_A_TICK && this.#earliest <= this.#now && this.#mayDecide(); n += 1) {
      const due = this.#takeDue();
      if (due.length === 0) break;
      await this.#look(due);
    }
  }

  /** One page of all screens. */
  async #walk(): Promise<void> {
    const { ledger, node, isHeldHere } = this.#deps;
    const { screens, last } = await ledger.waiting(
      this.#walkAfter,
      SCREENS_A_WALK,
      this.#now,
      node.incarnation,
    );
    for (const screenId of screens) {
      if (!this.#plans.has(screenId) && !isHeldHere(screenId)) this.lookSoon(screenId);
    }
    this.#walkAfter = last ?? '';
    if (last === null) this.#walkAt = this.#now + WALK_EVERY_MS;
  }

  #takeDue(): { screenId: string; after: number }[] {
    const due: { screenId: string; after: number }[] = [];
    const now = this.#now;
    this.#earliest = Number.POSITIVE_INFINITY;
    for (const [screenId, plan] of this.#plans) {
      if (wakesAt(plan) > now || due.length >= SCREENS_A_LOOK) {
        this.#earliest = Math.min(this.#earliest, wakesAt(plan));
      } else if (this.#deps.isHeldHere(screenId)) {
        this.#plans.delete(screenId);
      } else {
        due.push({ screenId, after: plan.after });
        if (plan.after === 0) plan.at = Number.POSITIVE_INFINITY;
      }
    }
    return due;
  }

  async #look(due: readonly { screenId: string; after: number }[]): Promise<void> {
    const { ledger, node, during, onEnded } = this.#deps;
    const now = this.#now;
    const screenIds = due.map(({ screenId }) => screenId);
    const { ended, looks } = await during(
      screenIds,
      ledger.sweep(due, ENTRIES_A_LOOK, now, node.incarnation),
    ).catch((error: unknown) => {
      for (const screenId of screenIds) this.#lookBy(screenId, now + TICK_MS);
      throw error;
    });
    const looked = new Map(looks.map((look) => [look.screenId, look]));
    for (const screenId of screenIds) this.#planNext(screenId, looked.get(screenId), now);
    for (const entry of ended) onEnded(entry);
  }

  #planNext(screenId: string, look: Look | undefined, now: number): void {
    const plan = this.#plans.get(screenId);
    if (!plan) return;
    plan.at = Math.min(plan.at, look?.nextAt ?? Number.POSITIVE_INFINITY);
    if (look?.more && look.walked !== null) {
      plan.after = look.walked;
      plan.looked += ENTRIES_A_LOOK;
    } else {
      plan.notBefore = now + Math.max(SHORTEST_PAUSE_MS, plan.looked * PAUSE_AN_ENTRY_MS);
      plan.at = Math.max(plan.at, plan.notBefore);
      plan.after = 0;
      plan.looked = 0;
    }
    const wakeAt = wakesAt(plan);
    if (wakeAt === Number.POSITIVE_INFINITY) this.#plans.delete(screenId);
    this.#earliest = Math.min(this.#earliest, wakeAt);
  }
}

/** A look that began goes on at once. */
function wakesAt(plan: Plan): number {
  return plan.after > 0 ? 0 : plan.at;
}
