import { AuthenticationError, BongsuError, type CreatedApiKey, type Scope } from '@bongsu/protocol';
import type { Queryable } from '../../platform/database/database.js';
import type { UserPrincipal } from '../../platform/principal.js';
import type { Core } from '../core.js';
import { assertLoginOpen } from '../logins/open-login.js';
import { countLiveKeys, insertApiKey } from '../store/api-keys.js';
import { lockActiveUser } from '../store/users.js';
import { formatKey, newKeyParts } from './format.js';

/** Of one person, not counting those that a newer one has taken over from. */
export const MAX_API_KEYS = 50;
/** Of those: they end by themselves, and must not keep a leaked key from being rotated. */
const MAX_ROTATED = 50;

export interface NewKey {
  userId: string;
  name: string;
  scopes: readonly Scope[];
  /** Milliseconds, database clock: what `expiresAt` was counted from. */
  at: number;
  /** Null never. */
  expiresAt: number | null;
}

/**
 * What a transaction of a user's keys begins with: nobody else changes them until it ends, and a login that was ended makes none.
 * @throws TOKEN_REVOKED
 */
export async function lockKeys(
  tx: Queryable,
  { userId, sessionId }: Pick<UserPrincipal, 'userId' | 'sessionId'>,
): Promise<void> {
  if (!(await lockActiveUser(tx, userId))) throw new AuthenticationError('TOKEN_REVOKED');
  await assertLoginOpen(tx, sessionId);
}

/** @throws CONFLICT when the user has as many as one may */
export async function assertRoom(
  core: Core,
  tx: Queryable,
  userId: string,
  isRotation: boolean,
): Promise<void> {
  const { standing, rotated } = await countLiveKeys(tx, userId, core.now());
  if (isRotation ? rotated < MAX_ROTATED : standing < MAX_API_KEYS) return;
  throw new BongsuError('CONFLICT', { details: { maxApiKeys: isRotation ? MAX_ROTATED : MAX_API_KEYS } });
}

/** Makes a key and answers it, which nothing does again: what is stored is a hash of its secret. */
export async function issueKey(core: Core, tx: Queryable, key: NewKey): Promise<CreatedApiKey> {
  const parts = newKeyParts();
  const { id } = parts;
  const { userId, name, scopes, at, expiresAt } = key;
  const secretHash = core.hashes().hash('api-key', parts.secret);
  await insertApiKey(tx, { id, userId, name, secretHash, scopes, at, expiresAt });
  return {
    id,
    name,
    scopes: [...scopes],
    createdAt: at,
    expiresAt,
    lastUsedAt: null,
    rotatedTo: null,
    key: formatKey(parts),
  };
}
