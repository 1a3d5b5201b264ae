/** Work of one key runs one after another, in the order in which it was asked for. */
export class KeyedQueues {
  readonly #tails = new Map<string, Promise<unknown>>();

  run<Result>(key: string, work: () => Promise<Result>): Promise<Result> {
    const before = this.#tails.get(key) ?? Promise.resolve();
    const running = before.then(work);
    const tail = running
      .catch(() => undefined)
      .then(() => {
        if (this.#tails.get(key) === tail) this.#tails.delete(key);
      });
    this.#tails.set(key, tail);
    return running;
  }

  /** What was asked for last, as long as it is not done: another one means that more was asked for since. */
  last(key: string): Promise<unknown> | undefined {
    return this.#tails.get(key);
  }

  /** Whether work of that key is under way. */
  isBusy(key: string): boolean {
    return this.#tails.has(key);
  }

  /** Resolves when nothing is left to do. */
  async idle(): Promise<void> {
    while (this.#tails.size > 0) await Promise.all(this.#tails.values());
  }
}
