import { type Clock, sleep } from '../clock.js';
import { FreshRun } from '../fresh-run.js';
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
  /** The names of both stores, as far as they are known. */
  stores(): { here: string | undefined; home: string | undefined };
}

/** The Redis of one side. */
export interface End {
  link: RedisLink;
  config: RedisConfig;
}

type Direction = 'out' | 'in';

const TICK_MS = 500;
/** Who carries has this long to say so again. */
const LEASE_MS = 2000;
/** Ticks without a frame of home's bus, on which this node's own heartbeats come back four times a second. */
const LISTEN_ANEW_AFTER = 3;
const DEAF_AFTER = 7;
const PAUSE_MS = 250;
const BLOCK_MS = 5000;
const ENTRIES_A_READ = 100;
/** As gateway/other-nodes.ts keeps. */
const MAX_ENTRIES = 5000;
/** Characters, towards a Redis that takes what it is sent but does not answer. */
const MOST_UNDER_WAY = 16 * 1024 * 1024;

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
  /** Until then another one may try. */
  #restsUntil = Number.NEGATIVE_INFINITY;
  /** Why this node cannot carry though both Redises answer, in words. */
  #obstacle: string | undefined = 'No node of this region carries to it yet';
  #term: AbortController | undefined;
  /** What this node does not hear yet since it carries. */
  readonly #awaited = new Set<'frames' | Direction>();
  /** Ticks since something of home's bus came. */
  #silence = 0;
  #isDeaf = false;
  #underWay = 0;
  #isClosed = false;
  readonly #ticking = new FreshRun(() => this.#tick());
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
    const tick = () => void this.#ticking.run();
    tick();
    this.#stopTicking = this.#deps.clock.every(TICK_MS, tick);
    for (const { link } of [this.#deps.here, this.#deps.home]) link.onUp(tick);
  }

  /** A frame of the region's bus. */
  hearHere(text: string): void {
    this.#carryFrame(text, 'out');
  }

  /** A frame of the bus at home. */
  hearHome(text: string): void {
    this.#silence = 0;
    this.#isDeaf = false;
    this.#awaited.delete('frames');
    this.#carryFrame(text, 'in');
  }

  health(): EphemeralHealth {
    const { link } = this.#deps.home;
    const silent = this.#whySilent();
    const fault = link.fault() ?? silent;
    if (fault === undefined) return { status: 'ok' };
    const isHeard = link.isUp && silent === undefined;
    const consequence = isHeard ? '' : ' Other regions are heard of by SQL alone.';
    return { status: 'degraded', message: `The home Redis: ${fault}.${consequence}` };
  }

  #whySilent(): string | undefined {
    if (this.#isDeaf) return 'Nothing comes over it, though it answers';
    if (this.#awaited.size > 0) return 'This node begins to carry to it';
    return this.#obstacle;
  }

  /** Lets another node carry at once. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopTicking();
    this.#follow();
    await this.#release();
  }

  /** By the monotonic clock: a process that stood still carries nothing under a lease that another has by now. */
  get #leads(): boolean {
    return this.#term !== undefined && this.#deps.clock.monotonic() < this.#heldUntil;
  }

  async #tick(): Promise<void> {
    const { here, home, clock } = this.#deps;
    const askedAt = clock.monotonic();
    if (!here.link.isUp || !home.link.isUp) return this.#giveUp();
    if (this.#hearsNothing()) {
      this.#isDeaf = true;
      return this.#rest();
    }
    if (askedAt < this.#restsUntil) return;
    const mayCarry = await this.#mayCarry();
    if (this.#isClosed) return this.#release();
    if (!mayCarry) return this.#follow();
    this.#heldUntil = askedAt + LEASE_MS;
    this.#lead();
  }

  async #mayCarry(): Promise<boolean> {
    const stores = this.#deps.stores();
    if (stores.here === undefined || stores.home === undefined) return false;
    if (stores.here === stores.home) {
      this.#obstacle = 'BRIDGE_REDIS_URL and REDIS_URL name the same one';
      return false;
    }
    try {
      return await this.#take(stores.here);
    } catch (error) {
      this.#obstacle = `The lease to carry cannot be had (${(error as Error).message})`;
      return false;
    }
  }

  /** Whether it is this node that carries for the region, and no other region has its name. @throws RedisFault, CircuitOpenError */
  async #take(store: string): Promise<boolean> {
    const { here, home, own, region } = this.#deps;
    const isFirst = await hold(here.link, here.link.keys.bridge, own);
    const isNamesake = isFirst && !(await hold(home.link, home.link.keys.region(region), store));
    if (!isFirst) this.#isDeaf = false;
    this.#obstacle = isNamesake
      ? `Another region is named ${region} too, or was until a moment ago`
      : undefined;
    if (isNamesake) await this.#rest();
    return isFirst && !isNamesake;
  }

  /** What is carried home is heard there by this node too. One that stood still blames nobody else for it, so ticks are counted. */
  #hearsNothing(): boolean {
    if (!this.#leads) return false;
    this.#silence += 1;
    if (this.#silence === LISTEN_ANEW_AFTER) this.#deps.home.link.listenAnew();
    return this.#silence >= DEAF_AFTER;
  }

  /** Lets another node try. */
  async #rest(): Promise<void> {
    this.#restsUntil = this.#deps.clock.monotonic() + 2 * LEASE_MS;
    this.#follow();
    await this.#release();
  }

  #lead(): void {
    if (this.#term) return;
    const { home, here, region, log } = this.#deps;
    const term = new AbortController();
    this.#term = term;
    this.#silence = 0;
    for (const each of ['frames', 'out', 'in'] as const) this.#awaited.add(each);
    log.info({ region }, 'This node carries between its region and home');
    home.link.listen(true);
    void this.#carryPushes(here, home, 'out', term.signal);
    void this.#carryPushes(home, here, 'in', term.signal);
  }

  async #giveUp(): Promise<void> {
    if (!this.#term) return;
    this.#follow();
    await this.#release();
  }

  #follow(): void {
    if (!this.#term) return;
    this.#term.abort();
    this.#term = undefined;
    this.#awaited.clear();
    const { home, region, log } = this.#deps;
    home.link.listen(false);
    log.info({ region }, 'This node carries no more');
  }

  /** What it holds, so that another one need not wait for its end. */
  async #release(): Promise<void> {
    const { here, own } = this.#deps;
    await hold(here.link, here.link.keys.bridge, own, 1).catch(() => undefined);
  }

  #carryFrame(text: string, direction: Direction): void {
    if (!this.#leads) return;
    const frame = parseFrame(text);
    const crossed = frame && cross(frame, this.#crossings[direction]);
    if (!crossed) return;
    const { link } = direction === 'out' ? this.#deps.home : this.#deps.here;
    const copy = JSON.stringify(crossed);
    this.#write(direction, copy.length, () =>
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
        this.#awaited.delete(direction);
        const read = await reader.xread(
          ...(['COUNT', ENTRIES_A_READ, 'BLOCK', BLOCK_MS, 'STREAMS', pushes, after] as const),
        );
        // It stood still, and what it has read is late.
        if (!this.#leads) after = undefined;
        else
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
    if (mark === undefined) return;
    const copy = [...fields.set('mark', mark)].flat();
    const length = copy.reduce((sum, { length }) => sum + length, 0);
    this.#write(direction, length, () =>
      link.call((client) => client.xadd(link.keys.pushes, 'MAXLEN', '~', MAX_ENTRIES, '*', ...copy)),
    );
  }

  #write(direction: Direction, length: number, send: () => Promise<unknown>): void {
    if (this.#underWay + length > MOST_UNDER_WAY) {
      this.#counts.dropped();
      return;
    }
    this.#underWay += length;
    send()
      .then(
        () => this.#counts[direction](),
        () => this.#counts.dropped(),
      )
      .finally(() => {
        this.#underWay -= length;
      });
  }
}

/** @returns whether it has it for as long now */
async function hold(link: RedisLink, key: string, who: string, ms = LEASE_MS): Promise<boolean> {
  return (await link.call((client) => client.bongsuHold(key, who, ms))) === 1;
}

async function lastEntry(reader: RedisClient, stream: string): Promise<string> {
  const [last] = await reader.xrevrange(stream, '+', '-', 'COUNT', 1);
  return last?.[0] ?? '0-0';
}
