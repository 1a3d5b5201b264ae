import { AuthenticationError, type User } from '@bongsu/protocol';
import type { Origin, UserPrincipal } from '../../platform/principal.js';
import type { Core } from '../core.js';
import { ownEvent } from '../logins/sign-in.js';
import { findProfile, renameUser } from '../store/users.js';

/** The caller's own profile, the address decrypted. */
export async function getMe(core: Core, { userId }: UserPrincipal): Promise<User> {
  const row = await findProfile(core.database, userId);
  if (!row) throw new AuthenticationError('TOKEN_REVOKED');
  return core.people().profile(row);
}

/** Changes what is given. The new name shows on this process at once, elsewhere within minutes. */
export async function updateMe(
  core: Core,
  principal: UserPrincipal,
  change: { username?: string | undefined },
  origin: Origin,
): Promise<User> {
  const { userId } = principal;
  const { username } = change;
  if (username !== undefined) {
    await core.database.transaction(async (tx) => {
      if (!(await renameUser(tx, userId, username))) throw new AuthenticationError('TOKEN_REVOKED');
      await core.recordAudit(tx, {
        ...ownEvent('user_updated', principal, origin),
        data: { field: 'username' },
      });
    });
    core.live.forgetUser(userId);
    core.keyHolders.forgetUser(userId);
  }
  return getMe(core, principal);
}
