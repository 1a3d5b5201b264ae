import { BongsuError, EmailSchema, type ManagedUser } from '@bongsu/protocol';
import { findCredentials } from '../store/users.js';
import { changeUser } from './change-user.js';
import { BY_COMMAND, type UsersCore } from './core.js';
import { type CreateUserInput, createUser } from './create-user.js';
import { type ImportOutcome, importUsers } from './import-users.js';
import { resetMfa } from './reset-mfa.js';

/** What commands do with users: beside a running server in it, else on the database itself. */
export interface UserAdministration {
  /** Answers the id. @throws CONFLICT for a taken address, BUSY */
  create(input: CreateUserInput): Promise<string>;
  /** By id or address. @throws NOT_FOUND; CONFLICT for the last administrator who can still sign in */
  disable(who: string): Promise<ManagedUser>;
  /** By id or address. @throws NOT_FOUND; CONFLICT when no second factor is on */
  resetMfa(who: string): Promise<ManagedUser>;
  import(entries: readonly unknown[]): Promise<ImportOutcome[]>;
}

/** `open` makes it when it is first needed. */
export function userAdministration(open: () => Promise<UsersCore>): UserAdministration {
  return {
    create: async (input) => createUser(await open(), input, BY_COMMAND),
    disable: async (who) => {
      const core = await open();
      return changeUser(core, await idOf(core, who), { disabled: true }, BY_COMMAND);
    },
    resetMfa: async (who) => {
      const core = await open();
      return resetMfa(core, await idOf(core, who), BY_COMMAND);
    },
    import: async (entries) => importUsers(await open(), entries),
  };
}

async function idOf(core: UsersCore, who: string): Promise<string> {
  if (!who.includes('@')) return who;
  const email = EmailSchema.safeParse(who).data;
  const found = email && (await findCredentials(core.database, core.people().indexOf(email)));
  if (!found) throw new BongsuError('NOT_FOUND');
  return found.id;
}
