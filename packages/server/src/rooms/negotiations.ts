import { BongsuError } from '@bongsu/protocol';
import { Negotiation, type Side } from './negotiation.js';
import { isPolite, type Seat } from './seat.js';

type SeatOfPair = Pick<Seat, 'participantId' | 'number' | 'joinedAt'>;

interface Kept {
  negotiation: Negotiation;
  /** The user who signalled first. */
  openedBy: string;
}

/** Of one user: ten seats that call everybody in a full room, or some hundred that call each other. */
const MAX_PAIRS = 10_000;
/** Pairs end with their seats: nobody can say when. */
const BUSY_RETRY_MS = 1000;

export const sideOf = (own: Pick<Seat, 'number'>, peer: Pick<Seat, 'number'>): Side =>
  isPolite(own, peer) ? 1 : 0;

/** The negotiations of all pairs between which something was signalled, until one of the two is gone. */
export class Negotiations {
  /** By participant and participant, each pair under both. */
  readonly #peers = new Map<string, Map<string, Kept>>();
  /** By user. */
  readonly #opened = new Map<string, number>();
  /** Of the seats from before this process: those whose page is a new one, with which nothing was negotiated. */
  readonly #renewed = new Set<string>();

  /** @param startedAt of this process, by the database's clock: a pair that is older may be in the middle of something */
  constructor(private readonly startedAt: number) {}

  /** What is known of the pair. It is forgotten at once unless it is kept. */
  of(own: SeatOfPair, peer: SeatOfPair): Negotiation {
    const known = this.#peers.get(own.participantId)?.get(peer.participantId);
    return known?.negotiation ?? new Negotiation(this.#isOld(own) && this.#isOld(peer));
  }

  /**
   * Something passes between the two.
   * @throws BUSY when the user has opened too many
   */
  keep(own: Pick<Seat, 'participantId' | 'userId'>, peer: SeatOfPair, negotiation: Negotiation): void {
    const { participantId, userId: openedBy } = own;
    if (this.#peers.get(participantId)?.has(peer.participantId)) return;
    const opened = this.#opened.get(openedBy) ?? 0;
    if (opened >= MAX_PAIRS) throw new BongsuError('BUSY', { retryAfterMs: BUSY_RETRY_MS });
    this.#opened.set(openedBy, opened + 1);
    const kept = { negotiation, openedBy };
    this.#put(participantId, peer.participantId, kept);
    this.#put(peer.participantId, participantId, kept);
  }

  /** Whom the participant has negotiations with. */
  *peersOf(participantId: string): Generator<[string, Negotiation]> {
    for (const [peer, { negotiation }] of this.#peers.get(participantId) ?? []) yield [peer, negotiation];
  }

  /** From here on nothing from before may reach the seat. */
  renew(seat: SeatOfPair): void {
    if (this.#isOld(seat)) this.#renewed.add(seat.participantId);
  }

  forget(participantId: string): void {
    for (const [peer, { openedBy }] of this.#peers.get(participantId) ?? []) {
      const ofPeer = this.#peers.get(peer);
      ofPeer?.delete(participantId);
      if (ofPeer?.size === 0) this.#peers.delete(peer);
      const opened = (this.#opened.get(openedBy) ?? 0) - 1;
      if (opened > 0) this.#opened.set(openedBy, opened);
      else this.#opened.delete(openedBy);
    }
    this.#peers.delete(participantId);
    this.#renewed.delete(participantId);
  }

  /** Participants in memory. */
  get size(): number {
    return this.#peers.size;
  }

  #isOld({ participantId, joinedAt }: SeatOfPair): boolean {
    return joinedAt < this.startedAt && !this.#renewed.has(participantId);
  }

  #put(participantId: string, peer: string, kept: Kept): void {
    const peers = this.#peers.get(participantId);
    if (peers) peers.set(peer, kept);
    else this.#peers.set(participantId, new Map([[peer, kept]]));
  }
}
