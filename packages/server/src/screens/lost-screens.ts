import { findLiveNodes } from '../platform/database/live-nodes.js';
import { FreshRun } from '../platform/fresh-run.js';
import type { ScreensDeps } from './deps.js';
import { groupOf } from './presence.js';
import { listHeldBy, listHolders, listNotBack } from './store/screens.js';
import { type Change, tellWatchers } from './tell.js';

/** What processes held whose lease is over. */
interface Loss {
  incarnations: string[];
  screenIds: string[];
  /** Milliseconds, monotonic. */
  dueAt: number;
}

const LOOK_MS = 5_000;
/** Once a lease is found over: by then what the process said last of its screens has ended, and who could come back has. */
const GRACE_MS = 20_000;
/** So long a loss is kept by those that are not to tell of it: who is may be lost too. */
const KEPT_MS = 30_000;
const A_ROUND = 500;

type Deps = Pick<ScreensDeps, 'database' | 'ephemeral' | 'clock' | 'databaseClock' | 'log' | 'push' | 'node'>;

/** Tells that the screens of a process that was killed are offline, unless they came back. The first of the living by name tells. */
export class LostScreens {
  readonly #looking = new FreshRun(() => this.#look());
  /** As the last look found them; before the first, all that hold screens: others of this name, too, may have died just now. */
  #live: ReadonlySet<string> | undefined;
  #losses: Loss[] = [];
  #stopped = false;
  #stopLooking = () => {};

  constructor(private readonly deps: Deps) {}

  start(): void {
    this.#stopLooking = this.deps.clock.every(LOOK_MS, () => void this.look());
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopLooking();
    await this.look();
  }

  /** Never rejects. */
  look(): Promise<void> {
    return this.#looking.run().catch((error: unknown) => {
      this.deps.log.warn({ err: error }, 'Screens of lost nodes could not be looked after yet');
    });
  }

  async #look(): Promise<void> {
    if (this.#stopped) return;
    const { database, databaseClock, clock, node, ephemeral } = this.deps;
    const live = await findLiveNodes(database, databaseClock());
    await this.#noteEnded(new Set(live.map(({ incarnation }) => incarnation)));
    const now = clock.monotonic();
    this.#losses = this.#losses.filter(({ dueAt }) => now < dueAt + KEPT_MS);
    // Without Redis nobody knows who is connected elsewhere.
    if (live[0]?.incarnation !== node.incarnation || !ephemeral.bus.isUp) return;
    for (const loss of this.#losses.filter(({ dueAt }) => now >= dueAt)) await this.#tell(loss);
  }

  async #noteEnded(live: ReadonlySet<string>): Promise<void> {
    const before = this.#live ?? (await listHolders(this.deps.database));
    const incarnations = [...before].filter((incarnation) => !live.has(incarnation));
    if (incarnations.length > 0) {
      const screenIds = await listHeldBy(this.deps.database, incarnations);
      const dueAt = this.deps.clock.monotonic() + GRACE_MS;
      if (screenIds.length > 0) this.#losses.push({ incarnations, screenIds, dueAt });
    }
    this.#live = live;
  }

  async #tell(loss: Loss): Promise<void> {
    const now = Math.floor(this.deps.databaseClock());
    const connected: string[] = [];
    while (loss.screenIds.length > 0) {
      const round = loss.screenIds.slice(0, A_ROUND);
      const away = await listNotBack(this.deps.database, round, loss.incarnations, now);
      const gone = new Map<string, Change>();
      await Promise.all(
        away.map(async (id) => {
          const { others, at } = await this.#leave(id, now);
          if (others === 0) gone.set(id, { online: false, at });
          else connected.push(id);
        }),
      );
      await tellWatchers(this.deps, gone);
      loss.screenIds.splice(0, A_ROUND);
    }
    // To a process that lives without a lease, or it died a moment ago.
    loss.screenIds = connected;
  }

  /** As a change of the group, by a member that there is not: what comes after it is later. */
  #leave(screenId: string, now: number) {
    const { bus, presence } = this.deps.ephemeral;
    return presence.remove(groupOf(screenId), `lost:${bus.publisher}`, now);
  }
}
