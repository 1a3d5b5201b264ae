import type { Clock } from '../platform/clock.js';
import type { Bus } from '../platform/ephemeral/ephemeral.js';

export interface SharedUseDeps {
  bus: Bus;
  clock: Pick<Clock, 'every'>;
  perMinute: number;
  /** Another node let so many calls of a key through. */
  onUse(key: string, count: number): void;
}

type Use = [key: string, count: number][];

const CHANNEL = 'limits.commands';
const PERIOD_MS = 250;
const PERIODS_A_MINUTE = 60_000 / PERIOD_MS;
/** What is less than this part of the limit is not told: most people send little, and nobody's limit turns on it. */
const SMALL = 0.1;

/**
 * Calls that each node lets through, told the others four times a second, so that one limit holds for all without asking anybody on the
 * hot path. Until they hear, each goes by what it knows; while the bus is away, each by itself (docs/decisions/0084).
 */
export class SharedUse {
  readonly #deps: SharedUseDeps;
  readonly #least: number;
  readonly #stops: (() => void)[];
  #uses = new Map<string, number>();

  constructor(deps: SharedUseDeps) {
    this.#deps = deps;
    this.#least = (deps.perMinute / PERIODS_A_MINUTE) * SMALL;
    this.#stops = [
      deps.clock.every(PERIOD_MS, () => this.#tell()),
      deps.bus.subscribe(CHANNEL, (event) => {
        if (event.type !== 'message' || event.publisher === deps.bus.publisher) return;
        for (const [key, count] of event.message as Use) deps.onUse(key, count);
      }),
    ];
  }

  note(key: string): void {
    this.#uses.set(key, (this.#uses.get(key) ?? 0) + 1);
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  #tell(): void {
    const uses: Use = [...this.#uses].filter(([, count]) => count >= this.#least);
    this.#uses = new Map();
    if (uses.length > 0) this.#deps.bus.publish(CHANNEL, uses);
  }
}
