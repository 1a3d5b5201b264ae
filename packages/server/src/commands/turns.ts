/**
 * One FIFO a socket. A command takes its turn when its event arrives; its gates may take their time, but it goes on only after all
 * earlier ones of its socket went on or were refused.
 */
export class Turns {
  readonly #lanes = new Map<string, Turn[]>();

  take(lane: string): Turn {
    let turns = this.#lanes.get(lane);
    if (!turns) {
      turns = [];
      this.#lanes.set(lane, turns);
    }
    const turn = new Turn(turns, () => this.#lanes.delete(lane));
    turns.push(turn);
    return turn;
  }

  /** True when nobody waits: who goes on at once needs no turn. */
  isFree(lane: string): boolean {
    return !this.#lanes.has(lane);
  }

  /** Sockets with commands between arrival and the batcher. */
  get size(): number {
    return this.#lanes.size;
  }
}

export class Turn {
  readonly #lane: Turn[];
  readonly #onEmpty: () => void;
  #over = false;
  #wake: (() => void) | undefined;

  constructor(lane: Turn[], onEmpty: () => void) {
    this.#lane = lane;
    this.#onEmpty = onEmpty;
  }

  get isOver(): boolean {
    return this.#over;
  }

  /** True when nobody earlier is left. */
  get isFirst(): boolean {
    return this.#lane[0] === this;
  }

  /** Resolves when nobody earlier is left. */
  first(): Promise<void> {
    if (this.isFirst) return Promise.resolve();
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  /** Entered or refused: lets the next one go on. Calling it again does nothing. */
  end(): void {
    if (this.#over) return;
    this.#over = true;
    let next = this.#lane[0];
    while (next?.isOver) {
      this.#lane.shift();
      next = this.#lane[0];
    }
    if (next) next.#wake?.();
    else this.#onEmpty();
  }
}
