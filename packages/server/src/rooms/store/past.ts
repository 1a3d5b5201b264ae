import type { Queryable } from '../../platform/database/database.js';

const OPTIONS = { timeoutMs: 10_000 };

/** Of participants who left then or before, in rooms that are open or closed. */
export async function pruneParticipants(db: Queryable, rows: number, until: number): Promise<number> {
  const gone = await db.query(
    `delete from room_participants where id in (
       select id from room_participants where left_at <= $1 order by left_at limit $2 for update skip locked
     ) returning 1`,
    [until, rows],
    OPTIONS,
  );
  return gone.length;
}

/** Of rooms that were closed then or before, and of which nobody is known any more. */
export async function pruneRooms(db: Queryable, rows: number, until: number): Promise<number> {
  const gone = await db.query(
    `delete from rooms where id in (
       select r.id from rooms r where r.ended_at <= $1
         and not exists (select from room_participants p where p.room = r.id)
       order by r.ended_at limit $2 for update skip locked
     ) returning 1`,
    [until, rows],
    OPTIONS,
  );
  return gone.length;
}
