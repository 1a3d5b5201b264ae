import type { Clock } from '../platform/clock.js';
import { SILENCE_MS } from './bus-watch.js';
import type { NodeLease } from './types.js';

export interface CutOffWatchDeps {
  lease: Pick<NodeLease, 'renewedAt'>;
  clock: Clock;
  onCutOff(): void;
}

/** A lease is renewed every 5 s: who did so lately has the database. */
const WELL_MS = 6000;
/** Two renewals failed, and others will take the lease for over in three seconds: time enough for clients to be elsewhere by then. */
const CUT_OFF_MS = 12_000;
/** Others have been well for so long: of those who had lost it too, one is back a moment before another. */
const STEADY_MS = 10_000;
const LOOK_MS = 500;

interface Other {
  wellSince: number;
  heardAt: number;
}

/** What a heartbeat says: this process renewed its lease lately. */
export function isWell({ lease, clock }: Pick<CutOffWatchDeps, 'lease' | 'clock'>): boolean {
  return clock.monotonic() - lease.renewedAt() < WELL_MS;
}

/**
 * Finds out that this process alone has lost the database, by what the others say on the bus. Then its clients are better off with
 * them: what screens executed is known there by their offsets before anybody decides what became of it.
 */
export class CutOffWatch {
  readonly #deps: CutOffWatchDeps;
  /** Those that are well, by incarnation. */
  readonly #others = new Map<string, Other>();
  /** The renewal after which it was told. */
  #toldOf: number | undefined;
  #stopLooking = () => {};

  constructor(deps: CutOffWatchDeps) {
    this.#deps = deps;
  }

  start(): void {
    this.#stopLooking = this.#deps.clock.every(LOOK_MS, () => this.#look());
  }

  stop(): void {
    this.#stopLooking();
  }

  /** From when it was told until the lease is renewed. */
  get isCutOff(): boolean {
    return this.#toldOf === this.#deps.lease.renewedAt();
  }

  /** Another process says that it lives. */
  heard(incarnation: string, well: boolean): void {
    if (!well) {
      this.#others.delete(incarnation);
      return;
    }
    const now = this.#deps.clock.monotonic();
    const known = this.#others.get(incarnation);
    const wellSince = known && now - known.heardAt <= SILENCE_MS ? known.wellSince : now;
    this.#others.set(incarnation, { wellSince, heardAt: now });
  }

  #look(): void {
    const now = this.#deps.clock.monotonic();
    for (const [incarnation, { heardAt }] of this.#others)
      if (now - heardAt > SILENCE_MS) this.#others.delete(incarnation);
    const renewedAt = this.#deps.lease.renewedAt();
    if (now - renewedAt < CUT_OFF_MS || this.isCutOff) return;
    if (![...this.#others.values()].some(({ wellSince }) => now - wellSince >= STEADY_MS)) return;
    this.#toldOf = renewedAt;
    this.#deps.onCutOff();
  }
}
