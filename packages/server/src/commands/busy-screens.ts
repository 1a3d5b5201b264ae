/**
 * Screens for which this process writes without a connection of them: what the last one left behind, a cancellation, a sweep. All
 * of them go by the fence as it is, so the next connection waits for them before it takes another.
 */
export class BusyScreens {
  readonly #work = new Map<string, Promise<unknown>>();

  has(screenId: string): boolean {
    return this.#work.has(screenId);
  }

  /** Resolves when nothing is written for it any more. */
  async idle(screenId: string): Promise<void> {
    for (let work = this.#work.get(screenId); work; work = this.#work.get(screenId)) await work;
  }

  /** They are busy until `work` is over, whichever way, and it is passed on. */
  async during<T>(screenIds: readonly string[], work: Promise<T>): Promise<T> {
    for (const screenId of screenIds) this.#add(screenId, work);
    return work;
  }

  #add(screenId: string, work: Promise<unknown>): void {
    const all: Promise<unknown> = Promise.allSettled([this.#work.get(screenId), work]).then(() => {
      if (this.#work.get(screenId) === all) this.#work.delete(screenId);
    });
    this.#work.set(screenId, all);
  }
}
