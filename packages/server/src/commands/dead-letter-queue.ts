import {
  type Accepted,
  BongsuError,
  type DeadLetter,
  type DeadLetterStats,
  type DeadReason,
  type RequeuedMany,
  ValidationError,
} from '@bongsu/protocol';
import type { Clock, DatabaseClock } from '../platform/clock.js';
import type { Database, Queryable } from '../platform/database/database.js';
import { uuidv7 } from '../platform/ids.js';
import { DEFAULT_TTL_MS } from './accept.js';
import {
  DeadLetterStore,
  type LetterFilter,
  type LetterPosition,
  type LetterRow,
  type RequeueOutcome,
} from './dead-letter-store.js';
import type { CommandContent } from './fingerprint.js';
import { requeueLetters } from './letter-requeue.js';

export interface DeadLetterQueueDeps {
  database: Database;
  /** Where pages are read; absent: there too. */
  reads?: Queryable | undefined;
  clock: Clock;
  databaseClock: DatabaseClock;
  config: { retentionMs: number; maxPendingPerScreen: number };
  /** The present names of senders. */
  usernames(userIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Called after the commit, so that a connected screen hears of its new end at once. */
  onRequeued(entry: { stream: string; seq: number; epoch: string }): void;
  /** They wait no more: requeued, or thrown away. */
  onGone?(screenId: string, letterIds: readonly string[]): void;
}

/** What an extension gives up by itself. */
export interface GivenUp {
  screenId: string;
  /** Its place in the screen's inbox. */
  streamId: number;
  seq: number;
  commandId: string;
  senderId: string;
  /** A message is never delivered, so it never dies. */
  content: Exclude<CommandContent, { type: 'message' }>;
  reason: DeadReason;
  error?: string;
  attempts: number;
  /** The first id of the chain, for a command that was requeued itself. */
  firstId?: string;
}

export interface MessagesQuery {
  /** Everybody's when it is left out. */
  screenIds?: readonly string[] | undefined;
  reason?: DeadReason | undefined;
  /** True: those that were requeued; otherwise those that wait. */
  requeued?: boolean;
  cursor?: string | undefined;
  limit?: number;
}

export interface RequeueFilter {
  screenIds?: readonly string[] | undefined;
  reason?: DeadReason | undefined;
}

const DEFAULT_LIMIT = 50;
const LETTERS_A_STATEMENT = 50;
const MOST_A_CALL = 1000;
/** Counting all takes the longer the more there are. */
const MOST_COUNTED = 10_000;
const BUSY_RETRY_MS = 1000;

/**
 * What was given up: to read, to throw away, and to send again. The table is the truth; entries that die in delivery are written in
 * the transaction that moves their inbox on.
 * @example const { items } = await letters.getMessages({ screenIds: ['scr_bar'] }); await letters.requeue(items[0].id)
 */
export class DeadLetterQueue {
  readonly #deps: DeadLetterQueueDeps;
  readonly #store: DeadLetterStore;

  constructor(deps: DeadLetterQueueDeps) {
    this.#deps = deps;
    this.#store = new DeadLetterStore(deps.database, deps.reads);
  }

  /**
   * Adds an entry that ended outside of delivery; once, however often it is called for one place of an inbox.
   * @param tx the transaction in which the entry ends
   * @returns false when it is there already
   */
  push(tx: Queryable, entry: GivenUp): Promise<boolean> {
    const { type, ...fields } = entry.content;
    return this.#store.insert(tx, {
      id: uuidv7(),
      screenId: entry.screenId,
      streamId: entry.streamId,
      seq: entry.seq,
      commandId: entry.commandId,
      senderId: entry.senderId,
      type,
      payload: JSON.stringify(fields),
      reason: entry.reason,
      error: entry.error ?? null,
      attempts: entry.attempts,
      at: Math.floor(this.#deps.databaseClock()),
      firstId: entry.firstId ?? entry.commandId,
    });
  }

  /** The newest first. @throws ValidationError for a cursor that is none */
  async getMessages(query: MessagesQuery = {}): Promise<{ items: DeadLetter[]; nextCursor: string | null }> {
    const limit = query.limit ?? DEFAULT_LIMIT;
    const rows = await this.#store.list(filterOf(query), {
      requeued: query.requeued ?? false,
      after: query.cursor === undefined ? undefined : decodeCursor(query.cursor),
      // One more than asked tells whether there is a next page.
      limit: limit + 1,
    });
    const page = rows.slice(0, limit);
    const last = rows.length > limit ? page.at(-1) : undefined;
    return {
      items: await this.#toLetters(page),
      nextCursor: last ? Buffer.from(`${last.at}:${last.id}`).toString('base64url') : null,
    };
  }

  /** @throws NOT_FOUND */
  async getMessage(id: string): Promise<DeadLetter> {
    const row = await this.#store.find(id);
    const [letter] = row ? await this.#toLetters([row]) : [];
    if (!letter) throw new BongsuError('NOT_FOUND');
    return letter;
  }

  /** Where a letter belongs, for whoever checks rights; undefined when there is none. */
  async screenOf(id: string): Promise<string | undefined> {
    return (await this.#store.find(id))?.screenId;
  }

  /** Of the letters that wait. */
  async getStats(screenIds?: readonly string[]): Promise<DeadLetterStats> {
    const stats = { total: 0, byReason: {}, byScreen: {}, oldestAt: null } as DeadLetterStats;
    for (const { screenId, reason, count, oldestAt } of await this.#store.count(screenIds)) {
      stats.total += count;
      stats.byReason[reason] = (stats.byReason[reason] ?? 0) + count;
      stats.byScreen[screenId] = (stats.byScreen[screenId] ?? 0) + count;
      stats.oldestAt = Math.min(stats.oldestAt ?? oldestAt, oldestAt);
    }
    return stats;
  }

  /** False when there is no such letter. */
  async remove(id: string): Promise<boolean> {
    const screenId = await this.#store.remove(id);
    if (screenId !== undefined) this.#deps.onGone?.(screenId, [id]);
    return screenId !== undefined;
  }

  /**
   * A new command with the letter's sender and content takes its place, for its one screen and with the default ttl. Twice asked,
   * once done.
   * @throws NOT_FOUND; CONFLICT when it was requeued before; SCREEN_NOT_FOUND; BUSY; UNAVAILABLE; INDETERMINATE
   */
  async requeue(id: string): Promise<Accepted> {
    const letter = await this.#store.find(id);
    if (!letter) throw new BongsuError('NOT_FOUND');
    const [outcome] = await this.#requeue([letter]);
    if (!outcome) throw new Error('requeue_dead_letters answered nothing');
    return acceptedOf(outcome);
  }

  /**
   * The oldest first, at most 1,000 a call. What is left may be asked for again; `full` are the screens that would not take theirs.
   */
  async requeueMany(query: RequeueFilter): Promise<RequeuedMany & { full: string[] }> {
    const filter = filterOf(query);
    const full = new Set<string>();
    let requeued = 0;
    for (let tried = 0; tried < MOST_A_CALL; ) {
      const limit = Math.min(LETTERS_A_STATEMENT, MOST_A_CALL - tried);
      const letters = await this.#store.nextToRequeue(filter, [...full], limit);
      const outcomes = letters.length > 0 ? await this.#requeue(letters) : [];
      outcomes.forEach(({ outcome }, index) => {
        if (outcome === 'requeued') requeued += 1;
        const letter = letters[index];
        if (outcome === 'full' && letter) full.add(letter.screenId);
      });
      tried += letters.length;
      if (letters.length < limit) break;
    }
    return { requeued, left: await this.#store.countRequeueable(filter, MOST_COUNTED), full: [...full] };
  }

  async #toLetters(rows: readonly LetterRow[]): Promise<DeadLetter[]> {
    const names = await this.#deps.usernames([...new Set(rows.map(({ senderId }) => senderId))]);
    return rows.map((row) => toLetter(row, names));
  }

  async #requeue(letters: readonly LetterRow[]): Promise<RequeueOutcome[]> {
    const { clock, databaseClock, config, onRequeued } = this.#deps;
    const outcomes = await requeueLetters(
      {
        store: this.#store,
        clock,
        now: databaseClock,
        ttlMs: Math.min(DEFAULT_TTL_MS, config.retentionMs),
        maxPending: config.maxPendingPerScreen,
      },
      letters,
    );
    outcomes.forEach(({ outcome }, index) => {
      const letter = letters[index];
      if (outcome === 'requeued' && letter) this.#deps.onGone?.(letter.screenId, [letter.id]);
    });
    const ends = new Map<string, { stream: string; seq: number; epoch: string }>();
    for (const outcome of outcomes) if (outcome.outcome === 'requeued') ends.set(outcome.stream, outcome);
    for (const { stream, seq, epoch } of ends.values()) onRequeued({ stream, seq, epoch });
    return outcomes;
  }
}

function filterOf({ screenIds, reason }: RequeueFilter): LetterFilter {
  return { screenIds, reason };
}

function decodeCursor(cursor: string): LetterPosition {
  const [, at, id] = /^(\d{1,15}):([0-9a-f-]{36})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (at === undefined || id === undefined) {
    throw new ValidationError([{ path: 'cursor', message: 'must be the nextCursor of an earlier page' }]);
  }
  return { at: Number(at), id };
}

function toLetter({ senderId, ...row }: LetterRow, names: ReadonlyMap<string, string>): DeadLetter {
  return {
    ...row,
    payload: JSON.parse(row.payload) as DeadLetter['payload'],
    from: { userId: senderId, username: names.get(senderId) ?? '' },
  };
}

function acceptedOf(outcome: RequeueOutcome): Accepted {
  switch (outcome.outcome) {
    case 'requeued': {
      const { commandId: id, stream, seq, epoch, acceptedAt } = outcome;
      return { id, status: 'accepted', stream, seq, epoch, acceptedAt, duplicate: false };
    }
    case 'used':
      throw new BongsuError('CONFLICT', { details: { requeuedAs: outcome.commandId } });
    case 'deleted':
      throw new BongsuError('SCREEN_NOT_FOUND');
    case 'full':
      throw new BongsuError('BUSY', { retryAfterMs: BUSY_RETRY_MS });
    case 'unknown':
      throw new BongsuError('NOT_FOUND');
  }
}
