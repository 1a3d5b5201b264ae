import { uuidv7 } from '../ids.js';
import type { Log } from '../log.js';
import type { RedisLink } from './redis-link.js';

/** Whether what a Redis held is still there: its store has a name, which goes with it. */
export class StoreWatch {
  readonly #listeners = new Set<() => void>();
  #name: string | undefined;

  constructor(
    private readonly link: Pick<RedisLink, 'call' | 'keys'>,
    private readonly log: Log,
  ) {}

  get name(): string | undefined {
    return this.#name;
  }

  /** Tells when what was stored is gone: flushed, restarted empty, or lost by a failover. */
  onNew(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** The name as Redis says it; null when it has none. */
  note(name: string | null): void {
    if (name === null) this.#give();
    else if (this.#name === undefined) this.#name = name;
    else if (name !== this.#name) {
      this.#name = name;
      this.log.warn({}, 'What Redis held is gone: telling it anew');
      for (const listener of this.#listeners) listener();
    }
  }

  /** Asks, where nothing else brings the name. */
  async look(): Promise<void> {
    await this.link
      .call((client) => client.get(this.link.keys.store))
      .then(
        (name) => this.note(name),
        () => undefined,
      );
  }

  close(): void {
    this.#listeners.clear();
  }

  /** Of several nodes that find it without a name one gives it; all see it when they look again. */
  #give(): void {
    this.link.call((client) => client.set(this.link.keys.store, uuidv7(), 'NX')).catch(() => undefined);
  }
}
