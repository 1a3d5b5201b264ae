import { LRUCache } from 'lru-cache';
import type { Clock } from '../platform/clock.js';
import type { Database, Queryable } from '../platform/database/database.js';
import type { BusEvent, Ephemeral } from '../platform/ephemeral/ephemeral.js';
import { upTo } from '../platform/grown-cache.js';
import { type CacheCounts, countCache, type Metrics } from '../platform/metrics.js';
import type { Principal, UserPrincipal } from '../platform/principal.js';
import { BatchProcessor } from '../platform/resilience/batch-processor.js';
import { fewStatements } from '../platform/resilience/few-statements.js';
import type { ScreenRole } from '../platform/rights.js';
import type { ScreenGrant } from './deps.js';
import { findRights, listRights, lockScreen, type RightsRow } from './store/screens.js';

interface Rights {
  streamId: number;
  ownerId: string;
  controllers: ReadonlySet<string>;
}

export interface ScreenRightsDeps {
  clock: Clock;
  database: Database;
  ephemeral: Pick<Ephemeral, 'bus'>;
  metrics: Metrics;
}

const MAX_CACHED = 10_000;
/** How long another node may go on with old rights when the hint of a change is lost and no gap shows it. */
const MAX_AGE_MS = 10_000;
const CHANNEL = 'screen-rights';

/**
 * Who may do what with a screen, cached for the command path. Changes on this node show as soon as their verb answers;
 * other nodes hear of them on the bus. A yes comes from memory, a no from SQL only.
 */
export class ScreenRights {
  readonly #cache: LRUCache<string, Rights>;
  readonly #loads = new Map<string, Promise<Rights | undefined>>();
  readonly #counts: CacheCounts;
  /** Who is refused again and again costs no more than few statements at a time, which ask for all of them. */
  readonly #looks: BatchProcessor<string, Rights | undefined>;
  #unsubscribe = () => {};

  constructor(private readonly deps: ScreenRightsDeps) {
    const { clock, metrics } = deps;
    const perf = { now: () => clock.monotonic() };
    this.#cache = new LRUCache({ ...upTo(MAX_CACHED), ttl: MAX_AGE_MS, ttlResolution: 0, perf });
    this.#counts = countCache(metrics, 'screen_rights');
    this.#looks = new BatchProcessor({
      ...fewStatements(clock),
      keyOf: (screenId: string) => screenId,
      process: (screenIds: string[]) => this.#look(screenIds),
    });
  }

  start(): void {
    this.#unsubscribe = this.deps.ephemeral.bus.subscribe(CHANNEL, (event) => this.#onHint(event));
  }

  stop(): void {
    this.#unsubscribe();
  }

  /** See `Screens.authorizeCommand`. */
  authorizeCommand(
    principal: Principal,
    screenId: string,
  ): ScreenGrant | undefined | Promise<ScreenGrant | undefined> {
    if (principal.kind !== 'user') return undefined;
    const cached = this.#cache.get(screenId);
    const granted = cached && grant(principal, screenId, cached);
    if (granted) {
      this.#counts.hit();
      return granted;
    }
    this.#counts.miss();
    return this.#lookUp(principal, screenId, cached !== undefined || this.#loads.has(screenId));
  }

  /** Another process may have given the right a moment ago: nobody is refused by what was read before they asked. */
  async #lookUp(user: UserPrincipal, screenId: string, isOld: boolean): Promise<ScreenGrant | undefined> {
    const rights = this.#cache.get(screenId) ?? (await this.#load(screenId));
    const granted = rights && grant(user, screenId, rights);
    if (granted || !isOld) return granted;
    const read = await this.#looks.add(screenId);
    const anew = read && grant(user, screenId, read);
    if (anew) this.#forget(screenId);
    return anew;
  }

  /** See `Screens.holdCommanded`. */
  async holdCommanded(
    tx: Queryable,
    user: UserPrincipal,
    screenId: string,
  ): Promise<ScreenGrant | undefined> {
    // Locked in a statement of its own, so that the next one sees what the holder before us wrote.
    await lockScreen(tx, screenId);
    const row = await findRights(tx, screenId);
    return row && grant(user, screenId, toRights(row));
  }

  /** Owner and controllers; none for a screen that does not exist. */
  async watchers(screenId: string): Promise<string[]> {
    const rights = this.#cache.get(screenId) ?? (await this.#load(screenId));
    return rights ? [rights.ownerId, ...rights.controllers] : [];
  }

  /** Called after the commit of a change. */
  changed(screenId: string): void {
    this.#forget(screenId);
    this.deps.ephemeral.bus.publish(CHANNEL, { screenId });
  }

  #load(screenId: string): Promise<Rights | undefined> {
    const known = this.#loads.get(screenId);
    if (known) return known;
    const load: Promise<Rights | undefined> = findRights(this.deps.database, screenId)
      .then((row) => {
        const rights = row && toRights(row);
        // A change since the load began has put it out of the list; what was read then must not be kept.
        if (rights && this.#loads.get(screenId) === load) this.#cache.set(screenId, rights);
        return rights;
      })
      .finally(() => {
        if (this.#loads.get(screenId) === load) this.#loads.delete(screenId);
      });
    this.#loads.set(screenId, load);
    return load;
  }

  async #look(screenIds: readonly string[]): Promise<(Rights | undefined)[]> {
    const rows = await listRights(this.deps.database, [...new Set(screenIds)]);
    const rights = new Map(rows.map((row) => [row.screenId, toRights(row)]));
    return screenIds.map((screenId) => rights.get(screenId));
  }

  #onHint(event: BusEvent): void {
    if (event.publisher === this.deps.ephemeral.bus.publisher) return;
    const { screenId } = (event.type === 'message' ? event.message : {}) as { screenId?: unknown };
    if (typeof screenId === 'string') this.#forget(screenId);
    else this.#forgetAll();
  }

  #forgetAll(): void {
    this.#cache.clear();
    this.#loads.clear();
  }

  #forget(screenId: string): void {
    this.#cache.delete(screenId);
    this.#loads.delete(screenId);
  }
}

function toRights(row: RightsRow): Rights {
  return { streamId: row.streamId, ownerId: row.ownerId, controllers: new Set(row.controllers) };
}

function grant(user: UserPrincipal, screenId: string, rights: Rights): ScreenGrant | undefined {
  const role = roleOf(user, rights.ownerId, (userId) => rights.controllers.has(userId));
  return role && { screenId, streamId: rights.streamId, role };
}

/** What somebody is to a screen, or undefined: then it does not exist for them. */
export function roleOf(
  user: UserPrincipal,
  ownerId: string,
  isController: (userId: string) => boolean,
): ScreenRole | undefined {
  if (user.userId === ownerId) return 'owner';
  if (user.role === 'admin') return 'admin';
  return isController(user.userId) ? 'controller' : undefined;
}
