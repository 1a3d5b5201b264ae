import type { Queryable } from '../../platform/database/database.js';
import type { WrappedKey } from '../accounts/pii.js';

export interface NewPendingSignup extends WrappedKey {
  /** Of the user that it becomes: the address is encrypted for that very row. */
  id: string;
  emailEnc: Uint8Array;
  emailIndex: Uint8Array;
  username: string;
  passwordHash: string;
  tokenHash: Uint8Array;
  at: number;
  expiresAt: number;
}

export async function insertPendingSignup(tx: Queryable, pending: NewPendingSignup): Promise<void> {
  await tx.query(
    `insert into pending_signups (id, email_enc, email_bi, username, password_hash, token_hash, created_at, expires_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      pending.id,
      pending.emailEnc,
      pending.emailIndex,
      pending.username,
      pending.passwordHash,
      pending.tokenHash,
      pending.at,
      pending.expiresAt,
    ],
  );
  await tx.query(
    'insert into subject_keys (subject_id, key_id, wrapped, created_at) values ($1, $2, $3, $4)',
    [pending.id, pending.keyId, pending.wrapped, pending.at],
  );
}

/**
 * The sign-up of that token, with all others of its address locked: of two that are verified at once one waits for the other
 * and then finds itself gone.
 */
export async function lockPendingSignup(
  tx: Queryable,
  tokenHash: Uint8Array,
  now: number,
): Promise<{ id: string } | undefined> {
  const rows = await tx.query<{ id: string; ours: boolean }>(
    `select id, (token_hash = $1 and expires_at > $2) as ours from pending_signups
      where email_bi = (select email_bi from pending_signups where token_hash = $1)
      order by id for update`,
    [tokenHash, now],
  );
  return rows.find(({ ours }) => ours);
}

/** Its key is there already. @throws DatabaseError `unique` when the address has been taken meanwhile */
export async function insertVerifiedUser(tx: Queryable, id: string, at: number): Promise<void> {
  await tx.query(
    `insert into users (id, email_enc, email_bi, email_verified_at, username, password_hash, password_changed_at, created_at)
     select id, email_enc, email_bi, $2, username, password_hash, created_at, $2 from pending_signups where id = $1`,
    [id, at],
  );
}

/** With the keys of those that came to nothing. */
export async function deletePendingSignupsLike(tx: Queryable, id: string): Promise<void> {
  await tx.query(
    `with gone as (
       delete from pending_signups where email_bi = (select email_bi from pending_signups where id = $1) returning id
     )
     delete from subject_keys where subject_id in (select id from gone where id <> $1)`,
    [id],
  );
}

export async function deleteOldPendingSignups(db: Queryable, now: number): Promise<void> {
  await db.query(
    `with gone as (delete from pending_signups where expires_at <= $1 returning id)
     delete from subject_keys where subject_id in (select id from gone)`,
    [now],
  );
}
