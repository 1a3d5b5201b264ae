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
  isHeldHere(screenId: string): boolean;
  onEnded(entry: SweptEntry): void;
}

/** When a screen is next worth a look, and how far the look under way has come. Times: database clock. */
interface Plan {
  at: number;
  notBefore: number;
  after: number;
  looked: number;
  nextAt: number;
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

  /** An entry was accepted for a screen that is not here. */
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
    const plan = this.#plans.get(screenId);
    if (!plan && this.#plans.size >= MAX_PLANS) return;
    const at = Math.max(time, plan?.notBefore ?? 0);
    if (!plan) this.#plans.set(screenId, freshPlan(at, 0));
    else if (at < plan.at) plan.at = at;
    this.#earliest = Math.min(this.#earliest, at);
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
    const { screens, last } = await this.#deps.ledger.waiting(this.#walkAfter, SCREENS_A_WALK, this.#now);
    for (const screenId of screens) if (!this.#plans.has(screenId)) this.lookSoon(screenId);
    this.#walkAfter = last ?? '';
    if (last === null) this.#walkAt = this.#now + WALK_EVERY_MS;
  }

  #takeDue(): { screenId: string; after: number }[] {
    const due: { screenId: string; after: number }[] = [];
    const now = this.#now;
    let earliest = Number.POSITIVE_INFINITY;
    for (const [screenId, plan] of this.#plans) {
      if (plan.at > now || due.length >= SCREENS_A_LOOK) earliest = Math.min(earliest, plan.at);
      else if (this.#deps.isHeldHere(screenId)) this.#plans.delete(screenId);
      else due.push({ screenId, after: plan.after });
    }
    this.#earliest = earliest;
    return due;
  }

  async #look(due: readonly { screenId: string; after: number }[]): Promise<void> {
    const now = this.#now;
    const { ended, looks } = await this.#deps.ledger
      .sweep(due, ENTRIES_A_LOOK, now)
      .catch((error: unknown) => {
        for (const { screenId } of due) this.#lookBy(screenId, now + TICK_MS);
        throw error;
      });
    for (const entry of ended) this.#deps.onEnded(entry);
    const looked = new Map(looks.map((look) => [look.screenId, look]));
    for (const { screenId } of due) this.#planNext(screenId, looked.get(screenId), now);
  }

  #planNext(screenId: string, look: Look | undefined, now: number): void {
    const plan = this.#plans.get(screenId);
    if (!plan || !look || look.walked === null) {
      this.#plans.delete(screenId);
      return;
    }
    const nextAt = Math.min(plan.nextAt, look.nextAt ?? Number.POSITIVE_INFINITY);
    const looked = plan.looked + ENTRIES_A_LOOK;
    if (look.more) {
      this.#plans.set(screenId, { at: now, notBefore: 0, after: look.walked, looked, nextAt });
      this.#earliest = Math.min(this.#earliest, now);
    } else if (nextAt === Number.POSITIVE_INFINITY) {
      this.#plans.delete(screenId);
    } else {
      const notBefore = now + Math.max(SHORTEST_PAUSE_MS, plan.looked * PAUSE_AN_ENTRY_MS);
      const at = Math.max(nextAt, notBefore);
      this.#plans.set(screenId, freshPlan(at, notBefore));
      this.#earliest = Math.min(this.#earliest, at);
    }
  }
}

function freshPlan(at: number, notBefore: number): Plan {
  return { at, notBefore, after: 0, looked: 0, nextAt: Number.POSITIVE_INFINITY };
}
