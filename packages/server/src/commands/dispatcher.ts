import { BongsuError, type ClosingKey } from '@bongsu/protocol';
import type { Metrics } from '../platform/metrics.js';
import type { Push } from '../platform/push.js';
import type { AwayLedger, SweptEntry } from './away-ledger.js';
import { BusyScreens } from './busy-screens.js';
import { CutOffWatch } from './cut-off-watch.js';
import { createDeliveryBatches, type DeliveryBatches, type DeliveryBatchesDeps } from './delivery-batches.js';
import type { Cancelled, FenceAnswer, Head, Outcome, Settlement } from './delivery-ledger.js';
import type { Epoch } from './epoch.js';
import { Replacements } from './fences.js';
import { Heads } from './heads.js';
import type { HintChannel } from './hint-channel.js';
import type { Hint } from './hints.js';
import { buffersOf, type Unanswered } from './inbox.js';
import { measureOldestPending } from './oldest-pending.js';
import { recover } from './resume.js';
import { RetryQueue } from './retry-queue.js';
import { ScreenSession, type SessionHost } from './screen-session.js';
import { StatusTeller } from './status-teller.js';
import { AwaySweep } from './sweep.js';
import type { Cancellation, NodeLease, ScreenAttachment, ScreenConnection } from './types.js';

export interface DispatcherDeps extends DeliveryBatchesDeps {
  config: { ackTimeoutMs: number; maxRetries: number };
  awayLedger: AwayLedger;
  node: DeliveryBatchesDeps['node'] & { region?: string | undefined };
  lease: NodeLease;
  hints: HintChannel<Hint>;
  /** True when other processes may be on the bus. */
  isShared: boolean;
  epoch: Epoch;
  /** Compares the heads of rooms that somebody reads along. */
  checkRooms(): Promise<unknown>;
  push: Pick<Push, 'toUser'>;
  metrics: Metrics;
  /** 0 to 1, as Math.random. */
  random(): number;
  /** This process alone has lost the database. */
  onCutOff(): void;
  /** Outcomes were written: whoever sends them on may look. */
  onOutcomes?(statuses: readonly Outcome[]): void;
}

type Ready = Awaited<ScreenAttachment['ready']>;

const READ_RETRY_MS = 500;

/** Carries entries from the ledger to the screens connected here, and their receipts back. */
export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #batches: DeliveryBatches;
  readonly #host: SessionHost;
  readonly #heads: Heads;
  readonly #cutOff: CutOffWatch;
  readonly #sweep: AwaySweep;
  readonly #teller: StatusTeller;
  readonly #replacements = new Replacements();
  /** By stream; more than one while a connection takes over from another. */
  readonly #sessions = new Map<string, ScreenSession[]>();
  /** Screens without a connection here that something is still written for. */
  readonly #busy = new BusyScreens();
  /** Until a session holds its fence, or never will. */
  readonly #arriving = new Map<ScreenSession, Promise<unknown>>();
  #stopping = false;

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
    this.#batches = createDeliveryBatches(deps);
    this.#teller = new StatusTeller(deps.push, deps.metrics);
    this.#host = this.#createHost();
    this.#heads = new Heads({
      ...deps,
      held: () => this.#held(),
      onHead: (session, head) => this.#onHead(session, head),
    });
    this.#cutOff = new CutOffWatch(deps);
    this.#sweep = new AwaySweep({
      ...deps,
      ledger: deps.awayLedger,
      isHeldHere: (screenId) => this.#sessions.has(`screen:${screenId}`) || this.#busy.has(screenId),
      during: (screenIds, work) => this.#busy.during(screenIds, work),
      onEnded: (entry) => this.#onSwept(entry),
    });
    deps.epoch.onChange(() => this.#onNewEpoch());
    measureOldestPending(deps.metrics, deps.databaseClock, () =>
      [...this.#sessions.values()].flat().map(({ inbox }) => inbox),
    );
  }

  start(): void {
    this.#deps.hints.listen((hint, isOwn) => this.#onHint(hint, isOwn));
    this.#heads.start();
    this.#cutOff.start();
    this.#sweep.start();
  }

  /** This process alone has lost the database, and has told so. */
  get isCutOff(): boolean {
    return this.#cutOff.isCutOff;
  }

  /** Sends nothing more; receipts of what was sent are still written. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#heads.stop();
    this.#cutOff.stop();
    this.#deps.hints.stop();
    await this.#sweep.stop();
    await this.#batches.settlements.idle();
  }

  attach(connection: ScreenConnection): ScreenAttachment {
    const session = new ScreenSession(connection, this.#host);
    // Before the fence, so that no hint between the two is missed.
    this.#add(session);
    const ready = this.#takeOver(session);
    this.#arriving.set(session, ready);
    // The socket may be refused for another reason, and then nobody waits for this one.
    ready.catch(() => undefined).then(() => this.#arriving.delete(session));
    return {
      ready,
      open: () => session.inbox.open(),
      rest: () => session.rest(),
      detach: (closing) => this.#detach(session, closing),
    };
  }

  /** The inbox is gone with its screen: sends nothing more and tells the senders of what was cancelled. */
  dropInbox(screenId: string, cancelled: readonly Cancelled[], at: number): void {
    for (const session of this.#sessions.get(`screen:${screenId}`) ?? []) session.end(false);
    for (const { attempts, ...entry } of cancelled) {
      this.#teller.tell(entry, { id: entry.id, screenId, status: 'cancelled', attempt: attempts, at });
    }
  }

  /** It takes no more entries for now: perhaps some of a screen that is away are over. */
  onFull(stream: string): void {
    if (!this.#sessions.has(stream)) this.#sweep.lookSoon(stream.slice('screen:'.length));
  }

  /**
   * Cancels one entry, wherever its screen is, and tells its sender. A screen that is just coming or going is waited for; `elsewhere`
   * when that ended in another way than it began. @throws DatabaseError
   */
  async cancel(screenId: string, streamId: number, seq: number): Promise<Cancellation> {
    const stream = `screen:${screenId}`;
    const newest = this.#sessions.get(stream)?.at(-1);
    if (newest) await this.#arriving.get(newest)?.catch(() => undefined);
    await this.#busy.idle(screenId);
    const sessions = this.#sessions.get(stream);
    if (!sessions) return this.#cancelAway(screenId, seq);
    const holder = sessions.findLast(({ isGone, fence }) => !isGone && fence > 0);
    if (!holder) return 'elsewhere';
    const { entries } = await this.#batches.reads.add({
      streamId,
      stream,
      after: seq - 1,
      limit: 1,
      bytes: 1,
    });
    const [entry] = entries;
    if (entry?.seq !== seq) return 'ended';
    const answer = await holder.cancel(entry);
    return answer === 'closed' ? 'elsewhere' : answer;
  }

  async #cancelAway(screenId: string, seq: number): Promise<Cancellation> {
    const { awayLedger, databaseClock, node } = this.#deps;
    const at = databaseClock();
    const entry = await this.#whileAway(screenId, awayLedger.cancel(screenId, seq, at, node.incarnation));
    if (entry.outcome === 'cancelled') {
      const { id, attempts } = entry;
      this.#teller.tell(entry, { id, screenId, status: 'cancelled', attempt: attempts, at });
    }
    return entry.outcome;
  }

  /** The next connection waits for the work; the sweep passed the screen over meanwhile. */
  async #whileAway<T>(screenId: string, work: Promise<T>): Promise<T> {
    return this.#busy.during([screenId], work).finally(() => this.#sweep.lookSoon(screenId));
  }

  async #takeOver(session: ScreenSession): Promise<Ready> {
    try {
      const answer = await this.#takeFence(session);
      this.#deps.epoch.note(answer.epoch);
      // A new epoch closes all, this one too; an answer of a past one, which was under way, is worth nothing.
      if (session.isGone || answer.epoch !== this.#deps.epoch.current) throw new BongsuError('UNAVAILABLE');
      const { state, executed } = recover(session.connection.resume, answer);
      session.inbox.start(answer.ackedSeq, answer.lastSeq, executed);
      return { stream: session.stream, epoch: answer.epoch, state };
    } catch (error) {
      session.end(false);
      this.#remove(session);
      throw error instanceof BongsuError ? error : new BongsuError('UNAVAILABLE', { cause: error });
    }
  }

  async #takeFence(session: ScreenSession): Promise<FenceAnswer> {
    const { screenId, instanceId, connectedAt } = session.connection;
    await this.#busy.idle(screenId);
    // Screens that try again while the database is away must not all ask for it when it is back.
    if (session.isGone || !session.connection.isConnected()) throw new BongsuError('UNAVAILABLE');
    const answer = await this.#batches.fences.add({ screenId, instanceId, connectedAt });
    if (answer === 'rival') {
      session.close('REPLACED_BY_SELF');
      throw new BongsuError('CONFLICT');
    }
    if (!answer || answer.deleted) throw new BongsuError('SCREEN_NOT_FOUND');
    if (!answer.taken) {
      this.#replace(session, answer.holderInstance);
      throw new BongsuError('CONFLICT');
    }
    session.hold(answer);
    if (session.isGone || this.#stopping || !session.connection.isConnected()) {
      this.#release(session, undefined);
      throw new BongsuError('UNAVAILABLE');
    }
    // Only now is the newer one known to be alive, which may make the older one's close final.
    this.#deps.hints.tell({ kind: 'fence', screenId, fence: answer.fence, instanceId: instanceId ?? null });
    return answer;
  }

  #detach(session: ScreenSession, closing: ClosingKey | undefined): void {
    this.#remove(session);
    const unanswered = session.end(!this.#stopping && closing === undefined);
    // Also when it was closed from here: who comes next must not depend on two clocks. An overtaken fence writes nothing.
    if (session.fence > 0) this.#release(session, unanswered);
  }

  #release(session: ScreenSession, unanswered: Unanswered | undefined): void {
    // What cannot be released is overtaken by the next connection, or found by the sweep.
    const released = this.#write(session.releaseOf(unanswered)).then(
      (mismatch) => {
        if (unanswered && mismatch === undefined) session.tellUnanswered(unanswered);
      },
      () => undefined,
    );
    void this.#whileAway(session.screenId, released);
  }

  async #write(settlement: Settlement) {
    const mismatch = await this.#batches.settlements.add(settlement);
    if (!mismatch) this.#deps.onOutcomes?.(settlement.ended.map(({ status }) => status));
    return mismatch;
  }

  #replace(session: ScreenSession, instanceId: string | null, isConfirmed = false): void {
    if (session.isGone) return;
    const { screenId, instanceId: older } = session.connection;
    const now = this.#deps.clock.monotonic();
    session.close(this.#replacements.closingFor(screenId, older, { instanceId, isConfirmed }, now));
  }

  #onHint(hint: Hint | 'gap', isOwn: boolean): void {
    if (hint === 'gap') {
      void this.#heads.check();
    } else if (hint.kind === 'alive') {
      this.#heads.heard(hint.incarnation);
      // Clients come back to nodes of their region only.
      const isNear = !isOwn && hint.region === this.#deps.node.region;
      if (isNear) this.#cutOff.heard(hint.incarnation, hint.isWell === true);
    } else if (hint.kind === 'fence') {
      for (const session of [...(this.#sessions.get(`screen:${hint.screenId}`) ?? [])]) {
        if (session.fence > 0 && session.fence < hint.fence) this.#replace(session, hint.instanceId, true);
      }
    } else if (hint.kind === 'head') {
      for (const session of this.#sessions.get(hint.stream) ?? []) session.inbox.headIs(hint.seq);
    } else {
      // In another epoch its numbers mean other entries, or none: the ledger says what there is.
      const isPresent = this.#deps.epoch.heard(hint.epoch);
      if (!isPresent) void this.#heads.check();
      const entries =
        hint.kind === 'entries' ? hint.entries : hint.places.map((place) => ({ ...hint.entry, ...place }));
      for (const entry of entries) {
        const sessions = this.#sessions.get(entry.stream);
        if (sessions && isPresent) for (const session of sessions) session.inbox.hint(entry);
        // What others accepted they look at themselves, and when they die the walk finds it.
        else if (!sessions && isOwn) this.#sweep.note(entry);
      }
    }
  }

  #held(): ScreenSession[] {
    this.#replacements.sweep(this.#deps.clock.monotonic());
    return [...this.#sessions.values()].flat().filter((session) => session.fence > 0);
  }

  #onHead(session: ScreenSession, head: Head): void {
    this.#deps.epoch.note(head.epoch);
    // Of another epoch, neither its fence nor its end can be compared.
    if (head.epoch !== session.epoch) return;
    if (head.fence > session.fence) this.#replace(session, head.instanceId);
    else session.inbox.headIs(head.lastSeq);
  }

  #onSwept({ screenId, id, senderId, notify, status, reason, attempts }: SweptEntry): void {
    const at = this.#deps.databaseClock();
    const why = reason === null ? {} : { reason };
    this.#teller.tell({ senderId, notify }, { id, screenId, status, attempt: attempts, at, ...why });
    this.#deps.onOutcomes?.([status]);
  }

  #onNewEpoch(): void {
    this.#deps.log.warn({ epoch: this.#deps.epoch.current }, 'new epoch: screens must connect anew');
    // Also those without a fence yet: they keep hints of before.
    for (const session of [...this.#sessions.values()].flat()) session.close('DRAINING');
  }

  #createHost(): SessionHost {
    const { config, metrics, databaseClock, log, clock } = this.#deps;
    const latency = metrics.histogram(
      'bongsu_command_latency_seconds',
      'Seconds from acceptance to the receipt that says executed.',
      [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300],
    );
    return {
      ...config,
      clock,
      retries: new RetryQueue(this.#deps),
      now: databaseClock,
      mayDecide: () => !this.#stopping && this.#heads.maySend,
      read: (session, after, limit) => this.#read(session, after, limit),
      settle: (session, settlement) => this.#settle(session, settlement),
      onExecuted: (entry) => latency.observe(Math.max(0, databaseClock() - entry.acceptedAt) / 1000),
      onBadReceipt: ({ connection }, { id, stream, seq }) =>
        log.warn({ socketId: connection.socketId, commandId: id, stream, seq }, 'a receipt was not valid'),
      tell: ({ sender, notify }, status) => this.#teller.tell({ senderId: sender.userId, notify }, status),
    };
  }

  #read(session: ScreenSession, after: number, limit: number): void {
    this.#readPage(session, after, limit).catch((error: unknown) => {
      this.#deps.log.warn({ err: error, stream: session.stream }, 'an inbox could not be read yet');
      this.#deps.clock.after(READ_RETRY_MS, () => session.inbox.readFailed());
    });
  }

  async #readPage(session: ScreenSession, after: number, limit: number): Promise<void> {
    const { streamId, stream, connection } = session;
    const { bytes } = buffersOf(connection.window);
    const page = await this.#batches.reads.add({ streamId, stream, after, limit, bytes });
    if (page.epoch !== undefined) {
      this.#deps.epoch.note(page.epoch);
      if (page.epoch !== session.epoch) throw new Error('The page is of another epoch');
    }
    session.inbox.page(page.entries);
  }

  async #settle(session: ScreenSession, settlement: Settlement): Promise<boolean> {
    const mismatch = await this.#write(settlement);
    if (mismatch === 'unwritten') throw new BongsuError('UNAVAILABLE');
    if (!mismatch) return true;
    this.#replace(session, mismatch.instanceId);
    return false;
  }

  #add(session: ScreenSession): void {
    const sessions = this.#sessions.get(session.stream);
    if (sessions) sessions.push(session);
    else this.#sessions.set(session.stream, [session]);
  }

  #remove(session: ScreenSession): void {
    const rest = (this.#sessions.get(session.stream) ?? []).filter((other) => other !== session);
    if (rest.length > 0) {
      this.#sessions.set(session.stream, rest);
      return;
    }
    this.#sessions.delete(session.stream);
    // The sweep passed it over meanwhile.
    this.#sweep.lookSoon(session.screenId);
  }
}
