/**
 * The epoch as the ledger last told it. A new one means that data may have gone back: positions and fences of before are void.
 */
export class Epoch {
  readonly #past = new Set<string>();
  readonly #listeners: ((epoch: string) => void)[] = [];
  #current: string | undefined;

  get current(): string | undefined {
    return this.#current;
  }

  /** Answers of statements under way may still bring an earlier epoch: those change nothing. */
  note(epoch: string): void {
    if (epoch === this.#current || this.#past.has(epoch)) return;
    const isFirst = this.#current === undefined;
    this.#past.add(epoch);
    this.#current = epoch;
    if (!isFirst) for (const listener of this.#listeners) listener(epoch);
  }

  onChange(listener: (epoch: string) => void): void {
    this.#listeners.push(listener);
  }
}
