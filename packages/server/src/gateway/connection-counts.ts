import type { Clock } from '../platform/clock.js';
import type { Bus, BusEvent } from '../platform/ephemeral/ephemeral.js';

export interface ConnectionCountsDeps {
  bus: Bus;
  clock: Pick<Clock, 'every' | 'monotonic'>;
  /** MAX_CONNECTIONS_PER_USER. */
  maxPerUser: number;
}

type Counts = ReadonlyMap<string, number>;
interface Message {
  /** All there are; otherwise those that are others than before. */
  isWhole: boolean;
  counts: [userId: string, count: number][];
}

const CHANNEL = 'limits.connections';
const PERIOD_MS = 250;
/** Every five seconds all are told anew: so what was lost is mended. */
const WHOLE_EVERY = 20;
/** Of a node that says nothing any more though the bus hears it: one message that tells all may be lost. */
const FORGOTTEN_AFTER_MS = 12_000;
/** Fewer than this part of the limit are not told. */
const SMALL = 0.1;

/** How many connections users have on other nodes, as those tell; none of a node that cannot be heard. */
export class ConnectionCounts {
  readonly #deps: ConnectionCountsDeps;
  readonly #elsewhere = new Map<string, { heardAt: number; counts: Map<string, number> }>();
  #told: Counts = new Map();
  #ticks = 0;
  #stops: (() => void)[] = [];

  constructor(deps: ConnectionCountsDeps) {
    this.#deps = deps;
  }

  /** @param countHere users with at least so many connections here, and how many */
  start(countHere: (least: number) => Counts): void {
    const { bus, clock, maxPerUser } = this.#deps;
    this.#stops = [
      clock.every(PERIOD_MS, () => this.#tell(countHere(Math.max(1, maxPerUser * SMALL)))),
      bus.subscribe(CHANNEL, (event) => this.#hear(event)),
    ];
  }

  stop(): void {
    for (const stop of this.#stops) stop();
  }

  of(userId: string): number {
    const since = this.#deps.clock.monotonic() - FORGOTTEN_AFTER_MS;
    let sum = 0;
    for (const { heardAt, counts } of this.#elsewhere.values())
      if (heardAt >= since) sum += counts.get(userId) ?? 0;
    return sum;
  }

  #tell(here: Counts): void {
    const isWhole = this.#ticks % WHOLE_EVERY === 0;
    this.#ticks += 1;
    const gone = [...this.#told.keys()].filter((userId) => !here.has(userId));
    const changed = [...here].filter(([userId, count]) => isWhole || this.#told.get(userId) !== count);
    this.#told = here;
    const counts: Message['counts'] = [...gone.map((userId): [string, number] => [userId, 0]), ...changed];
    if (isWhole || counts.length > 0) this.#deps.bus.publish(CHANNEL, { isWhole, counts } satisfies Message);
  }

  #hear(event: BusEvent): void {
    const { publisher } = event;
    if (publisher === this.#deps.bus.publisher) return;
    if (event.type === 'gap') {
      // It is gone, and comes back by another name or with all it has. What another gap hides is told anew within seconds.
      if (event.next === Number.POSITIVE_INFINITY) this.#elsewhere.delete(publisher);
      return;
    }
    const { isWhole, counts } = event.message as Message;
    const known = isWhole ? undefined : this.#elsewhere.get(publisher)?.counts;
    const now = new Map([...(known ?? []), ...counts]);
    this.#elsewhere.set(publisher, { heardAt: this.#deps.clock.monotonic(), counts: now });
  }
}
