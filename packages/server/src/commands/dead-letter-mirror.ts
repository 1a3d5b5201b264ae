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
/** For so long one node's comparing does for all. */
const TURN_MS = 50_000;
const LETTERS_A_ROUND = 500;

/**
 * The dead letters that wait, as streams of Redis: `<REDIS_PREFIX>:dlq:{screenId}`. The table is the truth: whatever becomes of Redis, the
 * streams hold the same as the table soon after it is there again. Several nodes may do it at once, but need not.
 */
export class DeadLetterMirror {
  readonly #looking = new FreshRun(() => this.#look());
  readonly #comparing = new FreshRun(() => this.#compare());
  readonly #ends: (() => void)[] = [];
  /** What was begun last: what is under way ends before it. */
  #lastLook: Promise<void> = Promise.resolve();
  #lastTurn: Promise<void> = Promise.resolve();
  #isAway = false;

  constructor(private readonly deps: DeadLetterMirrorDeps) {}

  start(): void {
    const { clock, mirror } = this.deps;
    this.#ends.push(
      clock.every(LOOK_MS, () => this.wake()),
      clock.every(COMPARE_MS, () => {
        this.#lastTurn = this.#compareInTurn();
      }),
      mirror.onChange(() => this.wake()),
    );
    this.wake();
  }

  async stop(): Promise<void> {
    for (const end of this.#ends.splice(0)) end();
    await Promise.all([this.#lastLook, this.#lastTurn]);
  }

  /** There may be a new one. Cheap, and may be called at any time. */
  wake(): void {
    if (this.#ends.length > 0) this.#lastLook = this.#quietly(this.#looking.run());
  }

  /** It waits no more. */
  gone(screenId: string, ids: readonly string[]): void {
    void this.#quietly(this.deps.mirror.remove(screenId, ids));
  }

  /** Makes the streams the same as the table, whatever either has missed. Never rejects. */
  compare(): Promise<void> {
    return this.#quietly(this.#comparing.run());
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

  async #compareInTurn(): Promise<void> {
    const isOurs = await this.deps.mirror.takeTurn(TURN_MS).catch(() => false);
    if (isOurs) await this.compare();
  }

  async #compare(): Promise<void> {
    const { mirror, store } = this.deps;
    const inTable = await store.mirrored();
    const screens = new Set([...inTable.keys(), ...(await mirror.groups())]);
    const short: string[] = [];
    for (const screenId of screens) {
      await this.#removeGone(screenId);
      if ((await mirror.size(screenId)) < (inTable.get(screenId) ?? 0)) short.push(screenId);
    }
    if (short.length === 0) return;
    while ((await store.forget(LETTERS_A_ROUND, short)) === LETTERS_A_ROUND);
    await this.#looking.run();
  }

  async #removeGone(screenId: string): Promise<void> {
    const { mirror, store } = this.deps;
    for await (const ids of mirror.ids(screenId, LETTERS_A_ROUND)) {
      const waiting = await store.stillWaiting(ids);
      await mirror.remove(
        screenId,
        ids.filter((id) => !waiting.has(id)),
      );
    }
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
