import { type Clock, sleep } from '../clock.js';
import type { Log } from '../log.js';
import type { Metrics } from '../metrics.js';
import { parseFrame } from './bus-frames.js';
import type { EphemeralHealth } from './ephemeral.js';
import { createReader, type RedisClient } from './redis-client.js';
import type { RedisLink } from './redis-link.js';
import type { RedisConfig } from './redis-server.js';
import { type Crossing, cross, inward, outward } from './region-marks.js';

export interface RedisBridgeDeps {
  clock: Clock;
  log: Log;
  metrics: Pick<Metrics, 'counter' | 'tally' | 'gauge'>;
  /** REGION. */
  region: string;
  /** This process: the name of its bus. */
  own: string;
  here: End;
  home: End;
}

/** The Redis of one side. */
export interface End {
  link: RedisLink;
  config: RedisConfig;
}

type Direction = 'out' | 'in';

const TICK_MS = 1000;
/** Who carries has this long to say so again. */
const LEASE_MS = 3000;
const PAUSE_MS = 250;
const BLOCK_MS = 5000;
const ENTRIES_A_READ = 100;
/** As gateway/other-nodes.ts keeps. */
const MAX_ENTRIES = 5000;
/** Towards a Redis that takes what it is sent but does not answer. */
const MAX_UNDER_WAY = 1000;
/** For the adapter a copy is of somebody who is no node: it asks nodes for answers, and those of other regions hear no question. */
const EMITTER = 'emitter';

/**
 * Carries hints and pushes between the Redis of a region and the one at home, and keeps nothing: what cannot be carried is lost, and
 * mended as after any other loss. All nodes of a region stand ready, and the one that holds a lease in the region's Redis carries; should
 * two do so for a moment, hints are taken once by their numbers, and a push may be told twice.
 */
export class RedisBridge {
  readonly #deps: RedisBridgeDeps;
  readonly #crossings: Record<Direction, Crossing>;
  readonly #counts: Record<Direction | 'dropped', (by?: number) => void>;
  #heldUntil = Number.NEGATIVE_INFINITY;
  /** Somebody of this region carries, as far as is known. */
  #isHeld = false;
  #term: AbortController | undefined;
  #underWay = 0;
  #stopTicking = () => {};

  constructor(deps: RedisBridgeDeps) {
    this.#deps = deps;
    this.#crossings = { out: outward(deps.region), in: inward(deps.region) };
    const carried = deps.metrics.counter(
      'bongsu_bridge_carried_total',
      'Frames of the bus and pushes that this node carried between its region and home',
      ['direction'],
    );
    const tally = (direction: string) => deps.metrics.tally(carried, { direction });
    this.#counts = { out: tally('out'), in: tally('in'), dropped: tally('dropped') };
    deps.metrics.gauge('bongsu_bridge_leads', 'Whether this node carries for its region', [], (gauge) =>
      gauge.set(this.#leads ? 1 : 0),
    );
  }

  start(): void {
    void this.#tick();
    this.#stopTicking = this.#deps.clock.every(TICK_MS, () => void this.#tick());
    for (const { link } of [this.#deps.here, this.#deps.home]) link.onUp(() => void this.#tick());
  }

  /** A frame of the region's bus. */
  hearHere(text: string): void {
    this.#carryFrame(text, 'out');
  }

  /** A frame of the bus at home. */
  hearHome(text: string): void {
    this.#carryFrame(text, 'in');
  }

  health(): EphemeralHealth {
    const { here, home } = this.#deps;
    const fault =
      home.link.fault() ??
      (here.link.isUp && !this.#isHeld ? 'No node of this region carries to it' : undefined);
    if (fault === undefined) return { status: 'ok' };
    return {
      status: 'degraded',
      message: `The home Redis: ${fault}. Other regions are heard of by SQL alone.`,
    };
  }

  /** Lets another node carry at once. */
  async close(): Promise<void> {
    this.#stopTicking();
    if (!this.#term) return;
    this.#follow();
    const { here, own } = this.#deps;
    await here.link.call((client) => client.bongsuHold(here.link.keys.bridge, own, 1)).catch(() => undefined);
  }

  /** By the monotonic clock: a process that stood still carries nothing under a lease that another has by now. */
  get #leads(): boolean {
    return this.#term !== undefined && this.#deps.clock.monotonic() < this.#heldUntil;
  }

  async #tick(): Promise<void> {
    const { here, home, own, clock } = this.#deps;
    const askedAt = clock.monotonic();
    if (!here.link.isUp || !home.link.isUp) return this.#follow();
    const answer = await here.link
      .call((client) => client.bongsuHold(here.link.keys.bridge, own, LEASE_MS))
      .catch(() => undefined);
    this.#isHeld = answer !== undefined;
    if (answer !== 1) return this.#follow();
    this.#heldUntil = askedAt + LEASE_MS;
    this.#lead();
  }

  #lead(): void {
    if (this.#term) return;
    const { home, here, region, log } = this.#deps;
    const term = new AbortController();
    this.#term = term;
    log.info({ region }, 'This node carries between its region and home');
    home.link.listen(true);
    void this.#carryPushes(here, home, 'out', term.signal);
    void this.#carryPushes(home, here, 'in', term.signal);
  }

  #follow(): void {
    if (!this.#term) return;
    this.#term.abort();
    this.#term = undefined;
    this.#deps.home.link.listen(false);
    this.#deps.log.info({ region: this.#deps.region }, 'This node carries no more');
  }

  #carryFrame(text: string, direction: Direction): void {
    if (!this.#leads) return;
    const frame = parseFrame(text);
    const crossed = frame && cross(frame, this.#crossings[direction]);
    if (!crossed) return;
    const { link } = direction === 'out' ? this.#deps.home : this.#deps.here;
    const copy = JSON.stringify(crossed);
    this.#write(direction, () =>
      link.call((client) => client.bongsuPublish(link.keys.store, link.keys.channel, copy)),
    );
  }

  /** From the end of the stream on, and from its end again after each loss: what is told late is worth nothing. */
  async #carryPushes(from: End, to: End, direction: Direction, ended: AbortSignal): Promise<void> {
    const reader = createReader(from.config);
    const { pushes } = from.link.keys;
    ended.addEventListener('abort', () => reader.disconnect());
    let after: string | undefined;
    while (!ended.aborted) {
      try {
        after ??= await lastEntry(reader, pushes);
        const read = await reader.xread(
          ...(['COUNT', ENTRIES_A_READ, 'BLOCK', BLOCK_MS, 'STREAMS', pushes, after] as const),
        );
        for (const [id, fields] of read?.[0]?.[1] ?? []) {
          after = id;
          this.#carryPush(fields, to, direction);
        }
      } catch {
        after = undefined;
        await sleep(this.#deps.clock, PAUSE_MS, ended).catch(() => undefined);
      }
    }
  }

  #carryPush(list: readonly string[], { link }: End, direction: Direction): void {
    const fields = new Map<string, string>();
    for (let i = 0; i < list.length; i += 2) fields.set(list[i] ?? '', list[i + 1] ?? '');
    const mark = this.#crossings[direction](fields.get('mark'));
    if (mark === undefined || !this.#leads) return;
    const copy = [...fields.set('mark', mark).set('uid', EMITTER)].flat();
    this.#write(direction, () =>
      link.call((client) => client.xadd(link.keys.pushes, 'MAXLEN', '~', MAX_ENTRIES, '*', ...copy)),
    );
  }

  #write(direction: Direction, send: () => Promise<unknown>): void {
    if (this.#underWay >= MAX_UNDER_WAY) {
      this.#counts.dropped();
      return;
    }
    this.#underWay += 1;
    send()
      .then(
        () => this.#counts[direction](),
        () => this.#counts.dropped(),
      )
      .finally(() => {
        this.#underWay -= 1;
      });
  }
}

async function lastEntry(reader: RedisClient, stream: string): Promise<string> {
  const [last] = await reader.xrevrange(stream, '+', '-', 'COUNT', 1);
  return last?.[0] ?? '0-0';
}
