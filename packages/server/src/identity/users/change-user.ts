import { BongsuError, type ManagedUser, type Role, UuidSchema } from '@bongsu/protocol';
import type { Queryable } from '../../platform/database/database.js';
import { revocationOf } from '../logins/revoke.js';
import {
  findManagedUser,
  hasOtherActiveAdmin,
  lockAdministrators,
  lockUser,
  revokeAllSessionsOf,
  writeRoleAndStatus,
} from '../store/managed-users.js';
import { insertRevocation, type Revocation } from '../store/revocations.js';
import type { DoneBy, UsersCore } from './core.js';
import { toManagedUser } from './list-users.js';

export interface UserChange {
  role?: Role | undefined;
  disabled?: boolean | undefined;
}

interface State {
  role: Role;
  status: 'active' | 'disabled';
}

/**
 * Changes what is given. A new role counts on open sockets too; disabling ends every login.
 * @throws NOT_FOUND; CONFLICT for the last administrator who can still sign in
 */
export async function changeUser(
  core: UsersCore,
  id: string,
  change: UserChange,
  by: DoneBy,
): Promise<ManagedUser> {
  const userId = UuidSchema.safeParse(id).data;
  if (userId === undefined) throw new BongsuError('NOT_FOUND');
  const revocations = await core.database.transaction((tx) => apply(core, tx, userId, change, by));
  core.feed.committed(revocations);
  const row = await findManagedUser(core.database, userId);
  if (!row) throw new BongsuError('NOT_FOUND');
  return toManagedUser(core, row);
}

async function apply(
  core: UsersCore,
  tx: Queryable,
  userId: string,
  change: UserChange,
  by: DoneBy,
): Promise<Revocation[]> {
  // Before the row: two administrators who demote each other would otherwise each see the other one still there.
  if (change.role === 'user' || change.disabled) await lockAdministrators(tx);
  const before = await lockUser(tx, userId);
  if (!before) throw new BongsuError('NOT_FOUND');
  const after = applied(before, change);
  if (isActiveAdmin(before) && !isActiveAdmin(after) && !(await hasOtherActiveAdmin(tx, userId))) {
    throw new BongsuError('CONFLICT');
  }
  if (after.role === before.role && after.status === before.status) return [];
  await writeRoleAndStatus(tx, userId, after);
  const revocations: Revocation[] = [];
  if (after.role !== before.role) revocations.push(await changeRole(core, tx, userId, after.role, by));
  if (after.status !== before.status) revocations.push(...(await setStatus(core, tx, userId, after, by)));
  return revocations;
}

function applied(before: State, { role, disabled }: UserChange): State {
  const status = disabled === undefined ? before.status : disabled ? 'disabled' : 'active';
  return { role: role ?? before.role, status };
}

function isActiveAdmin({ role, status }: State): boolean {
  return role === 'admin' && status === 'active';
}

async function changeRole(
  core: UsersCore,
  tx: Queryable,
  userId: string,
  role: Role,
  by: DoneBy,
): Promise<Revocation> {
  const event = { action: 'privilege_permissions_changed', outcome: 'success', data: { role } } as const;
  await core.recordAudit(tx, { ...by, ...event, target: { type: 'user', ref: userId } });
  return insertRevocation(tx, revocationOf(core, 'user', userId, 'role'));
}

async function setStatus(
  core: UsersCore,
  tx: Queryable,
  userId: string,
  { status }: State,
  by: DoneBy,
): Promise<Revocation[]> {
  const action = status === 'disabled' ? 'user_disabled' : 'user_enabled';
  await core.recordAudit(tx, { ...by, action, outcome: 'success', target: { type: 'user', ref: userId } });
  if (status === 'active') return [];
  await revokeAllSessionsOf(tx, userId, 'disabled', core.now());
  return [await insertRevocation(tx, revocationOf(core, 'user', userId, 'disabled'))];
}
