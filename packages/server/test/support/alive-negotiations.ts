import type { SignalContent } from '../../src/rooms/plain-events.js';

interface Passed {
  from: string;
  type: 'offer' | 'answer';
  id: string;
  whileAway: boolean;
}

/** What decision 71 says of one pair, told from all that passed instead of from a state. */
export class AliveNegotiations {
  #passed: Passed[] = [];
  /** The server was started anew and knows nothing of what passed before. */
  #isInherited: boolean;

  constructor(isInherited: boolean) {
    this.#isInherited = isInherited;
  }

  /** Whether the signal may pass; if so it has. */
  admits(from: string, id: string, content: SignalContent, whileAway: boolean): boolean {
    const isDescription = 'description' in content;
    const type = isDescription && content.description.type === 'offer' ? 'offer' : 'answer';
    const passes = isDescription ? type === 'offer' || this.#mayAnswer(from, id) : this.isAlive(id);
    if (isDescription && passes) this.#passed.push({ from, type, id, whileAway });
    if (isDescription && passes && content.description.type === 'answer') this.#isInherited = false;
    return passes;
  }

  isAlive(id: string): boolean {
    const offered = this.#passed.findLastIndex((passed) => passed.type === 'offer' && passed.id === id);
    const offer = this.#passed[offered];
    if (this.#isInherited) return true;
    if (!offer) return this.#passed.findLast(({ type }) => type === 'answer')?.id === id;
    const since = this.#passed.slice(offered + 1);
    const answers = since.filter(({ type }) => type === 'answer');
    if (answers.length > 0) return answers.at(-1)?.id === id;
    return !since.some(({ type, from }) => type === 'offer' && from === offer.from);
  }

  /** The page of `who` is a new one: it never heard of anything but what was opened while it was away. */
  begin(who: string): void {
    const opened = this.#passed.findLast(({ from, type }) => from !== who && type === 'offer');
    const isAlive = opened?.whileAway === true && this.isAlive(opened.id);
    this.#passed = opened && isAlive ? [opened] : [];
    this.#isInherited = false;
  }

  /** The server forgets all. */
  inherit(): void {
    this.#passed = [];
    this.#isInherited = true;
  }

  /** `who` is back, and has got what was opened while it was away. */
  returned(who: string): void {
    for (const passed of this.#passed) if (passed.from !== who) passed.whileAway = false;
  }

  #mayAnswer(from: string, id: string): boolean {
    const latest = this.#passed.findLast((passed) => passed.type === 'offer' && passed.from !== from);
    if (this.#isInherited) return latest === undefined || latest.id === id;
    const offered = this.#passed.findLastIndex((passed) => passed.type === 'offer' && passed.id === id);
    const isAnswered = this.#passed.slice(offered + 1).some(({ type }) => type === 'answer');
    return offered >= 0 && !isAnswered && this.#passed[offered]?.from !== from && this.isAlive(id);
  }
}
