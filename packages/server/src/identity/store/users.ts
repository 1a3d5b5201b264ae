import type { Role } from '@bongsu/protocol';
import type { Queryable } from '../../platform/database/database.js';
import type { WrappedKey } from '../accounts/pii.js';
import type { UserStatus } from './sessions.js';

export interface UserRow {
  id: string;
  username: string;
  role: Role;
  status: UserStatus;
  epoch: number;
  createdAt: number;
  lastLogin: number | null;
  passwordChangedAt: number | null;
}

/** What signing in needs. */
export interface CredentialRow extends UserRow {
  passwordHash: string | null;
}

/** With what opens the address. */
export interface ProfileRow extends UserRow, WrappedKey {
  emailEnc: Uint8Array;
}

const COLUMNS = `u.id, u.username, u.role, u.status, u.epoch, u.created_at as "createdAt", u.last_login as "lastLogin",
  u.password_changed_at as "passwordChangedAt"`;

export async function findCredentials(
  db: Queryable,
  emailIndex: Uint8Array,
): Promise<CredentialRow | undefined> {
  const [row] = await db.query<CredentialRow>(
    `select ${COLUMNS}, u.password_hash as "passwordHash" from users u where u.email_bi = $1`,
    [emailIndex],
    { name: 'identity-find-credentials' },
  );
  return row;
}

/** The user's row locked, when the password is still the one that was checked. */
export async function lockCredentials(
  tx: Queryable,
  id: string,
  passwordHash: string,
): Promise<UserRow | undefined> {
  const [row] = await tx.query<UserRow>(
    `select ${COLUMNS} from users u where u.id = $1 and u.password_hash = $2 and u.status = 'active' for update`,
    [id, passwordHash],
  );
  return row;
}

/** Holds the user's row to the end of the transaction: what concerns all of somebody's logins happens one after another. */
export async function lockActiveUser(tx: Queryable, id: string): Promise<boolean> {
  const rows = await tx.query(`select 1 from users where id = $1 and status = 'active' for update`, [id]);
  return rows.length === 1;
}

export async function findProfile(db: Queryable, id: string): Promise<ProfileRow | undefined> {
  const [row] = await db.query<ProfileRow>(
    `select ${COLUMNS}, u.email_enc as "emailEnc", k.key_id as "keyId", k.wrapped
       from users u join subject_keys k on k.subject_id = u.id
      where u.id = $1 and u.status = 'active'`,
    [id],
    { name: 'identity-find-profile' },
  );
  return row;
}

/** All that an account signs in with, as it is now and stays to the end of the transaction; undefined unless it is active. */
export interface AccountRow extends ProfileRow {
  passwordHash: string | null;
}

export async function lockAccount(tx: Queryable, id: string): Promise<AccountRow | undefined> {
  const [row] = await tx.query<AccountRow>(
    `select ${COLUMNS}, u.password_hash as "passwordHash", u.email_enc as "emailEnc", k.key_id as "keyId", k.wrapped
       from users u join subject_keys k on k.subject_id = u.id
      where u.id = $1 and u.status = 'active' for update of u`,
    [id],
  );
  return row;
}

export async function findPasswordHash(db: Queryable, id: string): Promise<string | null> {
  const [row] = await db.query<{ passwordHash: string | null }>(
    `select password_hash as "passwordHash" from users where id = $1 and status = 'active'`,
    [id],
  );
  return row?.passwordHash ?? null;
}

export interface NewUserRow extends WrappedKey {
  id: string;
  emailEnc: Uint8Array;
  emailIndex: Uint8Array;
  username: string;
  role: Role;
  passwordHash: string;
  at: number;
  lastLogin: number | null;
}

/** @throws DatabaseError `unique` when the address is taken */
export async function insertUser(tx: Queryable, user: NewUserRow): Promise<void> {
  await tx.query(
    `insert into users (id, email_enc, email_bi, username, role, password_hash, password_changed_at, created_at,
                        last_login)
     values ($1, $2, $3, $4, $5, $6, $7, $7, $8)`,
    [
      user.id,
      user.emailEnc,
      user.emailIndex,
      user.username,
      user.role,
      user.passwordHash,
      user.at,
      user.lastLogin,
    ],
  );
  await tx.query(
    'insert into subject_keys (subject_id, key_id, wrapped, created_at) values ($1, $2, $3, $4)',
    [user.id, user.keyId, user.wrapped, user.at],
  );
}

/** `passwordHash`: the same password hashed anew. */
export async function recordLogin(
  tx: Queryable,
  id: string,
  at: number,
  passwordHash: string | undefined,
): Promise<void> {
  await tx.query(
    'update users set last_login = $2, password_hash = coalesce($3, password_hash) where id = $1',
    [id, at, passwordHash ?? null],
  );
}

/** The same password, hashed anew. */
export async function replacePasswordHash(tx: Queryable, id: string, passwordHash: string): Promise<void> {
  await tx.query('update users set password_hash = $2 where id = $1', [id, passwordHash]);
}

export async function renameUser(tx: Queryable, id: string, username: string): Promise<boolean> {
  const rows = await tx.query(
    `update users set username = $2 where id = $1 and status = 'active' returning id`,
    [id, username],
  );
  return rows.length === 1;
}

export async function hasAdmin(db: Queryable): Promise<boolean> {
  return (await db.query(`select 1 from users where role = 'admin' limit 1`)).length > 0;
}

/** Display names by id, of those that exist. */
export async function findUsernames(
  db: Queryable,
  ids: readonly string[],
): Promise<{ id: string; username: string }[]> {
  return db.query('select id, username from users where id = any($1::uuid[])', [ids], {
    name: 'find_usernames',
  });
}
