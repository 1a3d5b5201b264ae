import type { Clock } from '../../platform/clock.js';
import type { Database } from '../../platform/database/database.js';
import { findForeignKinds } from '../store/foreign-hashes.js';

/** Another process may import. */
const BELIEVED_MS = 30_000;

/** Which kinds of hashes other than today's are left, by import or from before: a failed log-in does the work of each of them. */
export class ForeignHashes {
  readonly #database: Database;
  readonly #clock: Pick<Clock, 'monotonic'>;
  #kinds: Promise<readonly string[]> | undefined;
  #readAt = 0;

  constructor(database: Database, clock: Pick<Clock, 'monotonic'>) {
    this.#database = database;
    this.#clock = clock;
  }

  kinds(): Promise<readonly string[]> {
    const now = this.#clock.monotonic();
    if (!this.#kinds || now - this.#readAt > BELIEVED_MS) {
      this.#readAt = now;
      const kinds = findForeignKinds(this.#database);
      this.#kinds = kinds;
      kinds.catch(() => this.changed());
    }
    return this.#kinds;
  }

  /** This process imported some. */
  changed(): void {
    this.#kinds = undefined;
  }
}
