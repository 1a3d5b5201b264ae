import type { Room } from '@bongsu/protocol';
import type { Queryable } from '../../platform/database/database.js';

/** As it is answered, and its key. */
export type RoomView = Room & { id: number };

const SELECT_VIEWS = `
  select r.id, r.room_id as "roomId", r.owner_id as "ownerId", r.status, r.name, r.max_users as "maxUsers", r.lobby,
    r.persistent, r.commanders, r.locked, r.created_at as "createdAt", r.ended_at as "endedAt",
    (select count(*) from room_participants p
      where p.room = r.id and p.state in ('joined', 'reconnecting') and p.left_at is null) as participants,
    (select count(*) from room_participants p
      where p.room = r.id and p.state = 'waiting' and p.left_at is null) as waiting,
    case when r.status = 'closed' then '{}' else coalesce((select array_agg(s.name order by m.added_at, s.name)
      from room_screens m join streams s on s.id = m.screen_stream_id where m.room_stream_id = r.stream_id), '{}')
      end as screens
  from rooms r`;

export async function findView(db: Queryable, id: number): Promise<RoomView | undefined> {
  const [row] = await db.query<RoomView>(`${SELECT_VIEWS} where r.id = $1`, [id]);
  return row;
}

/** The last room of that id. */
export async function findLastView(db: Queryable, roomId: string): Promise<RoomView | undefined> {
  const [row] = await db.query<RoomView>(`${SELECT_VIEWS} where r.room_id = $1 order by r.id desc limit 1`, [
    roomId,
  ]);
  return row;
}

/** Open rooms that a user owns or is in, or everybody's when `userId` is null; the newest first. */
export function listViews(
  db: Queryable,
  query: { userId: string | null; before: number | undefined; limit: number },
): Promise<RoomView[]> {
  return db.query<RoomView>(
    `${SELECT_VIEWS}
     where r.status = 'open' and ($2::bigint is null or r.id < $2)
       and ($1::uuid is null or r.id in (
         select o.id from rooms o where o.owner_id = $1 and o.status = 'open'
         union all
         select p.room from room_participants p
         where p.user_id = $1 and p.state in ('joined', 'reconnecting') and p.left_at is null))
     order by r.id desc limit $3`,
    [query.userId, query.before ?? null, query.limit],
  );
}
