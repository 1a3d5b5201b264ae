import type { Queryable } from '../../platform/database/database.js';
import type { RoomRow } from '../deps.js';
import { ROOM_COLUMNS } from './rooms.js';

export interface Membership {
  room: RoomRow;
  isMember: boolean;
}

/** For each question the open room of that id, and whether that user has a seat there. */
export async function findMemberships(
  db: Queryable,
  asked: readonly { userId: string; roomId: string }[],
): Promise<(Membership | undefined)[]> {
  const rows = await db.query<RoomRow & { n: number; isMember: boolean }>(
    `select u.n, ${ROOM_COLUMNS}, exists (select from room_participants p where p.room = r.id and p.user_id = u.user_id
       and p.state in ('joined', 'reconnecting') and p.left_at is null) as "isMember"
     from unnest($1::text[], $2::uuid[]) with ordinality as u(room_id, user_id, n)
     join rooms r on r.room_id = u.room_id and r.status = 'open'`,
    [asked.map(({ roomId }) => roomId), asked.map(({ userId }) => userId)],
    { name: 'rooms-memberships' },
  );
  const found = new Map(rows.map(({ n, isMember, ...room }) => [n, { room, isMember }]));
  return asked.map((_, index) => found.get(index + 1));
}
