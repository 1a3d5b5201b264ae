import type { Queryable } from '../platform/database/database.js';
import type { RoomsContext } from './deps.js';
import { type DueRoom, type LockedRoom, lockFreeRoom } from './store/rooms.js';

interface DueWork<Change> {
  /** In the transaction that holds the room; undefined when nothing is due there any more. */
  change(tx: Queryable, room: LockedRoom): Promise<Change | undefined>;
  /** After the commit. */
  follow(change: Change): Promise<void>;
}

const ROOMS_AT_ONCE = 4;

/**
 * Does in each room, in its turn, what time does to it. Several processes may do so at once: who finds a room held by another lets it be.
 * @throws as `forEachRoom`
 */
export function forEachDue<Change>(
  context: RoomsContext,
  what: string,
  rooms: readonly DueRoom[],
  { change, follow }: DueWork<Change>,
): Promise<void> {
  return forEachRoom(context, what, rooms, async ({ id }) => {
    const changed = await context.database.transaction(async (tx) => {
      const room = await lockFreeRoom(tx, id);
      return room && change(tx, room);
    });
    if (changed) await follow(changed);
  });
}

/**
 * Works in the turn of each room. One that fails keeps no other waiting, nor does one that is busy: its turn comes when it does, and until
 * then it is not asked for `what` again.
 * @throws what the first one that failed threw, after all that were not busy had their turn
 */
export async function forEachRoom<Room extends { roomId: string }>(
  { late, log, queues }: Pick<RoomsContext, 'late' | 'log' | 'queues'>,
  what: string,
  rooms: readonly Room[],
  work: (room: Room) => Promise<void>,
): Promise<void> {
  const failures: unknown[] = [];
  const left = rooms.values();
  const workThrough = async () => {
    for (const room of left) {
      const { roomId } = room;
      const key = `${what} ${roomId}`;
      if (late.has(key)) continue;
      const isBusy = queues.isBusy(roomId);
      const turn = queues.run(roomId, () => work(room));
      if (!isBusy) await turn.catch((error: unknown) => failures.push(error));
      else {
        late.add(key);
        turn
          .catch((error: unknown) => log.warn({ err: error, roomId }, 'a room could not be looked after yet'))
          .finally(() => late.delete(key));
      }
    }
  };
  await Promise.all(Array.from({ length: ROOMS_AT_ONCE }, workThrough));
  if (failures.length > 0) throw failures[0];
}
