import type { Clock, DatabaseClock } from '../platform/clock.js';
import { FreshRun } from '../platform/fresh-run.js';
import type { Log } from '../platform/log.js';
import type { AwayLedger } from './away-ledger.js';
import { BusWatch } from './bus-watch.js';
import { isWell } from './cut-off-watch.js';
import type { DeliveryLedger, Head } from './delivery-ledger.js';
import { HeadsDeadline } from './heads-deadline.js';
import type { HintChannel } from './hint-channel.js';
import type { Hint } from './hints.js';
import type { ScreenSession } from './screen-session.js';
import type { NodeLease } from './types.js';

export interface HeadsDeps {
  ledger: DeliveryLedger;
  awayLedger: AwayLedger;
  hints: HintChannel<Hint>;
  node: { incarnation: string; region?: string | undefined };
  lease: NodeLease;
  clock: Clock;
  databaseClock: DatabaseClock;
  log: Log;
  /** True when other processes may be on the bus. */
  isShared: boolean;
  /** Sessions with a fence. */
  held(): ScreenSession[];
  onHead(session: ScreenSession, head: Head): void;
  /** Compares the heads of rooms that somebody reads along; tells of no failure. */
  checkRooms(): Promise<unknown>;
}

/** Commits of processes that are on no bus are found at least this often. */
const HEADS_EVERY_MS = 5000;
const HEADS_WHILE_LOST_MS = 500;
const HEARTBEAT_MS = 250;
const HEADS_A_QUERY = 1000;

/**
 * Compares the ends and fences of all held inboxes, and the ends of rooms, with the ledger's: every 5 s, every 500 ms while hints are
 * lost, and once before anything is sent under a lease that was interrupted.
 */
export class Heads {
  readonly #deps: HeadsDeps;
  readonly #bus = new BusWatch();
  #compared: number | undefined;
  readonly #deadline = new HeadsDeadline();
  readonly #checking = new FreshRun(() => this.#check());
  #stopTimers: (() => void)[] = [];

  constructor(deps: HeadsDeps) {
    this.#deps = deps;
  }

  start(): void {
    const { clock, hints, node, lease, isShared } = this.#deps;
    // Nothing is held yet, so there is nothing to compare.
    this.#compared = lease.leaseSince();
    this.#stopTimers = [
      clock.every(HEADS_EVERY_MS, () => void this.#regularly()),
      clock.every(HEADS_WHILE_LOST_MS, () => void this.#whileLost()),
    ];
    if (!isShared) return;
    const beat = () =>
      hints.tell({
        kind: 'alive',
        incarnation: node.incarnation,
        isWell: isWell({ lease, clock }),
        ...(node.region === undefined ? {} : { region: node.region }),
      });
    this.#stopTimers.push(clock.every(HEARTBEAT_MS, beat));
  }

  stop(): void {
    for (const stop of this.#stopTimers.splice(0)) stop();
  }

  /** True while the lease is live and all fences were compared since it began. */
  get maySend(): boolean {
    const since = this.#deps.lease.leaseSince();
    return since !== undefined && since === this.#compared;
  }

  /** Another process says that it lives. */
  heard(incarnation: string): void {
    if (incarnation === this.#deps.node.incarnation) return;
    if (this.#bus.heard(incarnation, this.#deps.clock.monotonic())) void this.check();
  }

  /** Resolves true when all inboxes could be compared, by reading that began after the call. */
  check(): Promise<boolean> {
    return this.#checking.run();
  }

  async #regularly(): Promise<void> {
    const { isShared, awayLedger, node, clock, databaseClock, log } = this.#deps;
    if (isShared) {
      await awayLedger.liveNodes(node.incarnation, databaseClock()).then(
        (others) => this.#bus.expect(others, clock.monotonic()),
        (err: unknown) => log.warn({ err }, 'the other nodes could not be read'),
      );
    }
    await this.check();
  }

  async #whileLost(): Promise<void> {
    const since = this.#deps.lease.leaseSince();
    const isNewLease = since !== undefined && since !== this.#compared;
    if (!isNewLease) {
      if (this.#bus.isSilent(this.#deps.clock.monotonic())) await this.check();
      return;
    }
    if (!(await this.check())) return;
    this.#compared = since;
    for (const session of this.#deps.held()) session.inbox.advance();
  }

  async #check(): Promise<boolean> {
    const [isDone] = await Promise.all([this.#checkInboxes(), this.#deps.checkRooms()]);
    return isDone;
  }

  async #checkInboxes(): Promise<boolean> {
    const held = this.#deps.held();
    try {
      for (let i = 0; i < held.length; i += HEADS_A_QUERY) {
        await this.#checkSome(held.slice(i, i + HEADS_A_QUERY));
      }
      return true;
    } catch (err) {
      this.#deps.log.warn({ err }, 'the heads of the inboxes could not be read');
      return false;
    }
  }

  async #checkSome(sessions: readonly ScreenSession[]): Promise<void> {
    const streamIds = sessions.map((session) => session.streamId);
    const heads = await this.#deadline.within((ms) => this.#deps.ledger.readHeads(streamIds, ms));
    const byStream = new Map(heads.map((head) => [head.streamId, head]));
    for (const session of sessions) {
      const head = byStream.get(session.streamId);
      if (head) this.#deps.onHead(session, head);
    }
  }
}
