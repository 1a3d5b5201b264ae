import { AuthenticationError } from '@bongsu/protocol';
import type { Queryable } from '../../platform/database/database.js';
import { isLoginOpen } from '../store/logins.js';

/**
 * For what outlives a login, in a transaction that holds the user's row: who ends all logins takes that row as well, so nothing
 * that one of them had asked for before comes into being after. @throws TOKEN_REVOKED
 */
export async function assertLoginOpen(tx: Queryable, sessionId: string): Promise<void> {
  if (!(await isLoginOpen(tx, sessionId))) throw new AuthenticationError('TOKEN_REVOKED');
}
