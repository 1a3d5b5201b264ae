import type { LedgerFacts } from './check-ledger.js';
import type { Crowd } from './crowd.js';
import type { Mix } from './messages.js';
import type { SeededRandom } from './seeded-random.js';

/** One way to hurt a deployment. */
export interface Fault {
  name: string;
  /** It ends a process, or its connections to the database, in full flight: it counts only with entries unsettled and an accept unanswered at that moment. */
  isKill: boolean;
  /** For its load, where that differs. */
  mix?: Partial<Mix>;
  /** Strikes in every n-th round only: it takes long. */
  everyNthRound?: number;
  /** Hurts. Resolves when it is done; false when it could not be done this time. What it left broken is mended by `heal`. */
  strike(hurting: Hurting): Promise<boolean>;
}

export interface Hurting {
  crowd: Crowd;
  random: SeededRandom;
  /** Says that what hurt has just ended, by a fault that goes on under load afterwards; else it ends when `strike` does. */
  ended(): void;
}

/** What the harness works on: a server of its own, or a deployment by URL. */
export interface Site {
  /** Straight to the server. */
  readonly url: string;
  /** Where controllers and screens connect. */
  readonly controllersUrl: string;
  readonly screensUrl: string;
  readonly faults: readonly Fault[];
  /** Of what has to be started before it can be hurt. */
  start?(): Promise<void>;
  /** Before each run: puts clients where they are to be. */
  spread?(): Promise<void>;
  /** Starts again what no node can do without, by itself: with that a fault of it has ended. */
  restore?(): Promise<void>;
  /** Makes everything else work again that a fault broke. */
  heal(): Promise<void>;
  /** Of what screens are told of the time when they come back after a fault. */
  screenClockMs(): number;
  facts?(): Promise<LedgerFacts>;
  residentMiB?(): Promise<number | undefined>;
  /** The last output of the server, for a report of what went wrong. */
  output?(): string;
  close(): Promise<void>;
}

export const DEFAULT_MIX: Mix = {
  failing: 0.012,
  silent: 0,
  expiring: 0.04,
  navigates: 0.12,
  cancels: 0.01,
};
