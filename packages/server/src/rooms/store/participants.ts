import type { LeaveReason, SignalingMode } from '@bongsu/protocol';
import type { Queryable } from '../../platform/database/database.js';
import type { RoomRow } from '../deps.js';

/** A participant that has not left. */
export interface SeatRow {
  participantId: string;
  userId: string;
  number: number;
  state: 'waiting' | 'joined' | 'reconnecting';
  /** Who holds it; while reconnecting, who held it last. */
  incarnation: string;
  socketId: string;
  instanceId: string | null;
  signaling: SignalingMode | null;
  joinedAt: number;
  /** While reconnecting: since when it has been gone. */
  goneAt: number | null;
}

/** Whose socket has been gone since `goneAt`. */
export type LostSeat = SeatRow & { goneAt: number };

/** The socket that takes a seat. */
export interface Holder {
  incarnation: string;
  socketId: string;
  instanceId: string | null;
  signaling: SignalingMode | null;
}

/** Why a participant's row ended. */
export type EndReason = Exclude<LeaveReason, 'replaced'>;

const COLUMNS = `p.id as "participantId", p.user_id as "userId", p.number, p.state, p.incarnation,
  p.socket_id as "socketId", p.instance_id as "instanceId", p.signaling, p.joined_at as "joinedAt", p.gone_at as "goneAt"`;
const SELECT_OPEN = `select ${COLUMNS} from room_participants p where p.left_at is null`;

export function listSeats(db: Queryable, room: number): Promise<SeatRow[]> {
  return db.query<SeatRow>(`${SELECT_OPEN} and p.room = $1 order by p.number`, [room]);
}

/** A page of them. */
export function listSeatsAfter(
  db: Queryable,
  query: { room: number; after: number | undefined; limit: number; withWaiting: boolean },
): Promise<SeatRow[]> {
  return db.query<SeatRow>(
    `${SELECT_OPEN} and p.room = $1 and ($2::bigint is null or p.number > $2) and ($4 or p.state <> 'waiting')
     order by p.number limit $3`,
    [query.room, query.after ?? null, query.limit, query.withWaiting],
  );
}

export function listSeatsOf(db: Queryable, room: number, userId: string): Promise<SeatRow[]> {
  return db.query<SeatRow>(`${SELECT_OPEN} and p.room = $1 and p.user_id = $2 order by p.number`, [
    room,
    userId,
  ]);
}

/** What this very socket holds, or held last. */
export async function findSeatOfSocket(
  db: Queryable,
  room: number,
  holder: Pick<Holder, 'incarnation' | 'socketId'>,
): Promise<SeatRow | undefined> {
  const [row] = await db.query<SeatRow>(
    `${SELECT_OPEN} and p.room = $1 and p.incarnation = $2 and p.socket_id = $3`,
    [room, holder.incarnation, holder.socketId],
  );
  return row;
}

/** What these sockets hold, or held last. */
export function listSeatsOfSockets(
  tx: Queryable,
  room: number,
  incarnation: string,
  socketIds: readonly string[],
): Promise<SeatRow[]> {
  return tx.query<SeatRow>(
    `${SELECT_OPEN} and p.room = $1 and p.incarnation = $2 and p.socket_id = any($3::text[]) order by p.number`,
    [room, incarnation, socketIds],
  );
}

/** What these people, each in that room, have in those of the rooms that are open. */
export function listSeatsIn(
  db: Queryable,
  people: readonly { roomId: string; userId: string }[],
): Promise<(SeatRow & { roomId: string })[]> {
  return db.query(
    `select r.room_id as "roomId", s.*
     from unnest($1::text[], $2::uuid[]) as u(room_id, user_id)
       join rooms r on r.room_id = u.room_id and r.status = 'open'
       cross join lateral (${SELECT_OPEN} and p.room = r.id and p.user_id = u.user_id offset 0) s
     order by s.number`,
    [people.map(({ roomId }) => roomId), people.map(({ userId }) => userId)],
    { name: 'rooms-seats-of' },
  );
}

export async function findSeat(
  db: Queryable,
  room: number,
  participantId: string,
): Promise<SeatRow | undefined> {
  const [row] = await db.query<SeatRow>(`${SELECT_OPEN} and p.room = $1 and p.id = $2`, [
    room,
    participantId,
  ]);
  return row;
}

export async function isMember(db: Queryable, room: number, userId: string): Promise<boolean> {
  const rows = await db.query(
    `${SELECT_OPEN} and p.room = $1 and p.user_id = $2 and p.state in ('joined', 'reconnecting') limit 1`,
    [room, userId],
  );
  return rows.length > 0;
}

/** Exact while the room's row is held. */
export async function countSeats(tx: Queryable, room: number): Promise<number> {
  const [row] = await tx.query<{ taken: number }>(
    `select count(*) as taken from room_participants
     where room = $1 and state in ('joined', 'reconnecting') and left_at is null`,
    [room],
  );
  return row?.taken ?? 0;
}

/** Who waits in the lobby, and how many of them are that user's. Exact while the room's row is held. */
export async function countWaiting(
  tx: Queryable,
  room: number,
  userId: string,
): Promise<{ all: number; own: number }> {
  const [row] = await tx.query<{ all: number; own: number }>(
    `select count(*) as "all", count(*) filter (where user_id = $2) as own from room_participants
     where room = $1 and state = 'waiting' and left_at is null`,
    [room, userId],
  );
  return row ?? { all: 0, own: 0 };
}

export async function insertSeat(tx: Queryable, room: number, seat: SeatRow): Promise<void> {
  await tx.query(
    `insert into room_participants
       (id, room, user_id, number, state, incarnation, socket_id, instance_id, signaling, joined_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
    [
      ...[seat.participantId, room, seat.userId, seat.number, seat.state],
      ...[seat.incarnation, seat.socketId, seat.instanceId, seat.signaling, seat.joinedAt],
    ],
  );
}

/** A seat as a socket holds it. Who waits goes on waiting. */
export function heldBy(seat: SeatRow, holder: Holder): SeatRow {
  return { ...seat, ...holder, state: seat.state === 'waiting' ? 'waiting' : 'joined', goneAt: null };
}

/** Writes who holds seats now. */
export async function takeSeats(tx: Queryable, seats: readonly SeatRow[]): Promise<void> {
  if (seats.length === 0) return;
  await tx.query(
    `update room_participants p set state = u.state, incarnation = u.incarnation, socket_id = u.socket_id,
       instance_id = u.instance_id, signaling = u.signaling, gone_at = null, grace_until = null
     from unnest($1::uuid[], $2::text[], $3::uuid[], $4::text[], $5::uuid[], $6::text[])
       as u(id, state, incarnation, socket_id, instance_id, signaling)
     where p.id = u.id`,
    [
      ...[seats.map((seat) => seat.participantId), seats.map((seat) => seat.state)],
      ...[seats.map((seat) => seat.incarnation), seats.map((seat) => seat.socketId)],
      ...[seats.map((seat) => seat.instanceId), seats.map((seat) => seat.signaling)],
    ],
    { name: 'rooms-take-seats' },
  );
}

/** In which words somebody signals. */
export async function writeSignaling(
  tx: Queryable,
  seat: SeatRow,
  signaling: SignalingMode,
): Promise<SeatRow> {
  await tx.query('update room_participants set signaling = $2 where id = $1', [
    seat.participantId,
    signaling,
  ]);
  return { ...seat, signaling };
}

/** From the lobby to a seat. */
export async function admitSeat(
  tx: Queryable,
  seat: SeatRow,
  at: { number: number; joinedAt: number },
): Promise<SeatRow> {
  await tx.query("update room_participants set state = 'joined', number = $2, joined_at = $3 where id = $1", [
    seat.participantId,
    at.number,
    at.joinedAt,
  ]);
  return { ...seat, ...at, state: 'joined' };
}

/** Keeps seats for their owners. */
export async function keepSeats(
  tx: Queryable,
  seats: readonly LostSeat[],
  graceUntil: number,
): Promise<SeatRow[]> {
  if (seats.length === 0) return [];
  const kept = seats.map((seat) => ({
    ...seat,
    state: 'reconnecting' as const,
    goneAt: Math.max(seat.goneAt, seat.joinedAt),
  }));
  await tx.query(
    `update room_participants p set state = 'reconnecting', gone_at = u.gone_at, grace_until = $3
     from unnest($1::uuid[], $2::bigint[]) as u(id, gone_at) where p.id = u.id`,
    [kept.map((seat) => seat.participantId), kept.map((seat) => seat.goneAt), graceUntil],
  );
  return kept;
}

/** Ends participants: they were there until they were last seen, never before they came. */
export async function endSeats(
  tx: Queryable,
  seats: readonly SeatRow[],
  ending: { at: number; reason: EndReason },
): Promise<void> {
  if (seats.length === 0) return;
  await tx.query(
    `update room_participants p set state = 'left', grace_until = null, reason = $3,
       left_at = greatest(p.joined_at, coalesce(p.gone_at, $2)),
       duration_seconds = (greatest(p.joined_at, coalesce(p.gone_at, $2)) - p.joined_at) / 1000
     where p.id = any($1::uuid[]) and p.left_at is null`,
    [seats.map((seat) => seat.participantId), ending.at, ending.reason],
  );
}

export function listOverdueSeats(tx: Queryable, room: number, now: number): Promise<SeatRow[]> {
  return tx.query<SeatRow>(`${SELECT_OPEN} and p.room = $1 and p.grace_until <= $2 order by p.grace_until`, [
    room,
    now,
  ]);
}

/** Rooms in which a grace is over. */
export function listRoomsWithOverdueSeats(
  db: Queryable,
  now: number,
): Promise<{ id: number; roomId: string }[]> {
  return db.query(
    `select distinct r.id, r.room_id as "roomId" from room_participants p join rooms r on r.id = p.room
     where p.grace_until <= $1 order by r.id`,
    [now],
  );
}

/** When the next grace ends. */
export async function findNextGrace(db: Queryable): Promise<number | undefined> {
  const [row] = await db.query<{ next: number | null }>(
    'select min(grace_until) as next from room_participants where grace_until is not null',
  );
  return row?.next ?? undefined;
}

/** Why a participant is gone; undefined while it is not. */
export async function findEndReason(db: Queryable, participantId: string): Promise<EndReason | undefined> {
  const [row] = await db.query<{ reason: EndReason | null }>(
    'select reason from room_participants where id = $1',
    [participantId],
  );
  return row?.reason ?? undefined;
}

export interface ReadRoom {
  room: RoomRow;
  seats: SeatRow[];
}

/** An open room with all who have not left, at one moment. */
export async function readRoom(db: Queryable, roomId: string): Promise<ReadRoom | undefined> {
  return (await readRooms(db, [roomId])).get(roomId);
}

/** Those of the rooms that are open, by id, with all who have not left, at one moment. */
export async function readRooms(db: Queryable, roomIds: readonly string[]): Promise<Map<string, ReadRoom>> {
  const rows = await db.query<RoomRow & { seats: SeatRow[] }>(
    `select r.id, r.room_id as "roomId", r.stream_id as "streamId", r.generation, r.name, r.owner_id as "ownerId",
       r.max_users as "maxUsers", r.locked, r.lobby, r.persistent, r.commanders, r.version, r.created_at as "createdAt",
       coalesce((select jsonb_agg(to_jsonb(s) order by s.number) from (${SELECT_OPEN} and p.room = r.id) s), '[]') as seats
     from rooms r where r.room_id = any($1::text[]) and r.status = 'open'`,
    [roomIds],
    { name: 'rooms-read' },
  );
  return new Map(rows.map(({ seats, ...room }) => [room.roomId, { room, seats }]));
}
