import type { Role, Scope } from '@bongsu/protocol';
import type { Queryable } from '../../platform/database/database.js';
import type { UserStatus } from './sessions.js';

/** A key as its owner sees it. */
export interface ApiKeyRow {
  id: string;
  name: string;
  scopes: Scope[];
  createdAt: number;
  expiresAt: number | null;
  lastUsedAt: number | null;
  rotatedTo: string | null;
}

/** What a request by key needs to know of it and of its owner. */
export interface KeyHolderRow {
  id: string;
  secretHash: Uint8Array;
  scopes: Scope[];
  expiresAt: number | null;
  lastUsedAt: number | null;
  revokedAt: number | null;
  userId: string;
  username: string;
  role: Role;
  status: UserStatus;
  /** The owner has a second factor on. */
  hasFactor: boolean;
}

const COLUMNS = `k.id, k.name, k.scopes, k.created_at as "createdAt", k.expires_at as "expiresAt",
                 k.last_used_at as "lastUsedAt", k.rotated_to as "rotatedTo"`;

export async function findKeyHolder(db: Queryable, id: string): Promise<KeyHolderRow | undefined> {
  const [row] = await db.query<KeyHolderRow>(
    `select k.id, k.secret_hash as "secretHash", k.scopes, k.expires_at as "expiresAt",
            k.last_used_at as "lastUsedAt", k.revoked_at as "revokedAt", k.user_id as "userId", u.username, u.role,
            u.status, f.id is not null as "hasFactor"
       from api_keys k join users u on u.id = k.user_id
            left join mfa_factors f on f.user_id = u.id and f.state = 'active'
      where k.id = $1`,
    [id],
    { name: 'identity-find-key-holder' },
  );
  return row;
}

export interface NewApiKeyRow {
  id: string;
  userId: string;
  name: string;
  secretHash: Uint8Array;
  scopes: readonly Scope[];
  at: number;
  expiresAt: number | null;
}

export async function insertApiKey(tx: Queryable, key: NewApiKeyRow): Promise<void> {
  await tx.query(
    `insert into api_keys (id, user_id, name, secret_hash, scopes, created_at, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7)`,
    [key.id, key.userId, key.name, key.secretHash, key.scopes, key.at, key.expiresAt],
  );
}

/** How many keys of a user work: those that stand, and those that a newer one has taken over from. */
export async function countLiveKeys(
  tx: Queryable,
  userId: string,
  now: number,
): Promise<{ standing: number; rotated: number }> {
  const [row] = await tx.query<{ standing: number; rotated: number }>(
    `select count(*) filter (where rotated_to is null) as standing,
            count(*) filter (where rotated_to is not null) as rotated
       from api_keys
      where user_id = $1 and revoked_at is null and (expires_at is null or expires_at > $2)`,
    [userId, now],
  );
  return row ?? { standing: 0, rotated: 0 };
}

/** Where a page begins: after this key. */
export interface KeyPosition {
  createdAt: number;
  id: string;
}

/** A user's keys that were not deleted, the newest first. */
export function listApiKeyRows(
  db: Queryable,
  userId: string,
  after: KeyPosition | undefined,
  limit: number,
): Promise<ApiKeyRow[]> {
  return db.query<ApiKeyRow>(
    `select ${COLUMNS} from api_keys k
      where k.user_id = $1 and k.revoked_at is null
        and ($2::bigint is null or (k.created_at, k.id) < ($2::bigint, $3::text))
      order by k.created_at desc, k.id desc limit $4`,
    [userId, after?.createdAt ?? null, after?.id ?? null, limit],
  );
}

/** A user's key that was not deleted. */
export async function findOwnKey(tx: Queryable, userId: string, id: string): Promise<ApiKeyRow | undefined> {
  const [row] = await tx.query<ApiKeyRow>(
    `select ${COLUMNS} from api_keys k where k.id = $1 and k.user_id = $2 and k.revoked_at is null`,
    [id, userId],
  );
  return row;
}

/** False when it is not this user's, or was deleted before. */
export async function revokeApiKey(tx: Queryable, userId: string, id: string, at: number): Promise<boolean> {
  const rows = await tx.query(
    'update api_keys set revoked_at = $3 where id = $1 and user_id = $2 and revoked_at is null returning id',
    [id, userId, at],
  );
  return rows.length === 1;
}

/** The key ends at `endsAt`, or before if it would have anyway. */
export async function markRotated(
  tx: Queryable,
  id: string,
  rotatedTo: string,
  endsAt: number,
): Promise<void> {
  await tx.query(
    'update api_keys set rotated_to = $2, expires_at = least(expires_at, $3::bigint) where id = $1',
    [id, rotatedTo, endsAt],
  );
}

/** Writes when keys were last used, many at once; locks them in the order of their ids, as `revokeApiKeys` does. */
export async function writeLastUsed(
  db: Queryable,
  used: readonly (readonly [id: string, at: number])[],
): Promise<void> {
  await db.query(
    `with used as materialized (
       select k.id, t.at from api_keys k join unnest($1::text[], $2::bigint[]) as t (id, at) on t.id = k.id
        order by k.id for update of k)
     update api_keys k set last_used_at = greatest(k.last_used_at, t.at) from used t where k.id = t.id`,
    [used.map(([id]) => id), used.map(([, at]) => at)],
  );
}

/** Keys that ended before then. */
export async function deleteEndedKeys(db: Queryable, before: number): Promise<void> {
  await db.query('delete from api_keys where revoked_at < $1 or expires_at < $1', [before]);
}
