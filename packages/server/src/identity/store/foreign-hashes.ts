import type { Queryable } from '../../platform/database/database.js';

const MOST_KINDS = 16;

/** As `kindOf` names them, of hashes with other parameters than today's. The condition is the one of the index users_foreign_hashes. */
export async function findForeignKinds(db: Queryable): Promise<readonly string[]> {
  const rows = await db.query<{ kind: string }>(
    `select distinct case when password_hash like '$2%' then '$2b$' || substring(password_hash from 5 for 2)
                          else substring(password_hash from '^[$][^$]+[$][^$]+[$][^$]+') end as kind
       from users
      where password_hash is not null and password_hash not like '$argon2id$v=19$m=19456,t=2,p=1$%'
      order by kind limit $1`,
    [MOST_KINDS],
    { name: 'identity-foreign-hashes' },
  );
  return rows.flatMap(({ kind }) => (kind === null ? [] : [kind]));
}
