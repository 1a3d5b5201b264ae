import { FreshRun } from '../platform/fresh-run.js';
import type { Log } from '../platform/log.js';

export interface EpochDeps {
  /** Asks the database. */
  read(): Promise<string>;
  log: Log;
}

/**
 * The epoch as the database last told it. A new one means that data may have gone back: positions and fences of before are void.
 */
export class Epoch {
  readonly #deps: EpochDeps;
  readonly #past = new Set<string>();
  readonly #listeners: ((epoch: string) => void)[] = [];
  readonly #asking = new FreshRun(() => this.#ask());
  #current: string | undefined;

  constructor(deps: EpochDeps) {
    this.#deps = deps;
  }

  get current(): string | undefined {
    return this.#current;
  }

  /** Of an answer of the database. Those of statements under way may still bring an earlier one. */
  note(epoch: string): void {
    if (epoch === this.#current) return;
    if (this.#past.has(epoch)) void this.#asking.run();
    else this.#change(epoch);
  }

  /** Of a hint, which may be late by any time: true when it is the present one. Another one proves nothing but that it is time to ask. */
  heard(epoch: string): boolean {
    if (epoch === this.#current) return true;
    void this.#asking.run();
    return false;
  }

  onChange(listener: (epoch: string) => void): void {
    this.#listeners.push(listener);
  }

  async #ask(): Promise<void> {
    try {
      let before: string | undefined;
      let answer: string;
      do {
        before = this.#current;
        answer = await this.#deps.read();
        // Another answer came meanwhile: which of the two is newer, only a later one tells.
      } while (before !== this.#current);
      if (answer !== before) this.#change(answer);
    } catch (err) {
      this.#deps.log.warn({ err }, 'the epoch could not be read');
    }
  }

  #change(epoch: string): void {
    const isFirst = this.#current === undefined;
    this.#past.add(epoch);
    this.#current = epoch;
    if (!isFirst) for (const listener of this.#listeners) listener(epoch);
  }
}
