import type { Queryable } from '../../platform/database/database.js';

/** Only one caller at a time makes the first administrator; held to the end of the transaction. */
export async function lockFirstAdmin(tx: Queryable): Promise<void> {
  await tx.query(`select pg_advisory_xact_lock(hashtext('bongsu/first-admin'))`);
}

export async function insertSetupToken(
  tx: Queryable,
  hash: Uint8Array,
  at: number,
  expiresAt: number,
): Promise<void> {
  await tx.query('delete from setup_tokens where expires_at <= $1', [at]);
  await tx.query('insert into setup_tokens (hash, created_at, expires_at) values ($1, $2, $3)', [
    hash,
    at,
    expiresAt,
  ]);
}

export async function isSetupTokenValid(db: Queryable, hash: Uint8Array, now: number): Promise<boolean> {
  const rows = await db.query('select 1 from setup_tokens where hash = $1 and expires_at > $2', [hash, now]);
  return rows.length > 0;
}

export async function deleteSetupTokens(tx: Queryable): Promise<void> {
  await tx.query('delete from setup_tokens');
}
