import type { Role } from '@bongsu/protocol';
import { asConflict, createAccount } from '../accounts/accounts.js';
import { assertAcceptablePassword } from '../passwords/acceptable.js';
import type { DoneBy, UsersCore } from './core.js';

export interface CreateUserInput {
  /** Normalised. */
  email: string;
  username: string;
  password: string;
  role: Role;
}

/** An account that nobody signed up for themselves. Answers its id.
 * @throws VALIDATION_ERROR for a password that anybody would guess, CONFLICT for a taken address, BUSY
 */
export async function createUser(core: UsersCore, input: CreateUserInput, by: DoneBy): Promise<string> {
  const { password, ...account } = input;
  const { serviceName } = core.config;
  assertAcceptablePassword(password, { email: account.email, username: account.username, serviceName });
  const passwordHash = await core.passwords.hash(password);
  try {
    return await core.database.transaction(async (tx) => {
      const { id } = await createAccount(core, tx, { ...account, passwordHash, signedIn: false });
      await core.recordAudit(tx, {
        ...by,
        action: 'user_created',
        outcome: 'success',
        target: { type: 'user', ref: id },
        data: { role: account.role },
      });
      return id;
    });
  } catch (error) {
    throw asConflict(error);
  }
}
