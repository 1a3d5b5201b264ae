import type { Clock, DatabaseClock } from '../platform/clock.js';
import type { Database } from '../platform/database/database.js';
import type { Ephemeral } from '../platform/ephemeral/ephemeral.js';
import type { Log } from '../platform/log.js';
import type { Push } from '../platform/push.js';
import { touchConnected } from './store/screens.js';
import { type Change, tellWatchers } from './tell.js';

export interface ScreenPresenceDeps {
  database: Database;
  ephemeral: Pick<Ephemeral, 'bus' | 'presence'>;
  databaseClock: DatabaseClock;
  clock: Clock;
  log: Log;
  push: Pick<Push, 'toUser'>;
}

/** Ends by itself when the node dies. */
const TTL_MS = 30_000;
const RENEW_MS = 10_000;

/**
 * Which screens are connected, on any node. Each node is a member of the group of every screen it holds. Changes are
 * written in batches: when a fleet comes back, what came while a batch was under way makes the next one.
 */
export class ScreenPresence {
  readonly #local = new Set<string>();
  /** Those whose groups this node is in: what was written last. */
  readonly #entered = new Set<string>();
  #changes = new Map<string, Change>();
  /** The batch under way, and the one that collects. */
  #writing: Promise<void> | undefined;
  #next: Promise<void> | undefined;
  #stopRenewing = () => {};

  constructor(private readonly deps: ScreenPresenceDeps) {}

  start(): void {
    this.#stopRenewing = this.deps.clock.every(RENEW_MS, () => void this.#renew());
  }

  /** Writes what is collected, then leaves all groups, so that no screen looks online on a node that is gone. */
  async stop(): Promise<void> {
    this.#stopRenewing();
    await (this.#next ?? this.#writing);
    const { bus, presence } = this.deps.ephemeral;
    const left = [...this.#local].map((id) => presence.remove(groupOf(id), bus.publisher));
    this.#local.clear();
    await Promise.allSettled(left);
  }

  /** Resolves when it is written and told. Never rejects: presence is a courtesy, and what failed is logged. */
  setOnline(screenId: string, online: boolean): Promise<void> {
    if (online) this.#local.add(screenId);
    else this.#local.delete(screenId);
    this.#changes.set(screenId, { online, at: Math.floor(this.deps.databaseClock()) });
    if (this.#next) return this.#next;
    if (!this.#writing) return this.#flush();
    this.#next = this.#writing.then(() => this.#flush());
    return this.#next;
  }

  /** Those of `screenIds` that are online. While Ephemeral fails: those on this node. */
  async onlineOf(screenIds: readonly string[]): Promise<Set<string>> {
    const online = await Promise.all(screenIds.map((id) => this.#isOnline(id)));
    return new Set(screenIds.filter((_, i) => online[i]));
  }

  async #isOnline(screenId: string): Promise<boolean> {
    if (this.#local.has(screenId)) return true;
    try {
      return (await this.deps.ephemeral.presence.count(groupOf(screenId))) > 0;
    } catch {
      return false;
    }
  }

  #flush(): Promise<void> {
    const changes = this.#changes;
    this.#changes = new Map();
    this.#next = undefined;
    const writing = this.#write(changes)
      .catch((error: unknown) => {
        this.deps.log.warn(
          { err: error, screens: changes.size },
          'The coming and going of screens was not told',
        );
      })
      .finally(() => {
        if (this.#writing === writing) this.#writing = undefined;
      });
    this.#writing = writing;
    return writing;
  }

  async #write(changes: ReadonlyMap<string, Change>): Promise<void> {
    const { database } = this.deps;
    // First, because what is below may fail while the database is away.
    const told = await this.#enterGroups(changes);
    const came = [...changes].filter(([, { online }]) => online);
    if (came.length > 0) {
      await touchConnected(
        database,
        came.map(([id]) => id),
        came.map(([, { at }]) => at),
      );
    }
    await tellWatchers(this.deps, told);
  }

  /** Answers the changes that are changes for the watchers: a screen that left here may be held by another node. */
  async #enterGroups(changes: ReadonlyMap<string, Change>): Promise<Map<string, Change>> {
    const told = new Map<string, Change>();
    await Promise.all(
      [...changes].map(async ([id, change]) => {
        const at = await this.#enterGroup(id, change);
        if (at !== undefined) told.set(id, { ...change, at });
      }),
    );
    return told;
  }

  /**
   * The change itself says whether somebody else holds the screen, and when it was: of two nodes between which it moves both may
   * tell, and the later moment is that of the one that came last. Undefined when there is nothing to tell.
   */
  async #enterGroup(screenId: string, { online, at }: Change): Promise<number | undefined> {
    const { bus, presence } = this.deps.ephemeral;
    const group = groupOf(screenId);
    const isChange = this.#entered.has(screenId) !== online;
    if (online) this.#entered.add(screenId);
    else this.#entered.delete(screenId);
    try {
      const change = online
        ? await presence.set(group, bus.publisher, '', TTL_MS, at)
        : await presence.remove(group, bus.publisher, at);
      return isChange && change.others === 0 ? change.at : undefined;
    } catch (error) {
      this.deps.log.warn({ err: error, screenId }, 'Presence could not be written');
      return isChange ? at : undefined;
    }
  }

  /** A screen that had ended meanwhile, when this process stood still, was told of as offline by another. */
  async #renew(): Promise<void> {
    const { bus, presence } = this.deps.ephemeral;
    const at = Math.floor(this.deps.databaseClock());
    const back = new Map<string, Change>();
    const renewals = [...this.#entered].map(async (id) => {
      const change = await presence.set(groupOf(id), bus.publisher, '', TTL_MS, at);
      if (!change.wasMember && change.others === 0) back.set(id, { online: true, at: change.at });
    });
    const results = await Promise.allSettled(renewals);
    results.push(...(await Promise.allSettled([tellWatchers(this.deps, back)])));
    const failed = results.filter((result) => result.status === 'rejected');
    if (failed.length > 0) {
      this.deps.log.warn({ err: failed[0]?.reason, screens: failed.length }, 'Presence was not renewed');
    }
  }
}

export function groupOf(screenId: string): string {
  return `screen:${screenId}`;
}
