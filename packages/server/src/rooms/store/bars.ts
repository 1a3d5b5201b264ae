import type { Queryable } from '../../platform/database/database.js';

/** Who was kicked stays out until somebody admits them, or the room ends. */
export interface Bar {
  room: number;
  userId: string;
  participantId: string;
  byUser: string;
  at: number;
}

export async function insertBar(tx: Queryable, bar: Bar): Promise<void> {
  await tx.query(
    `insert into room_bars (room, user_id, participant_id, by_user, at) values ($1, $2, $3, $4, $5)
     on conflict (room, user_id) do update
     set participant_id = excluded.participant_id, by_user = excluded.by_user, at = excluded.at`,
    [bar.room, bar.userId, bar.participantId, bar.byUser, bar.at],
  );
}

export async function isBarred(tx: Queryable, room: number, userId: string): Promise<boolean> {
  const rows = await tx.query('select 1 from room_bars where room = $1 and user_id = $2', [room, userId]);
  return rows.length > 0;
}

/** A page, those who were kicked first at the front. */
export function listBarsAfter(
  db: Queryable,
  query: { room: number; after: number | undefined; limit: number },
): Promise<{ id: number; userId: string; participantId: string; at: number }[]> {
  return db.query(
    `select id, user_id as "userId", participant_id as "participantId", at from room_bars
     where room = $1 and id > $2 order by id limit $3`,
    [query.room, query.after ?? 0, query.limit],
  );
}

/** False when nobody is barred under that id. */
export async function deleteBar(tx: Queryable, room: number, participantId: string): Promise<boolean> {
  const rows = await tx.query(
    'delete from room_bars where room = $1 and participant_id = $2 returning 1 as lifted',
    [room, participantId],
  );
  return rows.length > 0;
}

export async function deleteBars(tx: Queryable, room: number): Promise<void> {
  await tx.query('delete from room_bars where room = $1', [room]);
}
