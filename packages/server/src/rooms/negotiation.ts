/** Which of a pair: 0 joined earlier, 1 later. */
export type Side = 0 | 1;
/** `live`: it goes on to the other side. `crossed`: so does it, an offer that met one of the other side. `stale`: it goes nowhere. */
export type Verdict = 'live' | 'crossed' | 'stale';

type PerSide = [string | undefined, string | undefined];

const other = (side: Side): Side => (side === 0 ? 1 : 0);

/**
 * Which negotiations of a pair of seats are alive: the one that was answered last, and the latest unanswered offer of each side. Two
 * offers may cross; the answer decides (docs/decisions/0071-negotiations-are-fenced-by-pair.md). Ids are the clients' own strings.
 */
export class Negotiation {
  #established: string | undefined;
  readonly #offers: PerSide = [undefined, undefined];
  /** What each side last sent a description of. */
  readonly #described: PerSide = [undefined, undefined];
  #hasCrossed = false;
  #isInherited: boolean;

  /**
   * @param isInherited it began before this process did: until the first answer that passes here nothing can be known to be stale but
   * an answer while the other side has offered anew, and a call that outlived a restart must not be cut off
   */
  constructor(isInherited: boolean) {
    this.#isInherited = isInherited;
  }

  /** Whether there may be an offer, and what goes with it, of which this process does not know. */
  get isInherited(): boolean {
    return this.#isInherited;
  }

  /** Of `from`, for a plain answer: the other side's latest offer. */
  answered(from: Side): string | undefined {
    return this.#offers[other(from)];
  }

  /** Of `from`, for a plain candidate: of whatever it last described, else of what it was offered, or was answered from before. */
  trickled(from: Side): string | undefined {
    return this.#described[from] ?? this.#offers[other(from)] ?? this.#established;
  }

  describe(from: Side, type: 'offer' | 'answer' | 'pranswer', id: string): Verdict {
    this.#described[from] = id;
    if (type === 'offer') return this.#offer(from, id);
    if (!this.#mayAnswer(from, id)) return 'stale';
    // A provisional answer leaves the offer open.
    if (type === 'answer') this.#establish(id);
    return 'live';
  }

  /** Of candidates, and of the wish to restart. */
  isLive(id: string): boolean {
    return this.#established === id || this.#offers.includes(id) || this.#isInherited;
  }

  /** What an offer of that id would end: the same side's earlier one. */
  replacedBy(from: Side, id: string): string | undefined {
    const before = this.#offers[from];
    const isElse = before === this.#established || before === this.#offers[other(from)];
    return before === id || isElse || this.#isInherited ? undefined : before;
  }

  offerOf(side: Side): string | undefined {
    return this.#offers[side];
  }

  /** Another client object took the side's seat. Only the other side's offer may go on, when it was made for the new one (`keepsOffer`). */
  reset(side: Side, keepsOffer: boolean): void {
    this.#established = undefined;
    this.#offers[side] = undefined;
    this.#described[side] = undefined;
    if (!keepsOffer) this.#offers[other(side)] = undefined;
    this.#hasCrossed = false;
    this.#isInherited = false;
  }

  /** An offer from before this process is over too when its side has made another one. */
  #mayAnswer(from: Side, id: string): boolean {
    const offer = this.#offers[other(from)];
    return offer === undefined ? this.#isInherited : offer === id;
  }

  /** It replaces what this side offered before. Offers that cross count once, until one is answered. */
  #offer(from: Side, id: string): Verdict {
    this.#offers[from] = id;
    if (this.#offers[other(from)] === undefined || this.#hasCrossed) return 'live';
    this.#hasCrossed = true;
    return 'crossed';
  }

  /** Who answers has given its own offer up. */
  #establish(id: string): void {
    this.#established = id;
    this.#offers.fill(undefined);
    this.#hasCrossed = false;
    this.#isInherited = false;
  }
}
