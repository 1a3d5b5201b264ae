import type { Queryable } from '../../platform/database/database.js';
import type { Core } from '../core.js';
import { insertRevocations, type NewRevocation, type Revocation } from '../store/revocations.js';
import { revokeSession } from '../store/sessions.js';
import { revocationOf } from './revoke.js';

type LoginCore = Pick<Core, 'database' | 'now' | 'config'> & { feed: Pick<Core['feed'], 'committed'> };

/**
 * A transaction in which logins may begin, end or change. Only `loginTransaction` makes one and `openLogin` takes nothing
 * else, so that nobody can open a login and forget to tell of those that gave way to it.
 */
export class LoginTransaction implements Queryable {
  readonly query: Queryable['query'];
  readonly #core: LoginCore;
  readonly #announced: Revocation[] = [];

  constructor(core: LoginCore, tx: Queryable) {
    this.#core = core;
    this.query = (...statement) => tx.query(...statement);
  }

  /** What every process hears of once this has committed. */
  get announced(): readonly Revocation[] {
    return this.#announced;
  }

  /** Reasons in `revocation-feed.ts` say what it means; any other ends it. */
  async announce(kind: NewRevocation['kind'], id: string, reason: string): Promise<void> {
    await this.announceAll(kind, [id], reason);
  }

  /** Many by one statement. */
  async announceAll(kind: NewRevocation['kind'], ids: readonly string[], reason: string): Promise<void> {
    if (ids.length === 0) return;
    const rows = ids.map((id) => revocationOf(this.#core, kind, id, reason));
    this.#announced.push(...(await insertRevocations(this, rows)));
  }

  /** Ends one login. False when it had already ended. */
  async end(sessionId: string, reason: string): Promise<boolean> {
    if (!(await revokeSession(this, sessionId, reason, this.#core.now()))) return false;
    await this.announce('session', sessionId, reason);
    return true;
  }
}

/** Commits what `work` wrote, then lets this process and the others forget what they had cached, and cut sockets. */
export async function loginTransaction<T>(
  core: LoginCore,
  work: (tx: LoginTransaction) => Promise<T>,
): Promise<T> {
  let announced: readonly Revocation[] = [];
  const result = await core.database.transaction(async (tx) => {
    const transaction = new LoginTransaction(core, tx);
    const done = await work(transaction);
    announced = transaction.announced;
    return done;
  });
  core.feed.committed(announced);
  return result;
}
