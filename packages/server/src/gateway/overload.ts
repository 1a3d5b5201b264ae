import type { Clock } from '../platform/clock.js';

/** Handshakes under way at which no more are begun: about what one process gets ready in a second. */
const MOST = 1000;
/** Already so many are too many when the process cannot keep up with what it has. */
const MANY = 200;
/** Heartbeats of the sockets that are here must get through: their time-out is ten times this. */
const LATE_MS = 500;
const LOOK_MS = 100;

/**
 * Whether a process that thousands come back to at once should turn more away for a moment: they ask again, while those that are being
 * let in, and those that are here, are not slowed to death.
 */
export class Overload {
  readonly #clock: Clock;
  #underWay = 0;
  #lateMs = 0;
  #stopLooking = () => {};

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  start(): void {
    let expectedAt = this.#clock.monotonic() + LOOK_MS;
    this.#stopLooking = this.#clock.every(LOOK_MS, () => {
      const now = this.#clock.monotonic();
      this.#lateMs = now - expectedAt;
      expectedAt = now + LOOK_MS;
    });
  }

  stop(): void {
    this.#stopLooking();
  }

  /** A handshake begins. What it answers is called when it has ended, however often. */
  begin(): () => void {
    this.#underWay += 1;
    let isOver = false;
    return () => {
      if (!isOver) this.#underWay -= 1;
      isOver = true;
    };
  }

  get isTooMuch(): boolean {
    return this.#underWay >= MOST || (this.#underWay >= MANY && this.#lateMs > LATE_MS);
  }
}
