import type { Queryable } from '../../platform/database/database.js';
import type { WrappedKey } from '../accounts/pii.js';

/** A second factor with the key of its person that opens the secret. */
export interface FactorRow extends WrappedKey {
  id: string;
  userId: string;
  secretEnc: Uint8Array;
  createdAt: number;
  activatedAt: number | null;
}

/** Asks the factor's own table only: whether one is due must not depend on anything that could be missing beside it. */
export async function hasActiveFactor(db: Queryable, userId: string): Promise<boolean> {
  const rows = await db.query(`select 1 from mfa_factors where user_id = $1 and state = 'active'`, [userId], {
    name: 'identity-has-factor',
  });
  return rows.length > 0;
}

export async function findFactor(
  db: Queryable,
  userId: string,
  state: 'pending' | 'active',
): Promise<FactorRow | undefined> {
  const [row] = await db.query<FactorRow>(
    `select f.id, f.user_id as "userId", f.secret_enc as "secretEnc", f.created_at as "createdAt",
            f.activated_at as "activatedAt", k.key_id as "keyId", k.wrapped
       from mfa_factors f join subject_keys k on k.subject_id = f.user_id
      where f.user_id = $1 and f.state = $2`,
    [userId, state],
  );
  return row;
}

/** The one enrolment that waits for its code; an earlier one is void. */
export async function replacePendingFactor(
  tx: Queryable,
  factor: { id: string; userId: string; secretEnc: Uint8Array; at: number },
): Promise<void> {
  await tx.query(`delete from mfa_factors where user_id = $1 and state = 'pending'`, [factor.userId]);
  await tx.query(
    `insert into mfa_factors (id, user_id, secret_enc, state, created_at) values ($1, $2, $3, 'pending', $4)`,
    [factor.id, factor.userId, factor.secretEnc, factor.at],
  );
}

/** `step`: the time step of the code that confirmed it, which is spent by that. */
export async function activateFactor(tx: Queryable, id: string, step: number, at: number): Promise<boolean> {
  const rows = await tx.query(
    `update mfa_factors set state = 'active', last_step = $2, activated_at = $3
      where id = $1 and state = 'pending' returning id`,
    [id, step, at],
  );
  return rows.length === 1;
}

/** Accepts the code of a time step, once, and none of an earlier one: false when it was spent already. */
export async function spendStep(tx: Queryable, id: string, step: number): Promise<boolean> {
  const rows = await tx.query(
    `update mfa_factors set last_step = $2
      where id = $1 and state = 'active' and (last_step is null or last_step < $2) returning id`,
    [id, step],
  );
  return rows.length === 1;
}

export async function deleteFactors(tx: Queryable, userId: string): Promise<void> {
  await tx.query('delete from mfa_factors where user_id = $1', [userId]);
  await tx.query('delete from recovery_codes where user_id = $1', [userId]);
}

export async function replaceRecoveryCodes(
  tx: Queryable,
  userId: string,
  hashes: readonly Uint8Array[],
  at: number,
): Promise<void> {
  await tx.query('delete from recovery_codes where user_id = $1', [userId]);
  await tx.query(
    `insert into recovery_codes (user_id, hash, created_at)
     select $1, decode(t.hash, 'hex'), $3 from unnest($2::text[]) as t (hash)`,
    [userId, hashes.map((hash) => Buffer.from(hash).toString('hex')), at],
  );
}

/** Accepts a recovery code of that person, once. */
export async function spendRecoveryCode(
  tx: Queryable,
  userId: string,
  hash: Uint8Array,
  at: number,
): Promise<boolean> {
  const rows = await tx.query(
    `update recovery_codes set used_at = $3 where user_id = $1 and hash = $2 and used_at is null returning user_id`,
    [userId, hash, at],
  );
  return rows.length === 1;
}

export async function countRecoveryCodes(db: Queryable, userId: string): Promise<number> {
  const [row] = await db.query<{ left: number }>(
    'select count(*)::int as left from recovery_codes where user_id = $1 and used_at is null',
    [userId],
  );
  return row?.left ?? 0;
}

export async function deleteOldPendingFactors(db: Queryable, createdBefore: number): Promise<void> {
  await db.query(`delete from mfa_factors where state = 'pending' and created_at < $1`, [createdBefore]);
}
