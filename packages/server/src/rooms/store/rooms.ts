import type { Commanders } from '@bongsu/protocol';
import type { Queryable } from '../../platform/database/database.js';
import type { RoomRow } from '../deps.js';

/** Of `rooms r`: a RoomRow. */
export const ROOM_COLUMNS = `r.id, r.room_id as "roomId", r.stream_id as "streamId", r.generation, r.name,
  r.owner_id as "ownerId", r.max_users as "maxUsers", r.locked, r.lobby, r.persistent, r.commanders, r.version,
  r.created_at as "createdAt"`;

/** A room whose row is held to the end of the transaction. */
export interface LockedRoom extends RoomRow {
  /** So many numbers were given. */
  joins: number;
}

/** Changes of one room come one by one: before any other lock of it. */
export async function lockRoom(tx: Queryable, roomId: string): Promise<LockedRoom | undefined> {
  const [row] = await tx.query<LockedRoom>(
    `select ${ROOM_COLUMNS}, r.joins from rooms r where r.room_id = $1 and r.status = 'open' for update`,
    [roomId],
  );
  return row;
}

/** As `lockRoom`; undefined also while somebody else is at it, who may be doing the same. */
export async function lockFreeRoom(tx: Queryable, id: number): Promise<LockedRoom | undefined> {
  const [row] = await tx.query<LockedRoom>(
    `select ${ROOM_COLUMNS}, r.joins from rooms r where r.id = $1 and r.status = 'open' for update skip locked`,
    [id],
  );
  return row;
}

/** As `lockRoom`, of those that nobody else is at: so two that lock many never wait for each other. */
export function lockFreeRooms(tx: Queryable, roomIds: readonly string[]): Promise<LockedRoom[]> {
  return tx.query<LockedRoom>(
    `select ${ROOM_COLUMNS}, r.joins from rooms r where r.room_id = any($1::text[]) and r.status = 'open'
     for update skip locked`,
    [roomIds],
    { name: 'rooms-lock-free' },
  );
}

export async function findOpenRoom(db: Queryable, roomId: string): Promise<RoomRow | undefined> {
  const [row] = await db.query<RoomRow>(
    `select ${ROOM_COLUMNS} from rooms r where r.room_id = $1 and r.status = 'open'`,
    [roomId],
  );
  return row;
}

/** The last room of that id, open or not. */
export async function findLastOwner(
  db: Queryable,
  roomId: string,
): Promise<{ id: number; ownerId: string } | undefined> {
  const [row] = await db.query<{ id: number; ownerId: string }>(
    'select id, owner_id as "ownerId" from rooms where room_id = $1 order by id desc limit 1',
    [roomId],
  );
  return row;
}

export type NewRoom = Omit<RoomRow, 'id' | 'version' | 'locked'>;

/** Nobody is in it yet. */
export async function insertRoom(tx: Queryable, room: NewRoom): Promise<LockedRoom> {
  const [row] = await tx.query<{ id: number; version: number }>(
    `insert into rooms (room_id, stream_id, generation, name, owner_id, max_users, lobby, persistent, commanders,
       created_at, active_at, empty_since)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $10) returning id, version`,
    [
      ...[room.roomId, room.streamId, room.generation, room.name, room.ownerId],
      ...[room.maxUsers, room.lobby, room.persistent, room.commanders, room.createdAt],
    ],
  );
  if (!row) throw new Error('an insert answers its row');
  return { ...room, ...row, locked: false, joins: 0 };
}

/**
 * Ends every change of a room: raises its version, and notes whether anybody has a seat now.
 * @param joined how many numbers were given
 */
export function raiseVersion(tx: Queryable, room: LockedRoom, now: number, joined = 0): Promise<void> {
  return raiseVersions(tx, [room], now, joined);
}

/** As `raiseVersion`, of each of them. */
export async function raiseVersions(
  tx: Queryable,
  rooms: readonly LockedRoom[],
  now: number,
  joined = 0,
): Promise<void> {
  const rows = await tx.query<{ id: number; version: number; joins: number }>(
    `update rooms r set version = r.version + 1, joins = r.joins + $3, active_at = greatest(r.active_at, $2),
       empty_since = case
         when exists (select from room_participants p
           where p.room = r.id and p.state in ('joined', 'reconnecting') and p.left_at is null)
         then null else coalesce(r.empty_since, $2) end
     where r.id = any($1::bigint[]) returning r.id, r.version, r.joins`,
    [rooms.map(({ id }) => id), now, joined],
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  for (const room of rooms) Object.assign(room, byId.get(room.id));
}

export async function updateLocked(tx: Queryable, id: number, locked: boolean): Promise<void> {
  await tx.query('update rooms set locked = $2 where id = $1', [id, locked]);
}

export interface RoomSettings {
  name: string;
  maxUsers: number;
  lobby: boolean;
  persistent: boolean;
  commanders: Commanders;
}

/** A room that stops being persistent has been empty since now, not for as long as nobody was in it. */
export async function updateSettings(
  tx: Queryable,
  id: number,
  settings: RoomSettings,
  now: number,
): Promise<void> {
  await tx.query(
    `update rooms set name = $2, max_users = $3, lobby = $4, persistent = $5, commanders = $6,
       empty_since = case when empty_since is not null and persistent and not $5 then $7::bigint else empty_since end
     where id = $1`,
    [id, settings.name, settings.maxUsers, settings.lobby, settings.persistent, settings.commanders, now],
  );
}

export async function closeRow(tx: Queryable, id: number, now: number): Promise<void> {
  await tx.query("update rooms set status = 'closed', ended_at = $2, empty_since = null where id = $1", [
    id,
    now,
  ]);
}

/** Something happens in these rooms. */
export async function touchRooms(db: Queryable, ids: readonly number[], now: number): Promise<void> {
  await db.query('update rooms set active_at = greatest(active_at, $2) where id = any($1::bigint[])', [
    ids,
    now,
  ]);
}

/** Of those that are open. */
export async function readVersions(db: Queryable, ids: readonly number[]): Promise<Map<number, number>> {
  const rows = await db.query<{ id: number; version: number }>(
    "select id, version from rooms where id = any($1::bigint[]) and status = 'open'",
    [ids],
  );
  return new Map(rows.map(({ id, version }) => [id, version]));
}

export interface DueRoom {
  id: number;
  roomId: string;
}

/** Rooms that nobody has been in, or that nothing has happened in, since those moments. */
export function listOverdueRooms(
  db: Queryable,
  since: { empty: number; active: number },
): Promise<DueRoom[]> {
  return db.query<DueRoom>(
    `select id, room_id as "roomId" from rooms where status = 'open' and not persistent and empty_since <= $1
     union
     select id, room_id as "roomId" from rooms where status = 'open' and not persistent and active_at <= $2
     order by id`,
    [since.empty, since.active],
  );
}

/** Why a room that is held may be closed now; undefined when that has changed. */
export async function findOverdue(
  tx: Queryable,
  id: number,
  since: { empty: number; active: number },
): Promise<'empty' | 'idle' | undefined> {
  const [row] = await tx.query<{ reason: 'empty' | 'idle' }>(
    `select case when empty_since <= $2 then 'empty' else 'idle' end as reason from rooms
     where id = $1 and status = 'open' and not persistent and (empty_since <= $2 or active_at <= $3)`,
    [id, since.empty, since.active],
  );
  return row?.reason;
}

/** Nobody could come back while no server ran. */
export async function renewEmptyRooms(db: Queryable, now: number): Promise<void> {
  await db.query("update rooms set empty_since = $1 where status = 'open' and empty_since < $1", [now]);
}
