import { EmailSchema, type Fault, RoleSchema, UsernameSchema } from '@bongsu/protocol';
import { z } from 'zod';
import { isDatabaseFault } from '../../platform/database/database.js';
import { createAccount } from '../accounts/accounts.js';
import { ARGON2_COST } from '../passwords/passwords.js';
import { markEmailVerified } from '../store/passwords.js';
import { findCredentials } from '../store/users.js';
import { BY_COMMAND, type UsersCore } from './core.js';

/** Costs below are too weak to keep, above they would stop the server at each log-in. */
const BCRYPT = /^\$2[aby]\$1[0-4]\$[./A-Za-z0-9]{53}$/;
const ARGON2ID =
  /^\$argon2id\$v=19\$m=([1-9]\d{3,5}),t=([1-9]\d?),p=([1-9]\d?)\$[A-Za-z0-9+/]{11,86}\$[A-Za-z0-9+/]{22,86}$/;
const MOST_MEMORY_KIB = 262_144;
/** While one such hash is left, every wrong password costs its work too: not more than eight of today's. */
const MOST_WORK_KIB = 8 * ARGON2_COST.memoryCost * ARGON2_COST.timeCost;
const MOST_LANES = 4;

/** One person of another application, with the hash of their password there. */
const ImportedUserSchema = z.object({
  email: EmailSchema,
  username: UsernameSchema,
  passwordHash: z
    .string()
    .max(400)
    .refine(
      isAcceptedHash,
      'must be a bcrypt hash ($2a$, $2b$ or $2y$) of cost 10 to 14, or an argon2id hash of at most 256 MiB, 4 lanes, and memory times passes of at most 304 MiB',
    ),
  role: RoleSchema.default('user'),
  emailVerified: z.boolean().default(false),
});

export type ImportOutcome =
  | { outcome: 'imported'; userId: string }
  /** The address has an account, which is left as it is. */
  | { outcome: 'skipped' }
  | { outcome: 'refused'; faults: Fault[] };

/** One after another, each wholly or not at all; whoever is there already is skipped, so it may be done again. */
export async function importUsers(core: UsersCore, entries: readonly unknown[]): Promise<ImportOutcome[]> {
  const outcomes: ImportOutcome[] = [];
  for (const entry of entries) {
    const parsed = ImportedUserSchema.safeParse(entry);
    outcomes.push(
      parsed.success
        ? await importOne(core, parsed.data)
        : { outcome: 'refused', faults: faultsOf(parsed.error) },
    );
  }
  core.foreignHashes.changed();
  return outcomes;
}

async function importOne(
  core: UsersCore,
  entry: z.output<typeof ImportedUserSchema>,
): Promise<ImportOutcome> {
  const { emailVerified, ...account } = entry;
  if (await findCredentials(core.database, core.people().indexOf(account.email)))
    return { outcome: 'skipped' };
  try {
    return await core.database.transaction(async (tx) => {
      const { id, createdAt } = await createAccount(core, tx, { ...account, signedIn: false });
      if (emailVerified) await markEmailVerified(tx, id, createdAt);
      await core.recordAudit(tx, {
        ...BY_COMMAND,
        action: 'user_created',
        outcome: 'success',
        reason: 'import',
        target: { type: 'user', ref: id },
        data: { role: account.role },
      });
      return { outcome: 'imported', userId: id } as const;
    });
  } catch (error) {
    if (isDatabaseFault(error, 'unique')) return { outcome: 'skipped' };
    throw error;
  }
}

function isAcceptedHash(hash: string): boolean {
  if (BCRYPT.test(hash)) return true;
  const [, memoryKib, passes, lanes] = ARGON2ID.exec(hash)?.map(Number) ?? [];
  if (memoryKib === undefined || passes === undefined || lanes === undefined) return false;
  return memoryKib <= MOST_MEMORY_KIB && memoryKib * passes <= MOST_WORK_KIB && lanes <= MOST_LANES;
}

function faultsOf(error: z.ZodError): Fault[] {
  return error.issues.map(({ path, message }) => ({ path: path.map(String).join('.'), message }));
}
