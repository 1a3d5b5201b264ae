import type { Screen } from '@bongsu/protocol';
import type { Queryable } from '../../platform/database/database.js';

export interface ScreenRow {
  id: string;
  name: string;
  ownerId: string;
  streamId: number;
  createdAt: number;
  lastConnectedAt: number | null;
  /** User ids, the earliest first. */
  controllers: string[];
  /** Entries of the inbox that are not terminal. */
  pending: number;
  desired: Screen['desired'];
  reported: Screen['reported'];
}

// acked_seq: everything up to it is terminal; what ended out of turn beyond it has a row in deliveries.
const SELECT_SCREENS = `
  select s.id, s.name, s.owner_id as "ownerId", s.stream_id as "streamId", s.created_at as "createdAt",
    s.last_connected_at as "lastConnectedAt",
    coalesce((select array_agg(c.user_id::text order by c.granted_at, c.user_id)
      from screen_controllers c where c.screen_id = s.id), '{}') as controllers,
    coalesce((select t.last_seq - h.acked_seq -
        (select count(*) from deliveries d where d.stream_id = h.stream_id and d.seq > h.acked_seq)
      from streams t join screen_sessions h on h.stream_id = t.id where t.id = s.stream_id), 0) as pending,
    coalesce((select jsonb_object_agg(d.display_index,
        jsonb_build_object('url', d.desired_url, 'at', d.desired_at, 'commandId', d.desired_id))
      from screen_displays d where d.stream_id = s.stream_id and d.desired_url is not null), '{}') as desired,
    coalesce((select jsonb_object_agg(d.display_index, jsonb_build_object('url', d.reported_url, 'at', d.reported_at))
      from screen_displays d where d.stream_id = s.stream_id and d.reported_url is not null), '{}') as reported
  from screens s`;

export async function findScreen(db: Queryable, id: string): Promise<ScreenRow | undefined> {
  const [row] = await db.query<ScreenRow>(`${SELECT_SCREENS} where s.id = $1`, [id]);
  return row;
}

/** Held to the end of the transaction, before any other lock of the screen: changes of one screen come one by one. */
export async function lockScreen(tx: Queryable, id: string): Promise<boolean> {
  const rows = await tx.query('select 1 from screens where id = $1 for update', [id]);
  return rows.length > 0;
}

/** Where a page ended: the newest screens come first. */
export interface ScreenPosition {
  createdAt: number;
  id: string;
}

/** Screens of a user, own and controlled, or of everybody when `userId` is null. */
export function listScreens(
  db: Queryable,
  query: { userId: string | null; after: ScreenPosition | undefined; limit: number },
): Promise<ScreenRow[]> {
  return db.query<ScreenRow>(
    `${SELECT_SCREENS}
     where ($1::uuid is null or s.id in (
         select o.id from screens o where o.owner_id = $1
         union all select c.screen_id from screen_controllers c where c.user_id = $1))
       and ($2::bigint is null or (s.created_at, s.id) < ($2, $3::text))
     order by s.created_at desc, s.id desc
     limit $4`,
    [query.userId, query.after?.createdAt ?? null, query.after?.id ?? null, query.limit],
  );
}

export async function listOwned(db: Queryable, userId: string): Promise<string[]> {
  const rows = await db.query<{ id: string }>('select id from screens where owner_id = $1', [userId]);
  return rows.map(({ id }) => id);
}

export async function listNames(db: Queryable, ids: string[]): Promise<Map<string, string>> {
  const rows = await db.query<{ id: string; name: string }>(
    'select id, name from screens where id = any($1)',
    [ids],
  );
  return new Map(rows.map(({ id, name }) => [id, name]));
}

/** The streams of screens that a user commands by being somebody to them, not as an administrator. */
export async function listCommandedStreams(db: Queryable, userId: string): Promise<number[]> {
  const rows = await db.query<{ streamId: number }>(
    `select stream_id as "streamId" from screens where owner_id = $1
     union select s.stream_id from screen_controllers c join screens s on s.id = c.screen_id where c.user_id = $1`,
    [userId],
  );
  return rows.map(({ streamId }) => streamId);
}

export async function insertScreen(
  tx: Queryable,
  screen: Pick<ScreenRow, 'id' | 'name' | 'ownerId' | 'streamId' | 'createdAt'>,
): Promise<void> {
  await tx.query(
    'insert into screens (id, name, owner_id, stream_id, created_at) values ($1, $2, $3, $4, $5)',
    [screen.id, screen.name, screen.ownerId, screen.streamId, screen.createdAt],
  );
}

export async function updateScreenName(tx: Queryable, id: string, name: string): Promise<void> {
  await tx.query('update screens set name = $2 where id = $1', [id, name]);
}

export async function deleteScreen(tx: Queryable, id: string): Promise<void> {
  await tx.query('delete from screens where id = $1', [id]);
}

/** True when the user was no controller before. */
export async function insertController(
  tx: Queryable,
  grant: { screenId: string; userId: string; grantedBy: string; grantedAt: number },
): Promise<boolean> {
  const rows = await tx.query(
    `insert into screen_controllers (screen_id, user_id, granted_by, granted_at) values ($1, $2, $3, $4)
     on conflict do nothing returning 1 as added`,
    [grant.screenId, grant.userId, grant.grantedBy, grant.grantedAt],
  );
  return rows.length > 0;
}

/** True when the user was a controller. */
export async function deleteController(tx: Queryable, screenId: string, userId: string): Promise<boolean> {
  const rows = await tx.query(
    'delete from screen_controllers where screen_id = $1 and user_id = $2 returning 1 as removed',
    [screenId, userId],
  );
  return rows.length > 0;
}

export interface RightsRow {
  screenId: string;
  streamId: number;
  ownerId: string;
  controllers: string[];
}

const SELECT_RIGHTS = `
  select s.id as "screenId", s.stream_id as "streamId", s.owner_id as "ownerId",
    coalesce((select array_agg(c.user_id::text) from screen_controllers c where c.screen_id = s.id), '{}')
      as controllers
  from screens s`;

export async function findRights(db: Queryable, screenId: string): Promise<RightsRow | undefined> {
  const [row] = await db.query<RightsRow>(`${SELECT_RIGHTS} where s.id = $1`, [screenId], {
    name: 'screens-rights',
  });
  return row;
}

export function listRights(db: Queryable, screenIds: readonly string[]): Promise<RightsRow[]> {
  return db.query<RightsRow>(`${SELECT_RIGHTS} where s.id = any($1)`, [screenIds]);
}

/** Of many screens at once: a whole fleet may come back together. */
export async function touchConnected(
  db: Queryable,
  screenIds: readonly string[],
  times: readonly number[],
): Promise<void> {
  await db.query(
    `update screens s set last_connected_at = u.at
     from unnest($1::text[], $2::bigint[]) as u(id, at)
     where s.id = u.id and (s.last_connected_at is null or s.last_connected_at < u.at)`,
    [screenIds, times],
  );
}

/** Processes that hold screens, or held them when they died. */
export async function listHolders(db: Queryable): Promise<string[]> {
  const rows = await db.query<{ incarnation: string }>(
    'select distinct incarnation from screen_sessions where incarnation is not null',
  );
  return rows.map(({ incarnation }) => incarnation);
}

/** Screens that these processes hold, or held when they died. */
export async function listHeldBy(db: Queryable, incarnations: readonly string[]): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    'select screen_id as id from screen_sessions where incarnation = any($1::uuid[])',
    [incarnations],
  );
  return rows.map(({ id }) => id);
}

/** Of these screens those that no other process took from these, and that none of these holds: one may live after all. */
export async function listNotBack(
  db: Queryable,
  screenIds: readonly string[],
  incarnations: readonly string[],
  now: number,
): Promise<string[]> {
  const rows = await db.query<{ id: string }>(
    `select h.screen_id as id from screen_sessions h
     where h.screen_id = any($1) and (h.incarnation is null or h.incarnation = any($2::uuid[]))
       and not exists (select from nodes n where n.incarnation = h.incarnation and n.lease_until > $3)`,
    [screenIds, incarnations, now],
  );
  return rows.map(({ id }) => id);
}
