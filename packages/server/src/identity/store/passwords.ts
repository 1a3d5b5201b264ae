import type { Queryable } from '../../platform/database/database.js';
import type { WrappedKey } from '../accounts/pii.js';

/** Somebody whose password is at stake, with what opens their address. */
export interface PasswordOwner extends WrappedKey {
  id: string;
  username: string;
  passwordHash: string | null;
  emailEnc: Uint8Array;
  emailVerifiedAt: number | null;
}

const COLUMNS = `u.id, u.username, u.password_hash as "passwordHash", u.email_enc as "emailEnc",
                 u.email_verified_at as "emailVerifiedAt", k.key_id as "keyId", k.wrapped`;

export async function findPasswordOwner(db: Queryable, userId: string): Promise<PasswordOwner | undefined> {
  const [row] = await db.query<PasswordOwner>(
    `select ${COLUMNS} from users u join subject_keys k on k.subject_id = u.id
      where u.id = $1 and u.status = 'active'`,
    [userId],
  );
  return row;
}

export async function findResetOwner(
  db: Queryable,
  tokenHash: Uint8Array,
  now: number,
): Promise<PasswordOwner | undefined> {
  const [row] = await db.query<PasswordOwner>(
    `select ${COLUMNS} from reset_tokens t
       join users u on u.id = t.user_id
       join subject_keys k on k.subject_id = u.id
      where t.hash = $1 and t.used_at is null and t.expires_at > $2 and u.status = 'active'`,
    [tokenHash, now],
  );
  return row;
}

/** One statement whether or not anybody has the address; answers who has it. */
export async function insertResetToken(
  tx: Queryable,
  token: { hash: Uint8Array; emailIndex: Uint8Array; at: number; expiresAt: number },
): Promise<PasswordOwner | undefined> {
  const [row] = await tx.query<PasswordOwner>(
    `with made as (
       insert into reset_tokens (hash, user_id, created_at, expires_at)
       select $1, id, $3, $4 from users where email_bi = $2 and status = 'active'
       returning user_id
     )
     select ${COLUMNS} from made
       join users u on u.id = made.user_id
       join subject_keys k on k.subject_id = u.id`,
    [token.hash, token.emailIndex, token.at, token.expiresAt],
  );
  return row;
}

/** The user's row locked to the end of the transaction: log-ins and other changes of the password wait for it. */
export async function lockPasswordOwner(
  tx: Queryable,
  userId: string,
): Promise<{ emailVerifiedAt: number | null } | undefined> {
  const [row] = await tx.query<{ emailVerifiedAt: number | null }>(
    `select email_verified_at as "emailVerifiedAt" from users where id = $1 and status = 'active' for update`,
    [userId],
  );
  return row;
}

/** False when somebody else used it first, or it is too old. */
export async function useResetToken(tx: Queryable, hash: Uint8Array, at: number): Promise<boolean> {
  const rows = await tx.query(
    'update reset_tokens set used_at = $2 where hash = $1 and used_at is null and expires_at > $2 returning hash',
    [hash, at],
  );
  return rows.length === 1;
}

export async function voidResetTokens(tx: Queryable, userId: string, at: number): Promise<void> {
  await tx.query('update reset_tokens set used_at = $2 where user_id = $1 and used_at is null', [userId, at]);
}

export async function setPassword(
  tx: Queryable,
  userId: string,
  passwordHash: string,
  at: number,
): Promise<void> {
  await tx.query('update users set password_hash = $2, password_changed_at = $3 where id = $1', [
    userId,
    passwordHash,
    at,
  ]);
}

export async function markEmailVerified(tx: Queryable, userId: string, at: number): Promise<void> {
  await tx.query('update users set email_verified_at = coalesce(email_verified_at, $2) where id = $1', [
    userId,
    at,
  ]);
}

/** Log-ins that wait for their second factor begin anew. */
export async function voidChallenges(tx: Queryable, userId: string, at: number): Promise<void> {
  await tx.query('update auth_challenges set consumed_at = $2 where user_id = $1 and consumed_at is null', [
    userId,
    at,
  ]);
}

/** Answers the ids of those that counted until now. Locks them in the order of their ids, as `writeLastUsed` does. */
export async function revokeApiKeys(tx: Queryable, userId: string, at: number): Promise<string[]> {
  const rows = await tx.query<{ id: string }>(
    `with ending as materialized (
       select id from api_keys where user_id = $1 and revoked_at is null order by id for update)
     update api_keys k set revoked_at = $2 from ending where k.id = ending.id returning k.id`,
    [userId, at],
  );
  return rows.map(({ id }) => id);
}

export async function deleteOldResetTokens(db: Queryable, now: number): Promise<void> {
  await db.query('delete from reset_tokens where expires_at <= $1', [now]);
}
