import { BongsuError, type ManagedUser, type Role, UuidSchema } from '@bongsu/protocol';
import { UNWRITTEN_MS } from '../logins/liveness.js';
import { type LoginTransaction, loginTransaction } from '../logins/login-transaction.js';
import {
  findManagedUser,
  hasOtherActiveAdmin,
  lockAdministrators,
  lockUser,
  writeRoleAndStatus,
} from '../store/managed-users.js';
import { revokeUserSessions } from '../store/sessions.js';
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
  await loginTransaction(core, (tx) => apply(core, tx, userId, change, by));
  const row = await findManagedUser(core.database, userId);
  if (!row) throw new BongsuError('NOT_FOUND');
  return toManagedUser(core, row);
}

async function apply(
  core: UsersCore,
  tx: LoginTransaction,
  userId: string,
  change: UserChange,
  by: DoneBy,
): Promise<void> {
  // Before the row: two administrators who demote each other would otherwise each see the other one still there.
  if (change.role === 'user' || change.disabled) await lockAdministrators(tx);
  const before = await lockUser(tx, userId);
  if (!before) throw new BongsuError('NOT_FOUND');
  const after = applied(before, change);
  if (isActiveAdmin(before) && !isActiveAdmin(after) && !(await hasOtherActiveAdmin(tx, userId))) {
    throw new BongsuError('CONFLICT', { details: { reason: 'last-administrator' } });
  }
  if (after.role === before.role && after.status === before.status) return;
  await writeRoleAndStatus(tx, userId, after);
  if (isLess(before, after)) await core.takeBackScreens(tx, userId, after.status === 'disabled');
  if (after.role !== before.role) await changeRole(core, tx, userId, after.role, by);
  if (after.status !== before.status) await setStatus(core, tx, userId, after, by);
}

function applied(before: State, { role, disabled }: UserChange): State {
  const status = disabled === undefined ? before.status : disabled ? 'disabled' : 'active';
  return { role: role ?? before.role, status };
}

function isActiveAdmin({ role, status }: State): boolean {
  return role === 'admin' && status === 'active';
}

function isLess(before: State, after: State): boolean {
  return (
    (before.role === 'admin' && after.role !== 'admin') ||
    (before.status === 'active' && after.status === 'disabled')
  );
}

async function changeRole(
  core: UsersCore,
  tx: LoginTransaction,
  userId: string,
  role: Role,
  by: DoneBy,
): Promise<void> {
  const event = { action: 'privilege_permissions_changed', outcome: 'success', data: { role } } as const;
  await core.recordAudit(tx, { ...by, ...event, target: { type: 'user', ref: userId } });
  await tx.announce('user', userId, 'role');
}

async function setStatus(
  core: UsersCore,
  tx: LoginTransaction,
  userId: string,
  { status }: State,
  by: DoneBy,
): Promise<void> {
  const action = status === 'disabled' ? 'user_disabled' : 'user_enabled';
  await core.recordAudit(tx, { ...by, action, outcome: 'success', target: { type: 'user', ref: userId } });
  // Their API keys count again, and whoever asked meanwhile has kept that they did not.
  if (status === 'active') return tx.announce('user', userId, 'enabled');
  const at = core.now();
  // Heard of by the person: a row for each login would say no more.
  await revokeUserSessions(tx, userId, { except: null, reason: 'disabled', at, slackMs: UNWRITTEN_MS });
  await tx.announce('user', userId, 'disabled');
}
