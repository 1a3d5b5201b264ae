import { BongsuError } from '@bongsu/protocol';
import type { Clock } from '../platform/clock.js';
import { FreshRun } from '../platform/fresh-run.js';
import type { Log } from '../platform/log.js';
import { BatchProcessor } from '../platform/resilience/batch-processor.js';
import { fewStatements } from '../platform/resilience/few-statements.js';
import type { Epoch } from './epoch.js';
import { HeadsDeadline } from './heads-deadline.js';
import type { HintChannel } from './hint-channel.js';
import { RoomGrant, type RoomRights } from './room-grant.js';
import type { RoomEntry, RoomHint } from './room-hints.js';
import type { RoomHistoryStore } from './room-history-store.js';
import type { RoomLedger, RoomPage, RoomRow, RoomState } from './room-ledger.js';
import { type RoomSubscriber, RoomTail } from './room-tail.js';

export interface RoomStreamsDeps {
  ledger: Pick<RoomLedger, 'read' | 'readHeads' | 'readStates'>;
  /** Where pages are read first. */
  history?: RoomHistoryStore | undefined;
  hints: HintChannel<RoomHint>;
  epoch: Epoch;
  clock: Clock;
  log: Log;
  usernames(userIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
}

export interface RoomPosition {
  epoch: string;
  /** The subscriber gets what comes after it. */
  lastSeq: number;
}

export interface RoomSubscription extends RoomPosition {
  /** Of the last entry that the subscriber was given, or could have been: whoever begins to listen now gets what comes after it. */
  position(): number;
  unsubscribe(): void;
}

export type RoomResume =
  | { recovered: true; epoch: string; lastSeq: number }
  | { recovered: false; epoch: string; lastSeq: number; reason: 'epoch' | 'ahead' | 'floor' };

export interface RoomHistory {
  entries: RoomEntry[];
  lastSeq: number;
  /** Nothing up to here is kept. */
  floorSeq: number;
  epoch: string;
}

interface HeldTail {
  tail: RoomTail;
  rights: RoomRights;
  attached: Promise<void>;
}

export const MAX_PAGE = 300;
/** Of one who catches up: what is in memory for it at a time. */
const MAX_MISSED_BYTES = 256 * 1024;
const HEADS_A_QUERY = 1000;
const READ_RETRY_MS = 500;
const ATTACH_ATTEMPTS = 3;

/** Rooms' streams for those who read along, and for those who come back. Who may is asked elsewhere: a grant says so. */
export class RoomStreams {
  readonly #deps: RoomStreamsDeps;
  /** By stream and generation, as long as somebody here reads along. */
  readonly #held = new Map<string, HeldTail>();
  readonly #deadline = new HeadsDeadline();
  readonly #checking = new FreshRun(() => this.#check());
  /** Sockets that come back by the thousand ask for theirs by few statements. */
  readonly #states: BatchProcessor<RoomRights, RoomState | undefined>;
  #stopped = false;

  constructor(deps: RoomStreamsDeps) {
    this.#deps = deps;
    this.#states = new BatchProcessor({
      ...fewStatements(deps.clock),
      keyOf: (rights: RoomRights) => keyOf(rights),
      process: (rooms: RoomRights[]) => deps.ledger.readStates(rooms),
    });
    deps.epoch.onChange(() => {
      for (const key of [...this.#held.keys()]) this.#end(key, 'epoch');
    });
  }

  start(): void {
    this.#deps.hints.listen((hint) => this.#onHint(hint));
  }

  stop(): void {
    this.#stopped = true;
    this.#deps.hints.stop();
  }

  /**
   * From the moment of the answer's position on, entries reach the subscriber, each once and in order.
   * @throws FORBIDDEN without a grant, ROOM_CLOSED, UNAVAILABLE
   */
  async subscribe(grant: RoomGrant, subscriber: RoomSubscriber): Promise<RoomSubscription> {
    const rights = RoomGrant.rightsOf(grant);
    const key = keyOf(rights);
    for (let attempt = 0; attempt < ATTACH_ATTEMPTS; attempt += 1) {
      const held = this.#held.get(key) ?? this.#hold(key, rights);
      await held.attached;
      const { current } = this.#deps.epoch;
      // Meanwhile the last other reader may have gone, or the epoch: then it is held anew.
      if (this.#held.get(key) !== held || current === undefined) continue;
      // Nothing waits between here and the answer, so the position is the one at which the subscriber begins.
      held.tail.add(subscriber);
      const unsubscribe = () => this.#leave(key, held, subscriber);
      const position = () => held.tail.last;
      return { epoch: current, lastSeq: position(), position, unsubscribe };
    }
    throw new BongsuError('UNAVAILABLE');
  }

  /**
   * Whether a client can go on from its offset. Reads none of what it missed: many may come back at once.
   * @throws FORBIDDEN without a grant, ROOM_CLOSED, UNAVAILABLE
   */
  async resume(grant: RoomGrant, from: { epoch: string; seq: number }): Promise<RoomResume> {
    const rights = RoomGrant.rightsOf(grant);
    const { epoch, lastSeq, floorSeq } = await this.#stateOf(rights);
    if (from.epoch !== epoch) return { recovered: false, epoch, lastSeq, reason: 'epoch' };
    if (from.seq > lastSeq) return { recovered: false, epoch, lastSeq, reason: 'ahead' };
    if (from.seq < floorSeq) return { recovered: false, epoch, lastSeq, reason: 'floor' };
    return { recovered: true, epoch, lastSeq };
  }

  /**
   * What comes after an offset, in order: at most 300 entries, of which the one that passes 256 KiB is the last. Empty at the end.
   * @throws FORBIDDEN without a grant, ROOM_CLOSED, UNAVAILABLE; so too when a part was pruned meanwhile: a resume tells
   */
  async missed(grant: RoomGrant, from: { epoch: string; seq: number }): Promise<RoomEntry[]> {
    const rights = RoomGrant.rightsOf(grant);
    const page = await this.#read(rights, from.seq, MAX_PAGE, MAX_MISSED_BYTES);
    if (page.floorSeq > from.seq || page.epoch !== from.epoch) throw new BongsuError('UNAVAILABLE');
    return this.#toEntries(rights, page.rows);
  }

  /** A page of history after `after`, of 1 to 300 entries. @throws FORBIDDEN without a grant, ROOM_CLOSED, UNAVAILABLE */
  async page(grant: RoomGrant, after: number, limit: number): Promise<RoomHistory> {
    const rights = RoomGrant.rightsOf(grant);
    const page = await this.#readHistory(rights, after, Math.max(1, Math.min(limit, MAX_PAGE)));
    const { lastSeq, floorSeq, epoch } = page;
    return { entries: await this.#toEntries(rights, page.rows), lastSeq, floorSeq, epoch };
  }

  /** The room is closed: nobody here reads along any more. */
  drop(room: { streamId: number; generation: number }): void {
    this.#end(keyOf(room), 'closed');
  }

  /** Compares the ends of all rooms that somebody reads along with the ledger's, by reading that began after the call. */
  checkHeads(): Promise<void> {
    return this.#checking.run();
  }

  async #check(): Promise<void> {
    const held = [...this.#held.values()];
    try {
      for (let i = 0; i < held.length; i += HEADS_A_QUERY)
        await this.#checkSome(held.slice(i, i + HEADS_A_QUERY));
    } catch (error) {
      this.#deps.log.warn({ err: error }, 'the heads of the rooms could not be read');
    }
  }

  async #checkSome(held: readonly HeldTail[]): Promise<void> {
    const streamIds = held.map(({ rights }) => rights.streamId);
    const heads = await this.#deadline.within((ms) => this.#deps.ledger.readHeads(streamIds, ms));
    const byStream = new Map(heads.map((head) => [head.streamId, head]));
    for (const { rights, tail } of held) {
      const head = byStream.get(rights.streamId);
      if (head) this.#deps.epoch.note(head.epoch);
      // Of another epoch, its end means nothing here.
      if (head && head.epoch !== this.#deps.epoch.current) continue;
      if (head?.generation === rights.generation) tail.headIs(head.lastSeq);
      else this.#end(keyOf(rights), 'closed');
    }
  }

  #hold(key: string, rights: RoomRights): HeldTail {
    const tail = new RoomTail({
      read: (after) => this.#repair(tail, rights, after),
      onFault: (err) =>
        this.#deps.log.error(
          { err, stream: `room:${rights.roomId}` },
          'a subscriber could not take an entry',
        ),
    });
    // Held before the head is read, so that no hint between the two is missed.
    const held: HeldTail = { tail, rights, attached: Promise.resolve() };
    this.#held.set(key, held);
    held.attached = this.#stateOf(rights).then(
      ({ lastSeq }) => tail.start(lastSeq),
      (error: unknown) => {
        if (this.#held.get(key) === held) this.#held.delete(key);
        throw error;
      },
    );
    return held;
  }

  #leave(key: string, held: HeldTail, subscriber: RoomSubscriber): void {
    held.tail.remove(subscriber);
    if (held.tail.subscribers === 0 && this.#held.get(key) === held) this.#held.delete(key);
  }

  #end(key: string, reason: 'closed' | 'epoch'): void {
    const held = this.#held.get(key);
    this.#held.delete(key);
    held?.tail.end(reason);
  }

  #onHint(hint: RoomHint | 'gap'): void {
    if (hint === 'gap') {
      void this.checkHeads();
      return;
    }
    if (!this.#deps.epoch.heard(hint.epoch)) {
      void this.checkHeads();
      return;
    }
    const held = this.#held.get(keyOf(hint));
    if (held) for (const entry of hint.entries) held.tail.hint(entry);
  }

  #repair(tail: RoomTail, rights: RoomRights, after: number): void {
    this.#readEntries(rights, after).then(
      ({ entries, lastSeq }) => tail.page(entries, lastSeq),
      (error: unknown) => {
        if (error instanceof BongsuError && error.code === 'ROOM_CLOSED') {
          this.#end(keyOf(rights), 'closed');
          return;
        }
        this.#deps.log.warn({ err: error, stream: `room:${rights.roomId}` }, 'a room could not be read yet');
        if (!this.#stopped) this.#deps.clock.after(READ_RETRY_MS, () => tail.readFailed());
      },
    );
  }

  async #readEntries(rights: RoomRights, after: number) {
    const page = await this.#read(rights, after, MAX_PAGE);
    return { entries: await this.#toEntries(rights, page.rows), lastSeq: page.lastSeq };
  }

  async #readHistory(rights: RoomRights, after: number, limit: number): Promise<RoomPage> {
    const { current } = this.#deps.epoch;
    const near = current && (await this.#deps.history?.read(rights, after, limit, current));
    return near ? this.#present(Promise.resolve(near)) : this.#read(rights, after, limit);
  }

  #stateOf(rights: RoomRights): Promise<RoomState> {
    return this.#present(this.#states.add(rights));
  }

  #read(rights: RoomRights, after: number, limit: number, maxBytes?: number): Promise<RoomPage> {
    return this.#present(this.#deps.ledger.read(rights, after, limit, maxBytes));
  }

  async #present<State extends RoomState>(reading: Promise<State | undefined>): Promise<State> {
    const state = await reading.catch((cause: unknown) => {
      throw new BongsuError('UNAVAILABLE', { retryAfterMs: READ_RETRY_MS, cause });
    });
    if (!state) throw new BongsuError('ROOM_CLOSED');
    this.#deps.epoch.note(state.epoch);
    // An answer of a past epoch, which was under way.
    if (state.epoch !== this.#deps.epoch.current)
      throw new BongsuError('UNAVAILABLE', { retryAfterMs: READ_RETRY_MS });
    return state;
  }

  async #toEntries({ roomId }: RoomRights, rows: readonly RoomRow[]): Promise<RoomEntry[]> {
    const names = await this.#deps.usernames([...new Set(rows.map((row) => row.senderId))]);
    return rows.map(({ senderId, payload, ...row }) => ({
      ...row,
      stream: `room:${roomId}`,
      fields: JSON.parse(payload) as object,
      sender: { userId: senderId, username: names.get(senderId) ?? '' },
    }));
  }
}

function keyOf({ streamId, generation }: { streamId: number; generation: number }): string {
  return `${streamId}:${generation}`;
}
