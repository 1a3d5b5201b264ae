import type { Queryable } from '../platform/database/database.js';

/** A room that commands a screen, and by whose consent. */
export interface ScreenRoom {
  /** Of the room's stream: pages go by it. */
  key: number;
  roomId: string;
  addedBy: string;
  addedAt: number;
}

/** Which screens, by their streams, that a user put into rooms. */
export type PutByUser =
  | { addedBy: string; only: readonly number[] }
  | { addedBy: string; except: readonly number[] };

/** Takes them out, in the caller's transaction. What was accepted before stays in their inboxes. @returns of how many */
export async function takeFromRooms(tx: Queryable, put: PutByUser): Promise<number> {
  const isOnly = 'only' in put;
  const chosen = [put.addedBy, isOnly ? put.only : put.except, isOnly] as const;
  // Whoever writes a row holds its screen's stream (0007).
  await tx.query(
    `select 1 from streams where id in (
       select screen_stream_id from room_screens where added_by = $1 and (screen_stream_id = any($2::bigint[])) = $3)
     order by id for no key update`,
    [...chosen],
  );
  const rows = await tx.query(
    `delete from room_screens where added_by = $1 and (screen_stream_id = any($2::bigint[])) = $3
     returning 1 as taken`,
    [...chosen],
  );
  return rows.length;
}

/** A page of the rooms that a screen is in. */
export function listRoomsOfScreen(
  db: Queryable,
  streamId: number,
  page: { after: number | undefined; limit: number },
): Promise<ScreenRoom[]> {
  return db.query<ScreenRoom>(
    `select r.id as key, r.name as "roomId", m.added_by as "addedBy", m.added_at as "addedAt"
     from room_screens m join streams r on r.id = m.room_stream_id
     where m.screen_stream_id = $1 and m.room_stream_id > $2 order by m.room_stream_id limit $3`,
    [streamId, page.after ?? 0, page.limit],
  );
}
