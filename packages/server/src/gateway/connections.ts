import { type ClosingKey, RateLimitError } from '@bongsu/protocol';
import { keyLogin, type Principal } from '../platform/principal.js';
import type { Push } from '../platform/push.js';
import { mayHear } from '../platform/rights.js';
import type { Connection } from './connection.js';

const LIMIT_RETRY_MS = 5000;

/** Every live connection of this node, by what it can be asked for; implements Push for the domains. */
export class Connections implements Push {
  readonly #maxPerUser: number;
  readonly #all = new Set<Connection>();
  /** Keys: `user:…`, `session:…`, `screen:…`. */
  readonly #groups = new Map<string, Set<Connection>>();
  #onEmpty: (() => void) | undefined;

  constructor(maxPerUser: number) {
    this.#maxPerUser = maxPerUser;
  }

  get size(): number {
    return this.#all.size;
  }

  all(): Iterable<Connection> {
    return [...this.#all];
  }

  /** @throws RATE_LIMIT at MAX_CONNECTIONS_PER_USER */
  check(principal: Principal): void {
    if (!this.hasRoom(principal)) throw new RateLimitError(LIMIT_RETRY_MS);
  }

  /** False at MAX_CONNECTIONS_PER_USER. */
  hasRoom(principal: Principal): boolean {
    return principal.kind !== 'user' || this.#group(`user:${principal.userId}`).size < this.#maxPerUser;
  }

  add(connection: Connection): void {
    this.#all.add(connection);
    for (const key of groupsOf(connection.principal)) {
      const group = this.#groups.get(key) ?? new Set();
      group.add(connection);
      this.#groups.set(key, group);
    }
  }

  remove(connection: Connection): void {
    this.#all.delete(connection);
    for (const key of groupsOf(connection.principal)) {
      const group = this.#groups.get(key);
      group?.delete(connection);
      if (group?.size === 0) this.#groups.delete(key);
    }
    if (this.#all.size === 0) this.#onEmpty?.();
  }

  /** Resolves when no connection is left. */
  empty(): Promise<void> {
    if (this.#all.size === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onEmpty = resolve;
    });
  }

  hasScreen(screenId: string): boolean {
    return this.#group(`screen:${screenId}`).size > 0;
  }

  toUser: Push['toUser'] = (userId, event, payload) => {
    for (const connection of this.#group(`user:${userId}`)) {
      if (mayHear(event, connection.principal)) connection.emit(event, payload as object);
    }
  };

  closeAll(closing: ClosingKey, retryAfterMs?: number): void {
    for (const connection of this.all()) connection.close(closing, retryAfterMs);
  }

  closeSession(sessionId: string, closing: ClosingKey): void {
    this.#closeGroup(`session:${sessionId}`, closing);
  }

  /** Of nobody: none. */
  ofUser(userId: string | undefined): Connection[] {
    return [...this.#group(`user:${userId}`)];
  }

  ofSession(sessionId: string | undefined): Connection[] {
    return [...this.#group(`session:${sessionId}`)];
  }

  ofKey(apiKeyId: string | undefined): Connection[] {
    return apiKeyId === undefined ? [] : this.ofSession(keyLogin(apiKeyId));
  }

  closeScreen(screenId: string, closing: ClosingKey): void {
    this.#closeGroup(`screen:${screenId}`, closing);
  }

  /** All but those that came with an API key. */
  closeTokens(closing: ClosingKey): void {
    for (const connection of this.all()) {
      const { principal } = connection;
      if (principal.kind === 'screen' || !principal.apiKey) connection.close(closing);
    }
  }

  #closeGroup(key: string, closing: ClosingKey): void {
    for (const connection of [...this.#group(key)]) connection.close(closing);
  }

  #group(key: string): ReadonlySet<Connection> {
    return this.#groups.get(key) ?? EMPTY;
  }
}

const EMPTY: ReadonlySet<Connection> = new Set();

function groupsOf(principal: Principal): string[] {
  const session = `session:${principal.sessionId}`;
  return principal.kind === 'user'
    ? [session, `user:${principal.userId}`]
    : [session, `screen:${principal.screenId}`];
}
