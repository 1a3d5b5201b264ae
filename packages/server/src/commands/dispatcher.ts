import { BongsuError, type CommandStatus } from '@bongsu/protocol';
import type { Metrics } from '../platform/metrics.js';
import type { Push } from '../platform/push.js';
import { createDeliveryBatches, type DeliveryBatches, type DeliveryBatchesDeps } from './delivery-batches.js';
import type { Cancelled, FenceAnswer, Settlement } from './delivery-ledger.js';
import type { Epoch } from './epoch.js';
import { Replacements } from './fences.js';
import type { Hint, Hints, InboxEntry } from './hints.js';
import { resumeState } from './resume.js';
import { ScreenSession, type SessionHost } from './screen-session.js';
import type { ScreenAttachment, ScreenConnection } from './types.js';

export interface DispatcherDeps extends DeliveryBatchesDeps {
  hints: Hints;
  epoch: Epoch;
  push: Pick<Push, 'toUser'>;
  metrics: Metrics;
}

type Ready = Awaited<ScreenAttachment['ready']>;

/** Commits of processes that are on no bus are found at least this often. */
const HEADS_EVERY_MS = 5000;
const HEADS_A_QUERY = 1000;
const READ_RETRY_MS = 500;

/** Carries entries from the ledger to the screens connected here, and their receipts back. */
export class Dispatcher {
  readonly #deps: DispatcherDeps;
  readonly #batches: DeliveryBatches;
  readonly #host: SessionHost;
  readonly #replacements = new Replacements();
  /** By stream; more than one while a connection takes over from another. */
  readonly #sessions = new Map<string, ScreenSession[]>();
  /** Screens whose last connection here still writes its receipts: a new fence would refuse them. */
  readonly #leaving = new Map<string, Promise<void>>();
  #stopping = false;
  #stopTimer: (() => void) | undefined;
  #checkingHeads = false;

  constructor(deps: DispatcherDeps) {
    this.#deps = deps;
    this.#batches = createDeliveryBatches(deps);
    this.#host = this.#createHost();
    deps.epoch.onChange(() => this.#onNewEpoch());
  }

  start(): void {
    this.#deps.hints.listen((hint) => this.#onHint(hint));
    this.#stopTimer = this.#deps.clock.every(HEADS_EVERY_MS, () => void this.checkHeads());
  }

  /** Sends nothing more; receipts of what was sent are still written. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#stopTimer?.();
    this.#deps.hints.stop();
    await this.#batches.settlements.idle();
  }

  attach(connection: ScreenConnection): ScreenAttachment {
    const session = new ScreenSession(connection, this.#host);
    // Before the fence, so that no hint between the two is missed.
    this.#add(session);
    const ready = this.#takeOver(session);
    // The socket may be refused for another reason, and then nobody waits for this one.
    ready.catch(() => undefined);
    return {
      ready,
      open: () => session.inbox.open(),
      detach: () => this.#detach(session),
    };
  }

  /** The inbox is gone with its screen: sends nothing more and tells the senders of what was cancelled. */
  dropInbox(screenId: string, cancelled: readonly Cancelled[], at: number): void {
    for (const session of this.#sessions.get(`screen:${screenId}`) ?? []) session.end();
    for (const { senderId, id, attempts } of cancelled) {
      const status = { id, screenId, status: 'cancelled', attempt: attempts, at } as const;
      this.#deps.push.toUser(senderId, 'command-status', status);
    }
  }

  async #takeOver(session: ScreenSession): Promise<Ready> {
    try {
      const answer = await this.#takeFence(session);
      this.#deps.epoch.note(answer.epoch);
      // A new epoch closes all that hold a fence, this one too.
      if (session.isGone) throw new BongsuError('UNAVAILABLE');
      const { resume } = session.connection;
      const state = resumeState(resume, answer);
      session.inbox.start(answer.ackedSeq, answer.lastSeq, resume && state.recovered ? resume.seq : 0);
      return { stream: session.stream, epoch: answer.epoch, state };
    } catch (error) {
      session.end();
      this.#remove(session);
      throw error instanceof BongsuError ? error : new BongsuError('UNAVAILABLE', { cause: error });
    }
  }

  async #takeFence(session: ScreenSession): Promise<FenceAnswer> {
    const { screenId, instanceId, connectedAt } = session.connection;
    await this.#leaving.get(screenId);
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

  #detach(session: ScreenSession): void {
    this.#remove(session);
    const unanswered = session.end();
    // Also when it was closed from here: who comes next must not depend on two clocks. An overtaken fence writes nothing.
    if (session.fence > 0) this.#release(session, this.#stopping ? undefined : unanswered);
  }

  #release(session: ScreenSession, unanswered: InboxEntry | undefined): void {
    const settlement: Settlement = {
      screenId: session.screenId,
      fence: session.fence,
      epoch: session.epoch,
      ackedSeq: 0,
      release: true,
      ended: [],
      failed: unanswered
        ? [{ seq: unanswered.seq, failed: unanswered.failed, lost: unanswered.lost + 1, error: null }]
        : [],
    };
    // What cannot be released is overtaken: the next connection opened later.
    const released = this.#write(settlement).then(
      () => undefined,
      () => undefined,
    );
    this.#leaving.set(session.screenId, released);
    void released.then(() => {
      if (this.#leaving.get(session.screenId) === released) this.#leaving.delete(session.screenId);
    });
  }

  async #write(settlement: Settlement) {
    return this.#batches.settlements.add(settlement);
  }

  #replace(session: ScreenSession, newer: string | null): void {
    if (session.isGone) return;
    const { screenId, instanceId } = session.connection;
    const now = this.#deps.clock.monotonic();
    session.close(this.#replacements.closingFor(screenId, instanceId, newer ?? undefined, now));
  }

  #onHint(hint: Hint | 'gap'): void {
    if (hint === 'gap') {
      void this.checkHeads();
    } else if (hint.kind === 'fence') {
      for (const session of [...(this.#sessions.get(`screen:${hint.screenId}`) ?? [])]) {
        if (session.fence > 0 && session.fence < hint.fence) this.#replace(session, hint.instanceId);
      }
    } else if (hint.kind === 'head') {
      for (const session of this.#sessions.get(hint.stream) ?? []) session.inbox.headIs(hint.seq);
    } else {
      this.#deps.epoch.note(hint.epoch);
      for (const entry of hint.entries) {
        const sessions = this.#sessions.get(entry.stream);
        if (sessions) for (const session of sessions) session.inbox.hint(entry);
      }
    }
  }

  /** Compares the ends and fences of all held inboxes with the ledger's. */
  async checkHeads(): Promise<void> {
    if (this.#checkingHeads) return;
    this.#checkingHeads = true;
    this.#replacements.sweep(this.#deps.clock.monotonic());
    const held = [...this.#sessions.values()].flat().filter((session) => session.fence > 0);
    try {
      for (let i = 0; i < held.length; i += HEADS_A_QUERY)
        await this.#checkSome(held.slice(i, i + HEADS_A_QUERY));
    } catch (error) {
      this.#deps.log.warn({ err: error }, 'the heads of the inboxes could not be read');
    } finally {
      this.#checkingHeads = false;
    }
  }

  async #checkSome(sessions: readonly ScreenSession[]): Promise<void> {
    const heads = await this.#deps.ledger.readHeads(sessions.map((session) => session.streamId));
    const byStream = new Map(heads.map((head) => [head.streamId, head]));
    for (const session of sessions) {
      const head = byStream.get(session.streamId);
      if (!head) continue;
      this.#deps.epoch.note(head.epoch);
      if (head.fence > session.fence) this.#replace(session, head.instanceId);
      else session.inbox.headIs(head.lastSeq);
    }
  }

  #onNewEpoch(): void {
    this.#deps.log.warn({ epoch: this.#deps.epoch.current }, 'new epoch: screens must connect anew');
    for (const session of [...this.#sessions.values()].flat())
      if (session.fence > 0) session.close('DRAINING');
  }

  #createHost(): SessionHost {
    const { metrics, databaseClock, push, log } = this.#deps;
    const deliveries = metrics.counter('bongsu_deliveries_total', 'Deliveries that ended.', ['status']);
    const latency = metrics.histogram(
      'bongsu_command_latency_seconds',
      'Seconds from acceptance to the receipt that says executed.',
      [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300],
    );
    return {
      now: databaseClock,
      mayEmit: () => !this.#stopping,
      read: (session, after) => this.#read(session, after),
      settle: (session, settlement) => this.#settle(session, settlement),
      onExecuted: (entry) => latency.observe(Math.max(0, databaseClock() - entry.acceptedAt) / 1000),
      onBadReceipt: ({ connection }, { id, stream, seq }) =>
        log.warn({ socketId: connection.socketId, commandId: id, stream, seq }, 'a receipt was not valid'),
      tell: (entry, status) => {
        if (status.status !== 'retrying') deliveries.inc({ status: status.status });
        if (wants(entry, status)) push.toUser(entry.sender.userId, 'command-status', status);
      },
    };
  }

  #read(session: ScreenSession, after: number): void {
    this.#readPage(session, after).catch((error: unknown) => {
      this.#deps.log.warn({ err: error, stream: session.stream }, 'an inbox could not be read yet');
      this.#deps.clock.after(READ_RETRY_MS, () => session.inbox.readFailed());
    });
  }

  async #readPage(session: ScreenSession, after: number): Promise<void> {
    const { streamId, stream } = session;
    const page = await this.#batches.reads.add({ streamId, stream, after });
    if (page.epoch !== undefined) this.#deps.epoch.note(page.epoch);
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
    if (rest.length > 0) this.#sessions.set(session.stream, rest);
    else this.#sessions.delete(session.stream);
  }
}

function wants({ notify }: InboxEntry, { status }: CommandStatus): boolean {
  return notify === 'all' || (notify === 'final' && status !== 'retrying');
}
