import { randomUUID } from 'node:crypto';
import { BongsuError, type Role } from '@bongsu/protocol';
import { isDatabaseFault, type Queryable } from '../../platform/database/database.js';
import type { Core } from '../core.js';
import { insertUser, type UserRow } from '../store/users.js';

export interface NewAccount {
  /** Normalised. */
  email: string;
  username: string;
  role: Role;
  passwordHash: string;
  /** The account comes with its first login. */
  signedIn: boolean;
}

/** A new account, its address encrypted under a key of its own. @throws DatabaseError `unique` when the address is taken */
export async function createAccount(
  core: Pick<Core, 'now' | 'people'>,
  tx: Queryable,
  account: NewAccount,
): Promise<UserRow> {
  const { email, username, role, passwordHash } = account;
  const id = randomUUID();
  const at = core.now();
  const lastLogin = account.signedIn ? at : null;
  const { key, emailEnc, emailIndex } = core.people().protect(id, email);
  const { keyId, wrapped } = key;
  await insertUser(tx, {
    id,
    emailEnc,
    emailIndex,
    username,
    role,
    passwordHash,
    at,
    lastLogin,
    keyId,
    wrapped,
  });
  return {
    id,
    username,
    role,
    status: 'active',
    epoch: 0,
    createdAt: at,
    lastLogin,
    passwordChangedAt: at,
  };
}

/** Of two sign-ups with one address at once the second meets the table's own rule. */
export function asConflict(error: unknown): unknown {
  return isDatabaseFault(error, 'unique')
    ? new BongsuError('CONFLICT', { details: { reason: 'address-taken' }, cause: error })
    : error;
}
