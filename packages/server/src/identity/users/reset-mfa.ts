import { BongsuError, type ManagedUser, UuidSchema } from '@bongsu/protocol';
import { endLogins } from '../logins/end-logins.js';
import { loginTransaction } from '../logins/login-transaction.js';
import { findManagedUser, lockUser } from '../store/managed-users.js';
import { deleteFactors } from '../store/mfa.js';
import { voidChallenges } from '../store/passwords.js';
import type { DoneBy, UsersCore } from './core.js';
import { toManagedUser } from './list-users.js';

/**
 * Takes somebody's second factor off with its recovery codes, and ends all their logins: for who lost it, or found a stranger's on an
 * account of their own address. @throws NOT_FOUND; CONFLICT when no factor is on
 */
export async function resetMfa(core: UsersCore, id: string, by: DoneBy): Promise<ManagedUser> {
  const userId = UuidSchema.safeParse(id).data;
  if (userId === undefined) throw new BongsuError('NOT_FOUND');
  const after = await loginTransaction(core, async (tx) => {
    if (!(await lockUser(tx, userId))) throw new BongsuError('NOT_FOUND');
    const before = await findManagedUser(tx, userId);
    if (!before) throw new BongsuError('NOT_FOUND');
    if (!before.mfa) throw new BongsuError('CONFLICT', { details: { reason: 'factor-off' } });
    await deleteFactors(tx, userId);
    await voidChallenges(tx, userId, core.now());
    await endLogins(core, tx, userId, { reason: 'second-factor' });
    // To their API keys, which may be asked for one.
    await tx.announce('user', userId, 'proven');
    const target = { type: 'user', ref: userId };
    await core.recordAudit(tx, { ...by, action: 'user_mfa_reset', outcome: 'success', target });
    return { ...before, mfa: false };
  });
  core.notices.send('second-factor-off', userId);
  return toManagedUser(core, after);
}
