import type { Queryable } from '../platform/database/database.js';
import type { RoomsContext } from './deps.js';
import { type DueRoom, type LockedRoom, lockFreeRoom } from './store/rooms.js';

interface DueWork<Change> {
  /** In the transaction that holds the room; undefined when nothing is due there any more. */
  change(tx: Queryable, room: LockedRoom): Promise<Change | undefined>;
  /** After the commit. */
  follow(change: Change): Promise<void>;
}

/**
 * Does in each room, in its turn, what time does to it. Several processes may do so at once: who finds a room held by another lets it be.
 * @throws what the first room that failed threw, after all others had their turn
 */
export function forEachDue<Change>(
  { database, queues }: RoomsContext,
  rooms: readonly DueRoom[],
  { change, follow }: DueWork<Change>,
): Promise<void> {
  return forEachRoom(rooms, ({ id, roomId }) =>
    queues.run(roomId, async () => {
      const changed = await database.transaction(async (tx) => {
        const room = await lockFreeRoom(tx, id);
        return room && change(tx, room);
      });
      if (changed) await follow(changed);
    }),
  );
}

/** One room that fails keeps no other waiting. @throws what the first one threw */
export async function forEachRoom<Room>(
  rooms: Iterable<Room>,
  work: (room: Room) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  for (const room of rooms) await work(room).catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}
