import { BongsuError } from '@bongsu/protocol';
import type { Clock } from '../../platform/clock.js';
import { Pacer } from '../passwords/pacer.js';

export interface LoginGateDeps {
  clock: Pick<Clock, 'monotonic'>;
  /** Milliseconds from one finished password check to the next. */
  paceMs(): number;
}

/** What one IP address may have under way: not more than it may get wrong. */
const MOST_OF_ONE_ADDRESS = 50;
/** Of all addresses: the queue of the password pool keeps room for others. */
const MOST_INSIDE = 100;
const MOST_AT_ONCE_OF_A_PAIR = 5;
const MOST_WAITING_OF_A_PAIR = 50;
const SHORTEST_RETRY_MS = 100;
const MAX_PACERS = 10_000;

type Leave = () => void;

interface Pair {
  underWay: number;
  waiting: (() => void)[];
}

/**
 * Bounds the log-ins under way in this process without any SQL. Whoever finds it full is told a time of their own to come back, so that
 * a thousand people of one office get in one after another.
 */
export class LoginGate {
  readonly #deps: LoginGateDeps;
  readonly #insideOf = new Map<string, number>();
  readonly #pairs = new Map<string, Pair>();
  readonly #pacers = new Map<string, Pacer>();
  readonly #everybody: Pacer;
  #inside = 0;

  constructor(deps: LoginGateDeps) {
    this.#deps = deps;
    this.#everybody = new Pacer(deps.clock);
  }

  /** A place for one more of that IP address. @throws BUSY with retryAfterMs */
  enter(address: string): Leave {
    const inside = this.#insideOf.get(address) ?? 0;
    if (inside >= MOST_OF_ONE_ADDRESS) throw this.#busy(this.#pacerOf(address), inside);
    if (this.#inside >= MOST_INSIDE) throw this.#busy(this.#everybody, this.#inside);
    this.#insideOf.set(address, inside + 1);
    this.#inside += 1;
    return () => {
      this.#inside -= 1;
      const left = (this.#insideOf.get(address) ?? 1) - 1;
      if (left === 0) this.#insideOf.delete(address);
      else this.#insideOf.set(address, left);
    };
  }

  /**
   * Some attempts of one pair at once, the others wait: were each counted before the one ahead is settled, the limit of failures would
   * turn away twenty right ones. @throws BUSY with retryAfterMs
   */
  async turn(key: string): Promise<Leave> {
    const pair = this.#pairs.get(key) ?? { underWay: 0, waiting: [] };
    this.#pairs.set(key, pair);
    if (pair.underWay < MOST_AT_ONCE_OF_A_PAIR) pair.underWay += 1;
    else await this.#wait(pair);
    return () => {
      const next = pair.waiting.shift();
      if (next) return next();
      pair.underWay -= 1;
      if (pair.underWay === 0) this.#pairs.delete(key);
    };
  }

  /** For an attempt that must wait for others elsewhere. */
  busy(address: string): BongsuError {
    return this.#busy(this.#pacerOf(address), 1);
  }

  #wait(pair: Pair): Promise<void> {
    if (pair.waiting.length >= MOST_WAITING_OF_A_PAIR) {
      throw this.#busy(this.#everybody, pair.waiting.length);
    }
    return new Promise((turn) => {
      pair.waiting.push(turn);
    });
  }

  /** Half of those ahead will be through by then: told later, the places would stand empty. */
  #busy(pacer: Pacer, inside: number): BongsuError {
    const paceMs = this.#deps.paceMs();
    const aheadMs = Math.max(SHORTEST_RETRY_MS, (inside * paceMs) / 2);
    return new BongsuError('BUSY', { retryAfterMs: pacer.turn(aheadMs, paceMs) });
  }

  #pacerOf(address: string): Pacer {
    const known = this.#pacers.get(address);
    if (known) return known;
    if (this.#pacers.size >= MAX_PACERS) this.#forgetIdle();
    const pacer = new Pacer(this.#deps.clock);
    if (this.#pacers.size < MAX_PACERS) this.#pacers.set(address, pacer);
    return pacer;
  }

  #forgetIdle(): void {
    for (const [address, pacer] of this.#pacers) if (pacer.isIdle) this.#pacers.delete(address);
  }
}
