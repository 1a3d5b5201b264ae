import type { DeadLetter, DeadReason } from '@bongsu/protocol';
import type { Api } from './api.js';

/** What is known of the letter that is looked for: the command it is of, and where it was given up. */
export interface LetterSought {
  commandId: string;
  /** An id is one of its sender only; undefined when nobody said whose it is. */
  senderId: string | undefined;
  screenId: string;
  reason: DeadReason | undefined;
  /** When the command was accepted: no letter of it is older. */
  since?: number;
}

/** `gone`: there is none any more. `unknown`: there are too many to have read all. */
export type LetterFound = DeadLetter | 'gone' | 'unknown';

const PAGE_SIZE = 100;
const MAX_PAGES = 5;

/** The letter of a command, whether it waits or was requeued. The server lists letters, but not by their command. */
export async function findLetter(
  api: Pick<Api, 'listDeadLetters'>,
  sought: LetterSought,
  signal?: AbortSignal,
): Promise<LetterFound> {
  const waiting = await findAmong(api, sought, false, signal);
  if (typeof waiting === 'object') return waiting;
  const requeued = await findAmong(api, sought, true, signal);
  return requeued === 'gone' ? waiting : requeued;
}

async function findAmong(
  api: Pick<Api, 'listDeadLetters'>,
  { commandId, senderId, screenId, reason, since = 0 }: LetterSought,
  requeued: boolean,
  signal: AbortSignal | undefined,
): Promise<LetterFound> {
  let cursor: string | null = null;
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const asked = { screenId, requeued, limit: PAGE_SIZE, ...(reason ? { reason } : {}) };
    const { items, nextCursor } = await api.listDeadLetters(cursor ? { ...asked, cursor } : asked, signal);
    const letter = items.find(
      (one) => one.commandId === commandId && (senderId === undefined || one.from.userId === senderId),
    );
    if (letter) return letter;
    const oldest = items.at(-1);
    if (!nextCursor || (oldest && oldest.at < since)) return 'gone';
    cursor = nextCursor;
  }
  return 'unknown';
}
