import type { Queryable } from '../../platform/database/database.js';

/** The stream of a screen that is in the room. */
export async function findScreenOfRoom(
  db: Queryable,
  roomStreamId: number,
  screenId: string,
): Promise<number | undefined> {
  const [row] = await db.query<{ id: number }>(
    `select s.id from streams s join room_screens m on m.screen_stream_id = s.id
     where s.kind = 'screen' and s.name = $2 and m.room_stream_id = $1`,
    [roomStreamId, screenId],
  );
  return row?.id;
}
