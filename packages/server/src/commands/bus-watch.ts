/** Silence of a living node on the bus this long means that its hints are lost. */
export const SILENCE_MS = 750;

/**
 * Who can be heard on the bus. Loss is a gap in the numbers (the bus tells), a start that was not heard of, or silence of a node whose
 * lease is live: then hints may be missing, and the heads of inboxes are compared until it is over. Times: monotonic.
 */
export class BusWatch {
  readonly #heardAt = new Map<string, number>();
  #expectedSince = new Map<string, number>();

  /** A heartbeat came. True when it is the first of its sender: what that told before is not known. */
  heard(incarnation: string, now: number): boolean {
    const isNew = !this.#heardAt.has(incarnation);
    this.#heardAt.set(incarnation, now);
    return isNew;
  }

  /** The other nodes with a live lease: each must be heard from now on; the others are forgotten. */
  expect(incarnations: readonly string[], now: number): void {
    const before = this.#expectedSince;
    this.#expectedSince = new Map(incarnations.map((each) => [each, before.get(each) ?? now]));
    for (const known of this.#heardAt.keys())
      if (!this.#expectedSince.has(known)) this.#heardAt.delete(known);
  }

  /** True while a node that lives cannot be heard. */
  isSilent(now: number): boolean {
    for (const [incarnation, since] of this.#expectedSince) {
      if (now - (this.#heardAt.get(incarnation) ?? since) > SILENCE_MS) return true;
    }
    return false;
  }
}
