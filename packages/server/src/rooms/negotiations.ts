import { BongsuError } from '@bongsu/protocol';
import { Negotiation, type Side } from './negotiation.js';
import { isPolite, type Seat } from './seat.js';

type SeatOfPair = Pick<Seat, 'participantId' | 'heldSince' | 'pageSince'>;

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

  /** What is known of the pair. It is forgotten at once unless it is kept. */
  of(own: SeatOfPair, peer: SeatOfPair): Negotiation {
    const known = this.#peers.get(own.participantId)?.get(peer.participantId);
    return known?.negotiation ?? new Negotiation(!isWhole(own, peer));
  }

  /**
   * Something passes between the two.
   * @throws BUSY when the user has opened too many
   */
  keep(
    own: Pick<Seat, 'participantId' | 'userId'>,
    peer: Pick<Seat, 'participantId'>,
    negotiation: Negotiation,
  ): void {
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

  forget(participantId: string): void {
    for (const peer of [...(this.#peers.get(participantId)?.keys() ?? [])])
      this.forgetPair(participantId, peer);
  }

  forgetPair(participantId: string, peer: string): void {
    const kept = this.#peers.get(participantId)?.get(peer);
    if (!kept) return;
    this.#delete(participantId, peer);
    this.#delete(peer, participantId);
    const opened = (this.#opened.get(kept.openedBy) ?? 0) - 1;
    if (opened > 0) this.#opened.set(kept.openedBy, opened);
    else this.#opened.delete(kept.openedBy);
  }

  /** Participants in memory. */
  get size(): number {
    return this.#peers.size;
  }

  #delete(participantId: string, peer: string): void {
    const peers = this.#peers.get(participantId);
    peers?.delete(peer);
    if (peers?.size === 0) this.#peers.delete(participantId);
  }

  #put(participantId: string, peer: string, kept: Kept): void {
    const peers = this.#peers.get(participantId);
    if (peers) peers.set(peer, kept);
    else this.#peers.set(participantId, new Map([[peer, kept]]));
  }
}

/**
 * Whether all that passed between the two pages passed here: this process has held one of the two seats since before the later page came.
 * Else, after its own start and where a seat came from another process, it may be in the middle of something.
 */
function isWhole(own: SeatOfPair, peer: SeatOfPair): boolean {
  const began = Math.max(own.pageSince ?? 0, peer.pageSince ?? 0);
  return [own, peer].some(({ heldSince }) => heldSince !== undefined && heldSince <= began);
}
