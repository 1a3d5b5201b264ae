import { type ClosingKey, RateLimitError } from '@bongsu/protocol';
import type { ConnectionFilter, LocalConnections, OwnConnection } from '../platform/local-connections.js';
import { keyLogin, type Principal } from '../platform/principal.js';
import type { Push } from '../platform/push.js';
import { mayHear } from '../platform/rights.js';
import type { Connection } from './connection.js';
import type { ConnectionCounts } from './connection-counts.js';
import { roomsToTell } from './hearing-rooms.js';
import type { OtherNodes } from './other-nodes.js';

const LIMIT_RETRY_MS = 5000;
const USER = 'user:';

/** What this node knows of the others. */
export interface Cluster {
  others: Pick<OtherNodes, 'emit'>;
  counts: Pick<ConnectionCounts, 'of'>;
}

/** Every live connection of this node, by what it can be asked for; implements Push for the domains, and says to administrators what there is. */
export class Connections implements Push, LocalConnections {
  readonly #maxPerUser: number;
  readonly #others: Cluster['others'] | undefined;
  readonly #counts: Cluster['counts'] | undefined;
  readonly #all = new Map<string, Connection>();
  /** Keys: `user:…`, `session:…`, `screen:…`. */
  readonly #groups = new Map<string, Set<Connection>>();
  #onEmpty: (() => void) | undefined;

  /** @param cluster absent where there is one node */
  constructor(maxPerUser: number, cluster?: Cluster) {
    this.#maxPerUser = maxPerUser;
    this.#others = cluster?.others;
    this.#counts = cluster?.counts;
  }

  get size(): number {
    return this.#all.size;
  }

  all(): Iterable<Connection> {
    return [...this.#all.values()];
  }

  /** @throws RATE_LIMIT at MAX_CONNECTIONS_PER_USER */
  check(principal: Principal): void {
    if (!this.hasRoom(principal)) throw new RateLimitError(LIMIT_RETRY_MS);
  }

  /** False at MAX_CONNECTIONS_PER_USER. */
  hasRoom(principal: Principal): boolean {
    if (principal.kind !== 'user') return true;
    const { userId } = principal;
    const elsewhere = this.#counts?.of(userId) ?? 0;
    return this.#group(`user:${userId}`).size + elsewhere < this.#maxPerUser;
  }

  /** Users with at least `least` connections to this node. */
  countByUser(least: number): Map<string, number> {
    const counts = new Map<string, number>();
    for (const [key, { size }] of this.#groups)
      if (size >= least && key.startsWith(USER)) counts.set(key.slice(USER.length), size);
    return counts;
  }

  add(connection: Connection): void {
    this.#all.set(connection.socketId, connection);
    if (this.#others) connection.hearOthers();
    for (const key of groupsOf(connection.principal)) {
      const group = this.#groups.get(key) ?? new Set();
      group.add(connection);
      this.#groups.set(key, group);
    }
  }

  remove(connection: Connection): void {
    this.#all.delete(connection.socketId);
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

  describe({ userId, screenId }: ConnectionFilter): OwnConnection[] {
    return [...this.#matching(userId, screenId)].map((connection) => connection.describe());
  }

  find(id: string): OwnConnection | undefined {
    return this.#all.get(id)?.describe();
  }

  closeOne(id: string, closing: ClosingKey): boolean {
    const connection = this.#all.get(id);
    connection?.close(closing);
    return connection !== undefined;
  }

  /** No connection is of a user and of a screen. */
  #matching(userId: string | undefined, screenId: string | undefined): Iterable<Connection> {
    if (userId === undefined && screenId === undefined) return this.#all.values();
    if (userId !== undefined && screenId !== undefined) return [];
    return this.#group(userId === undefined ? `screen:${screenId}` : `user:${userId}`);
  }

  hasScreen(screenId: string): boolean {
    return this.#group(`screen:${screenId}`).size > 0;
  }

  toUser: Push['toUser'] = (userId, event, payload) => {
    for (const connection of this.#group(`user:${userId}`)) {
      if (mayHear(event, connection.principal)) connection.emit(event, payload as object);
    }
    this.#others?.emit(roomsToTell(userId, event), event, payload);
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
