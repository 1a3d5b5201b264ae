import { People } from './accounts/people.js';
import { createPasswords } from './compose.js';
import { deriveRing } from './derive.js';
import type { IdentityDeps, KeyOperations } from './index.js';
import { ForeignHashes } from './passwords/foreign-hashes.js';
import { KeyRotation } from './tokens/key-rotation.js';
import { type UserAdministration, userAdministration } from './users/administration.js';
/** For a process that serves nobody; servers read from SQL what it did. */
export function createKeyOperations(
  deps: Pick<IdentityDeps, 'config' | 'database' | 'databaseClock' | 'recordAudit'>,
): KeyOperations {
  const { config, database, databaseClock: now, recordAudit } = deps;
  const { jwtAlgorithm: algorithm, accessTokenMs } = config;
  const ring = deriveRing(config.jwtSecret, config.jwtSecretPrevious);
  return new KeyRotation({ algorithm, ring, accessTokenMs, database, now, recordAudit, announce: () => {} });
}

/**
 * Users without the rest of identity, for a command that opened the database itself: servers hear of what it ends by their poll. Opened
 * when first asked for something. @throws WrongSecretError
 */
export function openUserAdministration(
  deps: Pick<
    IdentityDeps,
    'config' | 'database' | 'databaseClock' | 'clock' | 'recordAudit' | 'takeBackScreens'
  >,
): UserAdministration {
  const { config, database, databaseClock: now, clock, recordAudit, takeBackScreens } = deps;
  const passwords = createPasswords(clock, config.passwordCost);
  const foreignHashes = new ForeignHashes(database, clock);
  return userAdministration(async () => {
    const people = await People.open(database, config.piiKeys, now());
    return {
      config,
      database,
      now,
      recordAudit,
      takeBackScreens,
      passwords,
      foreignHashes,
      people: () => people,
      feed: { committed: () => {} },
      // A command has no mailer: only a server that is asked over its control socket tells people.
      notices: { send: () => {} },
    };
  });
}
