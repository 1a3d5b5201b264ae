import { kindOf, type SignalContent } from './plain-events.js';

export interface WaitingSignal {
  /** The sender's participant id. */
  from: string;
  /** Of the sender: whose budget it takes. */
  userId: string;
  negotiationId: string;
  content: SignalContent;
  bytes: number;
}

interface Waiting {
  /** In the order of arrival. */
  signals: Set<WaitingSignal>;
  bySender: Map<string, Set<WaitingSignal>>;
}

/** Of one sender, for one seat. */
const MAX_WAITING = 64;
/** Of all of this process: descriptions may have 64 KiB each. */
export const MAX_WAITING_BYTES = 32 * 1024 * 1024;
/** Of all that one user sent, so that nobody uses up what all share. */
const MAX_USER_BYTES = 1024 * 1024;
/** Of each besides what is counted: its ids, and what else a candidate says. */
const ENVELOPE_BYTES = 2 * 1024;

export const sizeOf = ({ bytes }: Pick<WaitingSignal, 'bytes'>) => bytes + ENVELOPE_BYTES;

/** What waits for seats whose socket is gone, in the order of arrival. */
export class WaitingSignals {
  readonly #bySeat = new Map<string, Waiting>();
  readonly #bytesOfUsers = new Map<string, number>();
  #bytes = 0;

  isEmpty(seat: string): boolean {
    return !this.#bySeat.has(seat);
  }

  /** @param replaced the negotiation of the same sender that goes when this one is added */
  fits(
    seat: string,
    { from, userId, bytes }: Pick<WaitingSignal, 'from' | 'userId' | 'bytes'>,
    replaced?: string,
  ): boolean {
    let count = 0;
    let growth = sizeOf({ bytes });
    for (const signal of this.#from(seat, from)) {
      if (signal.negotiationId === replaced) growth -= sizeOf(signal);
      else count += 1;
    }
    const ofUser = this.#bytesOfUsers.get(userId) ?? 0;
    const isRoomLeft = ofUser + growth <= MAX_USER_BYTES && this.#bytes + growth <= MAX_WAITING_BYTES;
    return count < MAX_WAITING && isRoomLeft;
  }

  add(seat: string, signal: WaitingSignal): void {
    const waiting = this.#bySeat.get(seat) ?? { signals: new Set(), bySender: new Map() };
    this.#bySeat.set(seat, waiting);
    waiting.signals.add(signal);
    const bySame = waiting.bySender.get(signal.from) ?? new Set();
    waiting.bySender.set(signal.from, bySame.add(signal));
    this.#grow(signal.userId, sizeOf(signal));
  }

  holdsOffer(seat: string, from: string, negotiationId: string): boolean {
    for (const signal of this.#from(seat, from))
      if (signal.negotiationId === negotiationId && kindOf(signal.content) === 'offer') return true;
    return false;
  }

  /** All that waits for the seat, once. */
  take(seat: string): WaitingSignal[] {
    const signals = [...(this.#bySeat.get(seat)?.signals ?? [])];
    this.#bySeat.delete(seat);
    for (const signal of signals) this.#grow(signal.userId, -sizeOf(signal));
    return signals;
  }

  /**
   * What one sender said to the seat.
   * @param negotiationId of this negotiation alone
   * @returns how many there were
   */
  dropFrom(seat: string, from: string, negotiationId?: string): number {
    let dropped = 0;
    for (const signal of [...this.#from(seat, from)]) {
      if (negotiationId !== undefined && signal.negotiationId !== negotiationId) continue;
      this.#drop(seat, signal);
      dropped += 1;
    }
    return dropped;
  }

  /** Of all that wait. */
  get bytes(): number {
    return this.#bytes;
  }

  #from(seat: string, from: string): Iterable<WaitingSignal> {
    return this.#bySeat.get(seat)?.bySender.get(from) ?? [];
  }

  #drop(seat: string, signal: WaitingSignal): void {
    const waiting = this.#bySeat.get(seat);
    const bySame = waiting?.bySender.get(signal.from);
    bySame?.delete(signal);
    waiting?.signals.delete(signal);
    if (bySame?.size === 0) waiting?.bySender.delete(signal.from);
    if (waiting?.signals.size === 0) this.#bySeat.delete(seat);
    this.#grow(signal.userId, -sizeOf(signal));
  }

  #grow(userId: string, bytes: number): void {
    this.#bytes += bytes;
    const ofUser = (this.#bytesOfUsers.get(userId) ?? 0) + bytes;
    if (ofUser === 0) this.#bytesOfUsers.delete(userId);
    else this.#bytesOfUsers.set(userId, ofUser);
  }
}
