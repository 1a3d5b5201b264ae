import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { LedgerFacts } from './check-ledger.js';
import { check, type Verdict } from './checker.js';
import { Crowd } from './crowd.js';
import { delayP95 } from './delays.js';
import { type ControllerRecord, monotonicMs, type ScreenRecord } from './history.js';
import { keepServersWord, type ServersWord } from './kept-history.js';
import type { Mix } from './messages.js';
import { makePopulation, type Population, type Shape } from './population.js';
import { makeReport, type Report, type RunRecord } from './report.js';
import { Requeuer } from './requeuer.js';
import { type SeededRandom, seededRandom } from './seeded-random.js';
import { DEFAULT_MIX, type Fault, type Site } from './site.js';
import { standingAt } from './standing.js';

export interface SessionOptions {
  site: Site;
  /** Of histories and of what screens store. */
  folder: string;
  seed: number;
  /** Runs that count; by default one of each fault, and a fault that does not come to count has a second turn. */
  runs?: number;
  /** By name, all of the site's by default. `*` stands for anything. */
  faults?: readonly string[];
  /** Begins no run after so many seconds. */
  durationSeconds?: number;
  token?: string;
  shapes?: readonly Shape[];
  screensAProcess?: number;
  mix?: Partial<Mix>;
  /** A steady load instead of as much as is answered. */
  perSecond?: number;
  /** What was killed is started again only when everything has come to its end without it. */
  healsLast?: boolean;
  /** Begins to measure which share of the processor time that was wanted the machine's host gave to others. */
  measureStolen?(): () => number;
  /** After its end a fault is to be got over in so much. What took longer while much was stolen tells nothing, and does not count. */
  settlesWithinMs?: number;
  /** How long everything may take to be answered and to end after a fault. */
  convergeMs?: number;
  log(line: string): void;
}

/** A run counts with so much in flight. */
export const LEAST = { accepted: 200, unsettled: 10, unanswered: 1 };
const MOST_STOLEN = 0.2;
const TRIES_PER_RUN = 3;
const CONVERGE_MS = 45_000;
const RESIDENT_MIB = 1024;
/** A thousand questions at a time: asked without a pause they would be most of what the servers do. */
const ASKED_EVERY_MS = 200;
const TERMINAL: ReadonlySet<string> = new Set(['executed', 'dead', 'expired', 'superseded', 'cancelled']);

/** Of one run; times of the monotonic clock. */
interface Seen {
  since: number;
  at: number;
  over: number;
  back: number;
  done: number;
  struck: boolean;
  stolenShare: number;
}

/** Run after run: load, a fault in full flight, healing, draining; then the whole history is judged. */
export class Session {
  readonly #options: SessionOptions;
  readonly #random: SeededRandom;
  readonly #controllers: ControllerRecord[] = [];
  readonly #screens: ScreenRecord[][] = [];
  readonly #said = new Map<string, string>();
  /** Asked once more when all is over. */
  readonly #saidLast = new Map<string, string>();
  /** Accepted, and not known to have ended. */
  readonly #open = new Set<string>();
  readonly #facts: LedgerFacts[] = [];
  readonly #runs: RunRecord[] = [];
  readonly #startedAt = monotonicMs();
  #population: Population | undefined;
  #crowd: Crowd | undefined;
  #requeuer: Requeuer | undefined;
  #unfinished: string | undefined;
  #residentMiB = 0;

  constructor(options: SessionOptions) {
    this.#options = options;
    this.#random = seededRandom(options.seed);
  }

  async run(): Promise<Report> {
    const { site, folder, seed, token, shapes, screensAProcess, perSecond } = this.#options;
    const faults = chooseFaults(site.faults, this.#options.faults);
    const { runs = faults.length } = this.#options;
    await mkdir(folder, { recursive: true });
    try {
      this.#population = await makePopulation({
        site,
        folder,
        seed,
        ...(token === undefined ? {} : { token }),
        ...(shapes ? { shapes } : {}),
        ...(screensAProcess ? { screensAProcess } : {}),
        ...(perSecond === undefined ? {} : { perSecond }),
      });
      // The place of a command whose answer was lost is known from the tables only.
      if (site.facts) {
        this.#requeuer = new Requeuer(site.url, this.#population.owner, join(folder, 'requeues'));
      }
      this.#crowd = new Crowd(this.#population.controllers, this.#population.screens);
      await this.#crowd.allOnline();
      for (const fault of this.#schedule(faults)) {
        if (this.#isOver(runs)) break;
        await this.#untilCounted(this.#crowd, fault, runs);
      }
      return await this.#judge(this.#crowd);
    } finally {
      await this.#crowd?.end();
      this.#requeuer?.close();
      await this.#population?.remove().catch((error: Error) => this.#options.log(error.message));
    }
  }

  /** Round after round, each in an order of its own. */
  *#schedule(faults: readonly Fault[]): Generator<Fault> {
    if (this.#options.runs === undefined) {
      yield* this.#random.shuffle(faults);
      yield* faults.filter((fault) => !this.#runs.some((run) => counts(run) && run.fault === fault.name));
      return;
    }
    for (let round = 1; ; round += 1) {
      yield* this.#random
        .shuffle(faults)
        .filter(({ everyNthRound = 1 }) => round % everyNthRound === 0 || round === 1);
    }
  }

  #isOver(runs: number): boolean {
    const { durationSeconds = Number.POSITIVE_INFINITY } = this.#options;
    const counted = this.#runs.filter(counts).length;
    return (
      this.#unfinished !== undefined ||
      counted >= runs ||
      this.#runs.length >= runs * TRIES_PER_RUN * (this.#options.runs === undefined ? 2 : 1) ||
      monotonicMs() - this.#startedAt > durationSeconds * 1000
    );
  }

  /** Again at once when there was too little in flight for it to count, so that each fault has its share of the runs. */
  async #untilCounted(crowd: Crowd, fault: Fault, runs: number): Promise<void> {
    for (let tries = 0; tries < TRIES_PER_RUN && !this.#isOver(runs); tries += 1) {
      await this.#cycle(crowd, fault);
      if (this.#runs.at(-1)?.short.length === 0) return;
    }
  }

  async #cycle(crowd: Crowd, fault: Fault): Promise<void> {
    const { site, mix, healsLast = false, measureStolen = () => () => 0, log } = this.#options;
    const random = this.#random;
    const since = monotonicMs();
    const before = crowd.accepted;
    const enough = LEAST.accepted + random.between(5, 80);
    let at = since;
    let done = since;
    let struck = false;
    let stolen = measureStolen();
    try {
      await site.spread?.();
      await crowd.allOnline();
      crowd.go({ ...DEFAULT_MIX, ...mix, ...fault.mix });
      await crowd.wait('enough is accepted', () => crowd.accepted - before >= enough, this.#convergeMs);
      const requeuing = this.#requeuer?.press();
      requeuing?.catch(() => undefined);
      let over = 0;
      const ended = () => {
        over = monotonicMs();
        stolen = measureStolen();
      };
      const striking = fault.strike({ crowd, random, ended });
      if (!fault.isKill) at = monotonicMs();
      struck = await striking;
      if (over === 0) ended();
      if (fault.isKill) at = over;
      crowd.pause();
      await site.restore?.();
      if (fault.isKill) ended();
      if (!healsLast) await site.heal();
      crowd.reviveScreens(site.screenClockMs());
      await crowd.allOnline();
      const back = monotonicMs();
      await requeuing;
      await this.#converge(crowd);
      done = monotonicMs();
      const stolenShare = stolen();
      if (healsLast) await site.heal();
      this.#record(fault, { since, at, over, back, done, struck, stolenShare });
    } catch (error) {
      crowd.pause();
      this.#unfinished = `${fault.name}: ${error instanceof Error ? error.message : String(error)}`;
      log(`${this.#unfinished}\n${site.output?.() ?? ''}`);
      this.#collect(crowd);
      const now = monotonicMs();
      this.#record(fault, { since, at, over: now, back: now, done: now, struck, stolenShare: stolen() });
    }
  }

  get #convergeMs(): number {
    return this.#options.convergeMs ?? CONVERGE_MS;
  }

  /** All answered, and everything accepted has ended. */
  async #converge(crowd: Crowd): Promise<void> {
    await crowd.wait('every command is answered', () => crowd.pending === 0, this.#convergeMs);
    this.#collect(crowd);
    await this.#placeRequeued();
    this.#collect(crowd);
    await crowd.wait(
      'everything accepted has ended',
      () => this.#allEnded(crowd),
      this.#convergeMs,
      ASKED_EVERY_MS,
    );
    this.#collect(crowd);
    const { site } = this.#options;
    if (site.facts) this.#facts.push(await site.facts());
    this.#residentMiB = Math.max(this.#residentMiB, (await site.residentMiB?.()) ?? 0);
  }

  async #allEnded(crowd: Crowd): Promise<boolean> {
    for (const [id, status] of await crowd.ask([...this.#open])) {
      this.#said.set(id, status);
      if (TERMINAL.has(status)) this.#open.delete(id);
    }
    for (const [id, status] of (await this.#requeuer?.ask(this.#open)) ?? []) {
      this.#said.set(id, status);
      if (TERMINAL.has(status)) this.#open.delete(id);
    }
    return this.#open.size === 0;
  }

  #accepted(): string[] {
    return [...new Set(this.#controllers.flatMap((record) => (record.kind === 'ok' ? [record.id] : [])))];
  }

  /** Of requeues whose answers were lost the tables tell where they stand. */
  async #placeRequeued(): Promise<void> {
    const { site } = this.#options;
    const unplaced = new Set(this.#requeuer?.firsts.keys());
    for (const record of this.#controllers) if (record.kind === 'ok') unplaced.delete(record.id);
    if (unplaced.size === 0 || !site.facts) return;
    const { requeued, epoch } = await site.facts();
    const found = requeued.filter(({ id }) => unplaced.has(id));
    this.#requeuer?.place(found.map((each) => ({ ...each, epoch })));
  }

  #collect(crowd: Crowd): void {
    const { controllers, screens } = crowd.read();
    for (const record of [...controllers, ...(this.#requeuer?.read() ?? [])]) {
      this.#controllers.push(record);
      if (record.kind === 'ok' && !this.#said.has(record.id)) this.#open.add(record.id);
    }
    screens.forEach((records, place) => {
      const own = this.#screens[place] ?? [];
      this.#screens[place] = own;
      for (const record of records) own.push(record);
    });
  }

  #record(fault: Fault, seen: Seen): void {
    const { since, at, over, back, done, struck, stolenShare } = seen;
    const { settlesWithinMs = Number.POSITIVE_INFINITY } = this.#options;
    const isHosts = stolenShare > MOST_STOLEN && done - over > settlesWithinMs;
    const ofRun = ({ at: when }: { at: number }) => when >= since;
    const screens = this.#screens.flat().filter(ofRun);
    const controllers = this.#controllers.filter(ofRun);
    const standing = standingAt({ controllers, screens }, fault.isKill ? at : done);
    const wanted = fault.isKill
      ? (['accepted', 'unsettled', 'unanswered'] as const)
      : (['accepted'] as const);
    const short = [
      ...(struck ? wanted.filter((name) => standing[name] < LEAST[name]) : ['not struck']),
      ...(isHosts ? ['slow, and processor time stolen'] : []),
    ];
    const accepted = standingAt({ controllers, screens }, done).accepted;
    this.#runs.push({
      ...standing,
      fault: fault.name,
      isKill: fault.isKill,
      since,
      done,
      accepted,
      short,
      awayMs: back - at,
      convergeMs: done - back,
      settleMs: done - over,
      delayMs: delayP95({ controllers, screens }, { from: at, to: over }),
    });
    const verdict = short.length === 0 ? 'counts' : `does not count (${short.join(', ')})`;
    const figures = fault.isKill
      ? `, ${standing.unsettled} unsettled, ${standing.unanswered} unanswered`
      : '';
    const seconds = ((done - since) / 1000).toFixed(1);
    const taken = this.#options.measureStolen ? `, ${Math.round(stolenShare * 100)} % stolen` : '';
    const after = (when: number) => `after ${Math.round(when - over)} ms`;
    this.#options.log(
      `run ${this.#runs.length} ${fault.name} ${verdict}: ${accepted} accepted${figures}, back ${after(back)}, settled ${after(done)}${taken}, ${seconds} s`,
    );
  }

  async #judge(crowd: Crowd): Promise<Report> {
    // Terminal states never change: all are asked for once more.
    if (this.#unfinished === undefined) {
      for (const [id, status] of await crowd.ask(this.#accepted())) this.#saidLast.set(id, status);
      const requeued = new Set(this.#requeuer?.firsts.keys());
      for (const [id, status] of (await this.#requeuer?.ask(requeued)) ?? []) this.#saidLast.set(id, status);
      this.#collect(crowd);
    }
    const said = new Map([...this.#said, ...this.#saidLast]);
    const server: ServersWord = {
      said,
      saidBefore: this.#said,
      facts: this.#facts,
      requeued: this.#requeuer?.firsts ?? new Map(),
    };
    keepServersWord(this.#options.folder, server);
    const verdict: Verdict = check({ controllers: this.#controllers, screens: this.#screens, ...server });
    if (this.#residentMiB > RESIDENT_MIB) {
      const detail = `${this.#residentMiB} MiB`;
      verdict.violations.push({ invariant: 'bounds', subject: 'memory', at: monotonicMs(), detail });
    }
    return makeReport({
      seed: this.#options.seed,
      seconds: (monotonicMs() - this.#startedAt) / 1000,
      runs: this.#runs,
      verdict,
      unfinished: this.#unfinished,
      controllers: this.#controllers,
      screens: this.#screens,
      said,
      residentMiB: this.#residentMiB,
      requeued: this.#requeuer?.firsts.size ?? 0,
    });
  }
}

const counts = ({ short }: RunRecord): boolean => short.length === 0;

/** @throws Error for a name that stands for none */
export function chooseFaults(faults: readonly Fault[], names: readonly string[] = ['*']): Fault[] {
  const matches = (pattern: string) => {
    const parts = pattern.split('*').map((part) => part.replace(/[^a-z0-9-]/gi, '\\$&'));
    const expression = new RegExp(`^${parts.join('.*')}$`);
    return (name: string) => expression.test(name);
  };
  for (const name of names) {
    if (!faults.some((fault) => matches(name)(fault.name))) {
      throw new Error(
        `There is no fault ${name}. There are: ${faults.map((fault) => fault.name).join(', ')}`,
      );
    }
  }
  return faults.filter((fault) => names.some((name) => matches(name)(fault.name)));
}
