import type { Clock } from '../platform/clock.js';

/** So long those of a crowd wait for each other. */
const WAVE_MS = 100;
/** Of so many in that time none waits. */
const AT_ONCE = 10;
/** A wave of so few ends the crowd. Far fewer than begin one: let in one by one those who come would make the process slow again. */
const FEW = 2;

/**
 * Lets the handshakes of a crowd in together. What each asks of SQL and Redis goes in batches, and a process that takes one
 * connection a turn of its event loop, as Node does, would never have two in one.
 */
export class HandshakeWaves {
  readonly #clock: Clock;
  #came = 0;
  #waiting: (() => void)[] = [];
  #cancel: (() => void) | undefined;
  #isOver = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `letIn`: at once, or with the next wave. */
  enter(letIn: () => void): void {
    this.#came += 1;
    if (!this.#cancel && !this.#isOver) this.#wait();
    if (this.#came <= AT_ONCE || this.#isOver) letIn();
    else this.#waiting.push(letIn);
  }

  /** Nobody waits any more. */
  end(): void {
    this.#isOver = true;
    this.#cancel?.();
    this.#letIn(this.#waiting);
  }

  #wait(): void {
    this.#cancel = this.#clock.after(WAVE_MS, () => this.#endWave());
  }

  #endWave(): void {
    this.#cancel = undefined;
    const wave = this.#waiting;
    this.#waiting = [];
    if (wave.length > FEW) this.#wait();
    else this.#came = 0;
    this.#letIn(wave);
  }

  #letIn(wave: readonly (() => void)[]): void {
    for (const letIn of wave) letIn();
  }
}
