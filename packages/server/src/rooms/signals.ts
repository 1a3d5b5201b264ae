import { BongsuError, type Signaled, ValidationError } from '@bongsu/protocol';
import { uuidv7 } from '../platform/ids.js';
import type { Metrics } from '../platform/metrics.js';
import type { SocketGroups } from '../platform/push.js';
import type { RoomRow } from './deps.js';
import type { Negotiation, Side, Verdict } from './negotiation.js';
import { Negotiations, sideOf } from './negotiations.js';
import {
  bytesOf,
  canHear,
  emitSignal,
  kindOf,
  type SentSignal,
  type SignalContent,
  type SignalKind,
} from './plain-events.js';
import { isAway, isOurs, isPolite, type Seat } from './seat.js';
import type { HeldSeat, PassedSignal, SignalBus } from './signal-bus.js';
import { type SignalCounts, type SignalOutcome, signalCounts } from './signal-counts.js';
import { WaitingSignals } from './waiting-signals.js';

/** Who is where, from memory. */
export interface Seats {
  /** The seat that the socket holds in the open room of that id. */
  seatOf(socketId: string, roomId: string): Seat | undefined;
  seat(room: Pick<RoomRow, 'id' | 'roomId'>, participantId: string): Seat | undefined;
}

export interface SignalRelayDeps {
  seats: Seats;
  groups: Pick<SocketGroups, 'emitHere' | 'unreadBytes'>;
  /** Those who hold the other seats. */
  others: Pick<SignalBus, 'isUp' | 'pass'>;
  metrics: Pick<Metrics, 'counter' | 'tally'>;
  /** Something happens in the room: it is not idle. Called for each signal. */
  noteActivity(room: RoomRow): void;
  /** The seat's `signaling` was decided by its first signal. */
  keepWords(seat: Seat): void;
}

/** What waits is given out when its receiver is back, or its grace is over: nobody can say when. */
const BUSY_RETRY_MS = 1000;
/** Who has more to read gets no signals, so that nobody by signaling ends somebody else's socket as slow. */
const MAX_UNREAD_BYTES = 512 * 1024;
/** Until the bus is back, nobody can say when. */
const BUS_RETRY_MS = 1000;

type Said = Pick<SentSignal, 'negotiationId' | 'content'>;

interface Pair {
  sender: Seat;
  target: Seat;
  negotiation: Negotiation;
  side: Side;
}

/**
 * Carries signals from seat to seat: synchronously from arrival to emit, so that a pair's signals keep their order. Who is in the room
 * is asked for each one. Nothing is kept but for seats whose socket is gone, and nothing is said twice. What is for a seat of another
 * process is judged here, passed on, and judged again there (docs/decisions/0085-a-pair-on-two-nodes.md).
 */
export class SignalRelay {
  readonly #deps: SignalRelayDeps;
  readonly #negotiations: Negotiations;
  readonly #waiting = new WaitingSignals();
  readonly #counts: SignalCounts;

  constructor(deps: SignalRelayDeps) {
    this.#deps = deps;
    this.#negotiations = new Negotiations();
    this.#counts = signalCounts(deps.metrics);
  }

  /** @throws FORBIDDEN, VALIDATION_ERROR, PARTICIPANT_NOT_FOUND, BUSY, UNAVAILABLE */
  send(socketId: string, signal: SentSignal): Signaled {
    const kind = kindOf(signal.content);
    try {
      const pair = this.#pairOf(socketId, signal);
      const [outcome, answer] = this.#relay(pair, signal);
      this.#deps.noteActivity(pair.sender.room);
      this.#counts.signals(kind, outcome);
      if (outcome === 'relayed' || outcome === 'waiting') this.#counts.bytes(bytesOf(signal.content));
      return answer;
    } catch (refusal) {
      this.#counts.signals(kind, 'refused');
      throw refusal;
    }
  }

  /**
   * What another process passed on, whose sender was told what came of it: here it may be stale all the same, by what is on its way to
   * there. Where another socket has a seat since, whoever took it offers anew, and what was on its way is over.
   */
  receive(signal: PassedSignal): void {
    const [sender, target] = [signal.from, signal.to].map((side) =>
      this.#deps.seats.seat(signal.room, side.participantId),
    );
    if (!sender || !target || !isOurs(target)) this.lost();
    else if (sender.holder !== signal.from.holder || target.holder !== signal.to.holder) this.#counts.stale();
    else this.#take(this.#pairBetween(sender, target), signal);
  }

  /** What was passed on and can be given to nobody. */
  lost(): void {
    this.#counts.lost();
  }

  /**
   * As `arrived`, of a seat that was taken again: after the others were told `user-returned`. `resumed` is false when another client object holds it now, which negotiated nothing yet.
   */
  returned(seat: Seat, { resumed }: { resumed: boolean }): void {
    if (!resumed) this.#beginAnew(seat);
    if (!isOurs(seat)) this.#handOver(seat);
    this.arrived(seat);
  }

  /** The seat's socket is in its group: what waited for it comes now. */
  arrived(seat: Seat): void {
    for (const { from, negotiationId, content } of this.#waiting.take(seat.participantId)) {
      const sender = this.#deps.seats.seat(seat.room, from);
      if (!sender) continue;
      if (!this.#negotiations.of(sender, seat).isLive(negotiationId)) this.#counts.stale();
      else if (isOurs(seat) || (isOurs(sender) && this.#deps.others.isUp))
        this.#emit(sender, seat, negotiationId, content);
      else this.lost();
    }
  }

  /** The seat is no more: nothing waits for it or from it, and its pairs are forgotten. */
  gone({ participantId }: Pick<Seat, 'participantId'>): void {
    this.#waiting.take(participantId);
    this.#dropFrom(participantId);
    this.#negotiations.forget(participantId);
  }

  /** What is in memory; for tests. */
  get size(): { participants: number; waitingBytes: number } {
    return { participants: this.#negotiations.size, waitingBytes: this.#waiting.bytes };
  }

  #pairOf(socketId: string, { roomId, to, words }: SentSignal): Pair {
    const sender = this.#deps.seats.seatOf(socketId, roomId);
    if (!sender) throw new BongsuError('FORBIDDEN', { details: { reason: 'no-seat' } });
    if (sender.signaling === undefined) {
      sender.signaling = words;
      this.#deps.keepWords(sender);
    }
    if (to === sender.participantId)
      throw new ValidationError([{ path: 'to', message: 'must be another participant' }]);
    const target = this.#deps.seats.seat(sender.room, to);
    if (!target) throw new BongsuError('PARTICIPANT_NOT_FOUND');
    return this.#pairBetween(sender, target);
  }

  #pairBetween(sender: Seat, target: Seat): Pair {
    const negotiation = this.#negotiations.of(sender, target);
    return { sender, target, negotiation, side: sideOf(sender, target) };
  }

  #take(pair: Pair, signal: PassedSignal): void {
    try {
      this.#relay(pair, signal);
    } catch (refusal) {
      // It reads too slowly, or too much waits: there is nobody to tell.
      if (!(refusal instanceof BongsuError)) throw refusal;
      this.lost();
    }
  }

  #relay(pair: Pair, signal: Said): [SignalOutcome, Signaled] {
    const { sender, target, negotiation } = pair;
    const { content } = signal;
    const negotiationId = idOf(pair, signal) ?? null;
    const waits = this.#mustWait(target);
    const replaced = replacedBy(pair, content, negotiationId);
    const said = { from: sender.participantId, userId: sender.userId, content, bytes: bytesOf(content) };
    // Before the negotiation hears of it: what is refused must not count.
    if (waits ? !this.#waiting.fits(target.participantId, said, replaced) : !this.#isReading(target))
      throw new BongsuError('BUSY', { retryAfterMs: BUSY_RETRY_MS });
    if (!waits && !isOurs(target) && !this.#deps.others.isUp)
      throw new BongsuError('UNAVAILABLE', { retryAfterMs: BUS_RETRY_MS });
    const verdict = negotiationId === null ? 'stale' : judge(pair, content, negotiationId);
    if (negotiationId === null || verdict === 'stale') {
      this.#counts.stale();
      return ['stale', { negotiationId, stale: true }];
    }
    this.#negotiations.keep(sender, target, negotiation);
    if (verdict === 'crossed') this.#countGlare(pair);
    if (replaced !== undefined) this.#dropReplaced(pair, replaced);
    if (!canHear(target, content)) return ['unheard', { negotiationId, unheard: true }];
    if (waits) this.#waiting.add(target.participantId, { ...said, negotiationId });
    else this.#emit(sender, target, negotiationId, content);
    return [waits ? 'waiting' : 'relayed', { negotiationId }];
  }

  /** Once, by the process that has the earlier one of the two. */
  #countGlare({ sender, target, side }: Pair): void {
    if (isOurs(side === 0 ? sender : target)) this.#counts.glare();
  }

  #mustWait(target: Seat): boolean {
    return isAway(target) || !this.#waiting.isEmpty(target.participantId);
  }

  #isReading({ socketId }: Seat): boolean {
    return socketId === undefined || this.#deps.groups.unreadBytes(socketId) <= MAX_UNREAD_BYTES;
  }

  /** What waits of an offer that is none any more, its candidates included. */
  #dropReplaced({ sender, target }: Pair, negotiationId: string): void {
    const dropped = this.#waiting.dropFrom(target.participantId, sender.participantId, negotiationId);
    for (let n = 0; n < dropped; n += 1) this.#counts.stale();
  }

  #emit(sender: Seat, target: Seat, negotiationId: string, content: SignalContent): void {
    if (!isOurs(target)) {
      const { id, roomId, version } = target.room;
      const sides = { from: heldSeat(sender), to: heldSeat(target) };
      const passed = { room: { id, roomId, version }, ...sides, negotiationId, content };
      this.#deps.others.pass(target.incarnation, passed);
      return;
    }
    const envelope = {
      roomId: target.room.roomId,
      from: sender.participantId,
      negotiationId,
      polite: isPolite(target, sender),
    };
    emitSignal(this.#deps.groups, target, envelope, content);
  }

  #beginAnew(seat: Seat): void {
    const { participantId } = seat;
    this.#dropFrom(participantId);
    for (const [peer, negotiation] of this.#negotiations.peersOf(participantId)) {
      const peerSeat = this.#deps.seats.seat(seat.room, peer);
      if (!peerSeat) continue;
      const offer = negotiation.offerOf(sideOf(peerSeat, seat));
      // What another process passed on was for the page that its sender knew.
      const isForNewPage =
        offer !== undefined && isOurs(peerSeat) && this.#waiting.holdsOffer(participantId, peer, offer);
      negotiation.reset(sideOf(seat, peerSeat), isForNewPage);
    }
  }

  /** Another process has the seat now: what passes between it and those who are not ours either is not seen here any more. */
  #handOver({ participantId, room }: Seat): void {
    for (const [peer] of [...this.#negotiations.peersOf(participantId)]) {
      const seat = this.#deps.seats.seat(room, peer);
      if (!seat || !isOurs(seat)) this.#negotiations.forgetPair(participantId, peer);
    }
  }

  #dropFrom(participantId: string): void {
    for (const [peer] of this.#negotiations.peersOf(participantId))
      this.#waiting.dropFrom(peer, participantId);
  }
}

function judge({ negotiation, side }: Pair, content: SignalContent, id: string): Verdict {
  if ('description' in content) return negotiation.describe(side, content.description.type, id);
  return negotiation.isLive(id) ? 'live' : 'stale';
}

function replacedBy(
  { negotiation, side }: Pair,
  content: SignalContent,
  id: string | null,
): string | undefined {
  return id !== null && kindOf(content) === 'offer' ? negotiation.replacedBy(side, id) : undefined;
}

function idOf({ negotiation, side }: Pair, { negotiationId, content }: Said): string | undefined {
  if (negotiationId !== undefined) return negotiationId;
  const kind: SignalKind = kindOf(content);
  const known = kind === 'answer' ? negotiation.answered(side) : negotiation.trickled(side);
  // What an answer or a candidate from before this process belongs to had an id that nobody knows any more.
  return kind === 'offer' || (known === undefined && negotiation.isInherited) ? uuidv7() : known;
}

function heldSeat({ participantId, holder }: Seat): HeldSeat {
  return { participantId, holder };
}
