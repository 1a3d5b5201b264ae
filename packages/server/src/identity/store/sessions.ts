import type { Role } from '@bongsu/protocol';
import type { Queryable } from '../../platform/database/database.js';

export type UserStatus = 'active' | 'disabled' | 'erased';

/** A login with what is needed of its user (null for a device). */
export interface SessionRow {
  id: string;
  kind: 'user' | 'device';
  userId: string | null;
  screenId: string | null;
  generation: number;
  currentHash: Uint8Array;
  previousHash: Uint8Array | null;
  rotatedAt: number | null;
  rotationNonce: Uint8Array | null;
  usedAt: number | null;
  acr: string;
  amr: string;
  authTime: number;
  lastSeen: number;
  idleMs: number | null;
  expiresAt: number | null;
  revokedAt: number | null;
  username: string | null;
  role: Role | null;
  status: UserStatus | null;
  epoch: number | null;
}

export async function findSession(db: Queryable, id: string): Promise<SessionRow | undefined> {
  const [row] = await findSessions(db, [id]);
  return row;
}

/** In whatever order; ids of nothing are left out. */
export function findSessions(db: Queryable, ids: readonly string[]): Promise<SessionRow[]> {
  return db.query<SessionRow>(
    `select s.id, s.kind, s.user_id as "userId", s.screen_id as "screenId", s.generation,
            s.current_hash as "currentHash", s.previous_hash as "previousHash", s.rotated_at as "rotatedAt",
            s.rotation_nonce as "rotationNonce", s.used_at as "usedAt", s.acr, s.amr, s.auth_time as "authTime",
            s.last_seen as "lastSeen", s.idle_ms as "idleMs", s.expires_at as "expiresAt",
            s.revoked_at as "revokedAt", u.username, u.role, u.status, u.epoch
       from sessions s left join users u on u.id = s.user_id
      where s.id = any($1::uuid[])`,
    [ids],
    { name: 'identity-find-sessions' },
  );
}

export interface NewSession {
  id: string;
  kind: 'user' | 'device';
  userId: string | null;
  screenId: string | null;
  currentHash: Uint8Array;
  at: number;
  idleMs: number | null;
  expiresAt: number | null;
  ipPrefix: string | null;
  userAgent: string | null;
  acr: string;
  amr: string;
}

export async function insertSession(tx: Queryable, session: NewSession): Promise<void> {
  await tx.query(
    `insert into sessions (id, kind, user_id, screen_id, current_hash, auth_time, created_at, last_seen,
                           idle_ms, expires_at, ip_prefix, user_agent, acr, amr)
     values ($1, $2, $3, $4, $5, $6, $6, $6, $7, $8, $9, $10, $11, $12)`,
    [
      session.id,
      session.kind,
      session.userId,
      session.screenId,
      session.currentHash,
      session.at,
      session.idleMs,
      session.expiresAt,
      session.ipPrefix,
      session.userAgent,
      session.acr,
      session.amr,
    ],
  );
}

/** One rotation, and only from the token that was presented: false when somebody else was first or the login ended. */
export async function rotateSession(
  tx: Queryable,
  change: { id: string; from: Uint8Array; to: Uint8Array; nonce: Uint8Array; at: number },
): Promise<boolean> {
  const rows = await tx.query(
    `update sessions
        set generation = generation + 1, previous_hash = current_hash, current_hash = $3, rotation_nonce = $4,
            rotated_at = $5, last_seen = greatest(last_seen, $5), used_at = coalesce(used_at, $5)
      where id = $1 and current_hash = $2 and revoked_at is null
      returning id`,
    [change.id, change.from, change.to, change.nonce, change.at],
    { name: 'identity-rotate-session' },
  );
  return rows.length === 1;
}

/** False when it had already ended. */
export async function revokeSession(tx: Queryable, id: string, reason: string, at: number): Promise<boolean> {
  const rows = await tx.query(
    `update sessions set revoked_at = $2, revoke_reason = $3, rotation_nonce = null
      where id = $1 and revoked_at is null returning id`,
    [id, at, reason],
  );
  return rows.length === 1;
}

/**
 * Ends the logins of a person that may still live, but one where that is given; answers their ids. Locks them in the order of their
 * ids, as `writeLastSeen` does, so that neither waits for the other in a circle.
 */
export async function revokeUserSessions(
  tx: Queryable,
  userId: string,
  { except, reason, at, slackMs }: { except: string | null; reason: string; at: number; slackMs: number },
): Promise<string[]> {
  const rows = await tx.query<{ id: string }>(
    `with ending as materialized (
       select id from sessions
        where user_id = $1 and kind = 'user' and revoked_at is null and ($2::uuid is null or id <> $2::uuid)
          and (expires_at is null or expires_at > $3) and (idle_ms is null or last_seen + idle_ms + $5 > $3)
        order by id for update)
     update sessions s set revoked_at = $3, revoke_reason = $4, rotation_nonce = null
       from ending where s.id = ending.id returning s.id`,
    [userId, except, at, reason, slackMs],
  );
  return rows.map(({ id }) => id);
}

/** Ends every device login of a screen; answers their ids. */
export async function revokeScreenSessions(
  tx: Queryable,
  screenId: string,
  reason: string,
  at: number,
): Promise<string[]> {
  const rows = await tx.query<{ id: string }>(
    `with ending as materialized (
       select id from sessions where screen_id = $1 and kind = 'device' and revoked_at is null order by id for update)
     update sessions s set revoked_at = $2, revoke_reason = $3, rotation_nonce = null
       from ending where s.id = ending.id returning s.id`,
    [screenId, at, reason],
  );
  return rows.map(({ id }) => id);
}

/** At most `limit` of those that were ended before then; answers how many. */
export function deleteEndedSessions(db: Queryable, before: number, limit: number): Promise<number> {
  return deleteSessions(db, 'revoked_at < $1', before, limit);
}

/** At most `limit` of those that ended by themselves before then; answers how many. */
export function deleteExpiredSessions(db: Queryable, before: number, limit: number): Promise<number> {
  return deleteSessions(db, `revoked_at is null and kind = 'user' and expires_at < $1`, before, limit);
}

async function deleteSessions(db: Queryable, which: string, before: number, limit: number): Promise<number> {
  const rows = await db.query(
    `delete from sessions where id = any (array(
       select id from sessions where ${which} limit $2 for update skip locked)) returning id`,
    [before, limit],
  );
  return rows.length;
}

export async function markSessionUsed(db: Queryable, id: string, at: number): Promise<void> {
  await db.query('update sessions set used_at = $2 where id = $1 and used_at is null', [id, at]);
}

export async function isScreenCredentialUsed(db: Queryable, screenId: string): Promise<boolean> {
  const rows = await db.query(
    `select 1 from sessions where screen_id = $1 and kind = 'device' and used_at is not null limit 1`,
    [screenId],
  );
  return rows.length > 0;
}

/**
 * Writes when logins were last seen, many at once. On the way the nonce of a rotation whose grace is over is erased:
 * without it nobody can make that successor again.
 */
export async function writeLastSeen(
  db: Queryable,
  seen: readonly (readonly [id: string, at: number])[],
  graceEndedBefore: number,
): Promise<void> {
  await db.query(
    `with seen as materialized (
       select s.id, t.at from sessions s join unnest($1::uuid[], $2::bigint[]) as t (id, at) on t.id = s.id
        order by s.id for update of s)
     update sessions s
        set last_seen = greatest(s.last_seen, t.at),
            rotation_nonce = case when s.kind = 'user' and s.rotated_at < $3 then null else s.rotation_nonce end
       from seen t
      where s.id = t.id and (s.idle_ms is null or t.at - s.last_seen < s.idle_ms)`,
    [seen.map(([id]) => id), seen.map(([, at]) => at), graceEndedBefore],
  );
}
