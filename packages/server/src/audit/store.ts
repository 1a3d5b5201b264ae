import type { Queryable } from '../platform/database/database.js';

export async function insertAuditRow(
  tx: Queryable,
  row: { id: string; at: number; event: object },
): Promise<void> {
  await tx.query(
    'insert into audit_outbox (id, at, event) values ($1, $2, $3::jsonb)',
    [row.id, row.at, JSON.stringify(row.event)],
    { name: 'audit-insert' },
  );
}
