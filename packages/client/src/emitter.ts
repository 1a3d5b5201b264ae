/** A typed event source: `Events` maps each event name to what its listeners get. */
export class Emitter<Events extends object> {
  private readonly listeners = new Map<keyof Events, Set<(value: never) => void>>();

  /**
   * Calls `listener` on each `event`. Returns the function that stops it.
   * @example const stop = client.on('state', ({ state }) => show(state));
   */
  on<Name extends keyof Events>(event: Name, listener: (value: Events[Name]) => void): () => void {
    const set = this.listeners.get(event) ?? new Set();
    this.listeners.set(event, set);
    // A fresh function, so that one listener added twice is removed once.
    const entry = (value: Events[Name]) => listener(value);
    set.add(entry);
    return () => set.delete(entry);
  }

  protected emit<Name extends keyof Events>(event: Name, value: Events[Name]): void {
    for (const listener of [...(this.listeners.get(event) ?? [])]) {
      try {
        (listener as (value: Events[Name]) => void)(value);
      } catch (error) {
        // A listener's fault must not stop delivery; it surfaces where uncaught errors do.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
