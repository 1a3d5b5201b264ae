import type { RoomsContext } from './deps.js';

/** A socket that is gone. */
export interface Departure {
  socketId: string;
  goneAt: number;
}

/** Writes what it finds in `gone`, in the room's turn. @returns how many of them, from the first on */
type Write = (roomId: string, gone: readonly Departure[]) => Promise<number>;

const RETRY_MS = 1000;

/**
 * Sockets that are gone, until that is written: those of one room together. While it cannot be, one room after another tries whether it
 * can, for there may be thousands of them.
 */
export class Departures {
  readonly #rooms = new Map<string, { gone: Departure[]; written: Promise<void> }>();
  /** Those that could not be written, each with what lets it try again. */
  readonly #paused: (() => void)[] = [];
  #cancelTry: (() => void) | undefined;
  #isFailing = false;
  #stopped = false;

  constructor(
    private readonly deps: Pick<RoomsContext, 'clock' | 'log' | 'queues'>,
    private readonly write: Write,
  ) {}

  /** Resolves when it is written, or is left to whoever starts next. Never rejects. */
  add(roomId: string, departure: Departure): Promise<void> {
    const known = this.#rooms.get(roomId);
    if (known) {
      known.gone.push(departure);
      return known.written;
    }
    const gone = [departure];
    const written = this.#untilWritten(roomId, gone);
    this.#rooms.set(roomId, { gone, written });
    return written;
  }

  /** Tries nothing again. */
  stop(): void {
    this.#stopped = true;
    this.#cancelTry?.();
    this.#resume();
  }

  async #untilWritten(roomId: string, gone: Departure[]): Promise<void> {
    const { log, queues } = this.deps;
    while (gone.length > 0) {
      try {
        gone.splice(0, await queues.run(roomId, () => this.write(roomId, gone)));
        this.#isFailing = false;
        this.#resume();
      } catch (error) {
        if (!this.#isFailing) log.warn({ err: error, roomId }, 'who is gone could not be written yet');
        this.#isFailing = true;
        if (!this.#stopped) await this.#pause();
        if (this.#stopped) break;
      }
    }
    this.#rooms.delete(roomId);
  }

  #pause(): Promise<void> {
    this.#tryLater();
    return new Promise((resolve) => this.#paused.push(resolve));
  }

  /** After half the time to the whole, so that servers that lost one database do not come back to it in step. */
  #tryLater(): void {
    this.#cancelTry ??= this.deps.clock.after((RETRY_MS * (1 + Math.random())) / 2, () => {
      this.#cancelTry = undefined;
      this.#paused.shift()?.();
      if (this.#paused.length > 0) this.#tryLater();
    });
  }

  #resume(): void {
    for (const resume of this.#paused.splice(0)) resume();
  }
}
