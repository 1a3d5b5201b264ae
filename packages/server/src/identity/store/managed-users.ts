import type { Role } from '@bongsu/protocol';
import type { Queryable } from '../../platform/database/database.js';
import type { ProfileRow } from './users.js';

/** A user as administrators see them, with what opens the address. */
export interface ManagedUserRow extends ProfileRow {
  mfa: boolean;
}

export interface UserPosition {
  createdAt: number;
  id: string;
}

const SELECT = `select u.id, u.username, u.role, u.status, u.epoch, u.created_at as "createdAt", u.last_login as "lastLogin",
       u.password_changed_at as "passwordChangedAt", u.email_enc as "emailEnc", k.key_id as "keyId", k.wrapped,
       exists (select 1 from mfa_factors f where f.user_id = u.id and f.state = 'active') as mfa
  from users u join subject_keys k on k.subject_id = u.id`;

/** The oldest first, after a position. Erased users are nobody any more. */
export function findManagedUsers(
  db: Queryable,
  { after, limit }: { after: UserPosition | undefined; limit: number },
): Promise<ManagedUserRow[]> {
  const { createdAt = -1, id = '00000000-0000-0000-0000-000000000000' } = after ?? {};
  return db.query<ManagedUserRow>(
    `${SELECT} where (u.created_at, u.id) > ($1, $2::uuid) and u.status <> 'erased'
      order by u.created_at, u.id limit $3`,
    [createdAt, id, limit],
    { name: 'identity-managed-users' },
  );
}

export async function findManagedUserByEmail(
  db: Queryable,
  emailIndex: Uint8Array,
): Promise<ManagedUserRow | undefined> {
  const [row] = await db.query<ManagedUserRow>(`${SELECT} where u.email_bi = $1 and u.status <> 'erased'`, [
    emailIndex,
  ]);
  return row;
}

export async function findManagedUser(db: Queryable, id: string): Promise<ManagedUserRow | undefined> {
  const [row] = await db.query<ManagedUserRow>(`${SELECT} where u.id = $1 and u.status <> 'erased'`, [id]);
  return row;
}

/** One change at a time that may leave the server without an administrator; held to the end of the transaction. */
export async function lockAdministrators(tx: Queryable): Promise<void> {
  await tx.query(`select pg_advisory_xact_lock(hashtext('bongsu/administrators'))`);
}

/** Locks the row to the end of the transaction. */
export async function lockUser(
  tx: Queryable,
  id: string,
): Promise<{ role: Role; status: 'active' | 'disabled' } | undefined> {
  const [row] = await tx.query<{ role: Role; status: 'active' | 'disabled' }>(
    `select role, status from users where id = $1 and status <> 'erased' for update`,
    [id],
  );
  return row;
}

export async function hasOtherActiveAdmin(tx: Queryable, id: string): Promise<boolean> {
  const rows = await tx.query(
    `select 1 from users where role = 'admin' and status = 'active' and id <> $1 limit 1`,
    [id],
  );
  return rows.length > 0;
}

export async function writeRoleAndStatus(
  tx: Queryable,
  id: string,
  { role, status }: { role: Role; status: 'active' | 'disabled' },
): Promise<void> {
  await tx.query('update users set role = $2, status = $3 where id = $1', [id, role, status]);
}
