import type { ScreensDeps } from './deps.js';
import { listRights } from './store/screens.js';

export interface Change {
  online: boolean;
  /** Milliseconds, database clock. */
  at: number;
}

/** Tells those who watch each of these screens. @throws DatabaseError */
export async function tellWatchers(
  { database, push }: { database: ScreensDeps['database']; push: Pick<ScreensDeps['push'], 'toUser'> },
  changes: ReadonlyMap<string, Change>,
): Promise<void> {
  if (changes.size === 0) return;
  for (const { screenId, ownerId, controllers } of await listRights(database, [...changes.keys()])) {
    const change = changes.get(screenId);
    if (!change) continue;
    for (const userId of [ownerId, ...controllers])
      push.toUser(userId, 'screen-status', { screenId, ...change });
  }
}
