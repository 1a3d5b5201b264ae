import type { Queryable } from '../platform/database/database.js';

/** The table `idempotency`. */
export class IdempotencyStore {
  /** True when the key is the caller's now: it was free, or its time was over. */
  async insert(
    tx: Queryable,
    row: { scope: string; key: string; fingerprint: Uint8Array; now: number; expiresAt: number },
  ): Promise<boolean> {
    const rows = await tx.query(
      `insert into idempotency as i (scope, key, fingerprint, expires_at) values ($1, $2, $3, $4)
       on conflict (scope, key) do update
         set fingerprint = excluded.fingerprint, result = null, expires_at = excluded.expires_at
         where i.expires_at <= $5
       returning 1`,
      [row.scope, row.key, row.fingerprint, row.expiresAt, row.now],
    );
    return rows.length > 0;
  }

  async find(queryable: Queryable, scope: string, key: string, now: number) {
    const [row] = await queryable.query<{ fingerprint: Uint8Array; result: unknown }>(
      'select fingerprint, result from idempotency where scope = $1 and key = $2 and expires_at > $3',
      [scope, key, now],
    );
    return row;
  }

  async save(tx: Queryable, scope: string, key: string, result: unknown): Promise<boolean> {
    const rows = await tx.query(
      'update idempotency set result = $3::jsonb where scope = $1 and key = $2 returning 1',
      [scope, key, JSON.stringify(result)],
    );
    return rows.length > 0;
  }

  async remove(tx: Queryable, scope: string, key: string): Promise<void> {
    await tx.query('delete from idempotency where scope = $1 and key = $2', [scope, key]);
  }
}
