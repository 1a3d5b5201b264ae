import type { Queryable, QueryOptions } from '../../platform/database/database.js';

/** That a login, a user's tokens or a signing key count no longer, or that an API key has ended or ends at another time. */
export interface Revocation {
  seq: number;
  kind: 'session' | 'user' | 'key' | 'api-key';
  id: string;
  reason: string;
}

export interface NewRevocation extends Omit<Revocation, 'seq'> {
  at: number;
  /** Milliseconds: when the last token that it concerns has expired by itself. */
  until: number;
}

const COLUMNS = 'seq, kind, id, reason';

export async function insertRevocation(tx: Queryable, revocation: NewRevocation): Promise<Revocation> {
  const { kind, id, reason, at, until } = revocation;
  const [row] = await tx.query<{ seq: number }>(
    'insert into revocations (kind, id, reason, at, until) values ($1, $2, $3, $4, $5) returning seq',
    [kind, id, reason, at, until],
  );
  if (!row) throw new Error('INSERT … RETURNING gave no row');
  return { seq: row.seq, kind, id, reason };
}

/** By one statement, however many they are. */
export function insertRevocations(
  tx: Queryable,
  revocations: readonly NewRevocation[],
): Promise<Revocation[]> {
  const column = <Name extends keyof NewRevocation>(name: Name) => revocations.map((row) => row[name]);
  return tx.query<Revocation>(
    `insert into revocations (kind, id, reason, at, until)
     select * from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[]) returning ${COLUMNS}`,
    [column('kind'), column('id'), column('reason'), column('at'), column('until')],
  );
}

export function findRevocationsAfter(
  db: Queryable,
  seq: number,
  options?: QueryOptions,
): Promise<Revocation[]> {
  return db.query<Revocation>(`select ${COLUMNS} from revocations where seq > $1 order by seq`, [seq], {
    name: 'identity-revocations',
    ...options,
  });
}

export async function highestRevocation(db: Queryable): Promise<number> {
  const [row] = await db.query<{ seq: number }>(
    'select coalesce(max(seq), 0)::bigint as seq from revocations',
  );
  return row?.seq ?? 0;
}

export async function deleteOldRevocations(db: Queryable, now: number): Promise<void> {
  await db.query('delete from revocations where until < $1', [now]);
}
