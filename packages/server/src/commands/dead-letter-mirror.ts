import type { Clock } from '../platform/clock.js';
import type { StreamMirror } from '../platform/ephemeral/stream-mirror.js';
import { FreshRun } from '../platform/fresh-run.js';
import type { Log } from '../platform/log.js';
import type { MirroredLetter, MirrorStore } from './mirror-store.js';

export interface DeadLetterMirrorDeps {
  store: MirrorStore;
  mirror: StreamMirror;
  clock: Clock;
  log: Log;
}

/** What other processes gave up is found at least this often. */
const LOOK_MS = 5000;
/** What was requeued, thrown away or lost without anybody telling of it. */
const COMPARE_MS = 60_000;
const LETTERS_A_ROUND = 500;

/**
 * The dead letters that wait, as streams of Redis: `<REDIS_PREFIX>:dlq:{screenId}`. The table is the truth: whatever becomes of Redis, the
 * streams hold the same as the table soon after it is there again. Several nodes may do it at once.
 */
export class DeadLetterMirror {
  readonly #looking = new FreshRun(() => this.#look());
  readonly #ends: (() => void)[] = [];
  /** The look that was asked for last: one that is under way ends before it. */
  #last: Promise<void> = Promise.resolve();
  #isAway = false;

  constructor(private readonly deps: DeadLetterMirrorDeps) {}

  start(): void {
    const { clock, mirror } = this.deps;
    this.#ends.push(
      clock.every(LOOK_MS, () => this.wake()),
      clock.every(COMPARE_MS, () => void this.compare()),
      mirror.onChange(() => this.wake()),
    );
    this.wake();
  }

  async stop(): Promise<void> {
    for (const end of this.#ends.splice(0)) end();
    await this.#last;
  }

  /** There may be a new one. Cheap, and may be called at any time. */
  wake(): void {
    if (this.#ends.length > 0) this.#last = this.#quietly(this.#looking.run());
  }

  /** It waits no more. */
  gone(screenId: string, ids: readonly string[]): void {
    void this.#quietly(this.deps.mirror.remove(screenId, ids));
  }

  /** Makes the streams the same as the table, whatever either has missed. Never rejects. */
  compare(): Promise<void> {
    return this.#quietly(this.#compare());
  }

  async #look(): Promise<void> {
    const { mirror, store } = this.deps;
    if (await mirror.isLost()) {
      while ((await store.forget(LETTERS_A_ROUND)) === LETTERS_A_ROUND);
      await mirror.begin();
    }
    for (;;) {
      const letters = await store.unmirrored(LETTERS_A_ROUND);
      if (letters.length === 0) return;
      for (const [screenId, ofScreen] of groupedByScreen(letters))
        await mirror.append(screenId, ofScreen.map(toEntry));
      await store.markMirrored(letters.map(({ id }) => id));
    }
  }

  async #compare(): Promise<void> {
    const { mirror, store } = this.deps;
    const inTable = await store.mirrored();
    const screens = new Set([...inTable.keys(), ...(await mirror.groups())]);
    const short: string[] = [];
    for (const screenId of screens) {
      const ids = await mirror.ids(screenId);
      const waiting = ids.length > 0 ? await store.stillWaiting(ids) : new Set();
      await mirror.remove(
        screenId,
        ids.filter((id) => !waiting.has(id)),
      );
      if (waiting.size < (inTable.get(screenId) ?? 0)) short.push(screenId);
    }
    if (short.length === 0) return;
    while ((await store.forget(LETTERS_A_ROUND, short)) === LETTERS_A_ROUND);
    await this.#looking.run();
  }

  /** While Redis or SQL is away nothing is to be done: the next look finds all that there is. */
  async #quietly(work: Promise<void>): Promise<void> {
    try {
      await work;
      this.#isAway = false;
    } catch (error) {
      if (!this.#isAway) this.deps.log.debug({ err: error }, 'dead letters could not be mirrored yet');
      this.#isAway = true;
    }
  }
}

function groupedByScreen(letters: readonly MirroredLetter[]): Map<string, MirroredLetter[]> {
  const groups = new Map<string, MirroredLetter[]>();
  for (const letter of letters) {
    const group = groups.get(letter.screenId);
    if (group) group.push(letter);
    else groups.set(letter.screenId, [letter]);
  }
  return groups;
}

function toEntry({ id, error, ...letter }: MirroredLetter) {
  const { commandId, senderId, type, payload, reason, attempts, at } = letter;
  return {
    id,
    fields: {
      id,
      commandId,
      senderId,
      type,
      payload,
      reason,
      error: error ?? '',
      attempts: String(attempts),
      at: String(at),
    },
  };
}
