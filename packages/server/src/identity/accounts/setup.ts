import { createHash } from 'node:crypto';
import { AuthenticationError } from '@bongsu/protocol';
import { randomToken } from '../../platform/ids.js';
import type { Origin } from '../../platform/principal.js';
import type { Core } from '../core.js';
import { loginTransaction } from '../logins/login-transaction.js';
import { anonymousFailure, openLogin, ownEvent, type SignedInLogin } from '../logins/sign-in.js';
import { assertAcceptablePassword } from '../passwords/acceptable.js';
import {
  deleteSetupTokens,
  insertSetupToken,
  isSetupTokenValid,
  lockFirstAdmin,
} from '../store/setup-tokens.js';
import { findCredentials, hasAdmin } from '../store/users.js';
import { asConflict, createAccount } from './accounts.js';
import type { SignupInput } from './signup.js';

const LINK_MS = 7 * 24 * 3_600_000;
const ADMIN_NAME = 'Administrator';

/** True while nobody administers this server. */
export async function isSetupNeeded(core: Core): Promise<boolean> {
  return !(await hasAdmin(core.database));
}

/** A new token for the one-time link, or undefined once there is an administrator. Only its hash is stored. */
export async function makeSetupToken(core: Core): Promise<string | undefined> {
  if (!(await isSetupNeeded(core))) return undefined;
  const token = `set_${randomToken(32)}`;
  const at = core.now();
  await core.database.transaction((tx) => insertSetupToken(tx, hashOf(token), at, at + LINK_MS));
  return token;
}

/**
 * Makes the first administrator by the one-time link. Every link is void once there is one.
 * @throws AUTH_ERROR for a link that is wrong, old or used; VALIDATION_ERROR naming password; CONFLICT for a taken address; BUSY
 */
export async function setup(
  core: Core,
  input: SignupInput & { token: string },
  origin: Origin,
): Promise<SignedInLogin> {
  const { email, username } = input;
  const hash = hashOf(input.token);
  const usable = (await isSetupTokenValid(core.database, hash, core.now())) && (await isSetupNeeded(core));
  if (!usable) return refuse(core, origin);
  assertAcceptablePassword(input.password, { ...input, serviceName: core.config.serviceName });
  const passwordHash = await core.passwords.hash(input.password);
  const signedIn = await loginTransaction(core, async (tx) => {
    await lockFirstAdmin(tx);
    if (!(await isSetupTokenValid(tx, hash, core.now())) || (await hasAdmin(tx))) return undefined;
    await deleteSetupTokens(tx);
    const account = { email, username, passwordHash, role: 'admin', signedIn: true } as const;
    const user = await createAccount(core, tx, account);
    const opened = await openLogin(core, tx, user, email, { rememberMe: false, origin });
    const who = { userId: user.id, sessionId: opened.login.sessionId };
    await core.recordAudit(tx, { ...ownEvent('user_created', who, origin), data: { role: 'admin' } });
    return opened;
  }).catch((error: unknown) => Promise.reject(asConflict(error)));
  return signedIn ?? refuse(core, origin);
}

/** ADMIN_EMAIL and ADMIN_PASSWORD, once. An account that somebody made by themselves is never raised by it. */
export async function ensureFirstAdmin(core: Core): Promise<void> {
  const { firstAdmin } = core.config;
  if (!firstAdmin || !(await isSetupNeeded(core))) return;
  const { email } = firstAdmin;
  const passwordHash = await core.passwords.hash(firstAdmin.password);
  await core.database.transaction(async (tx) => {
    await lockFirstAdmin(tx);
    if (await hasAdmin(tx)) return;
    if (await findCredentials(tx, core.people().indexOf(email))) {
      core.log.error({}, 'ADMIN_EMAIL belongs to an account that is no administrator; use the set-up link');
      return;
    }
    await deleteSetupTokens(tx);
    const account = { email, username: ADMIN_NAME, passwordHash, role: 'admin', signedIn: false } as const;
    const user = await createAccount(core, tx, account);
    await core.recordAudit(tx, {
      action: 'user_created',
      outcome: 'success',
      actor: { type: 'system' },
      target: { type: 'user', ref: user.id },
      data: { role: 'admin' },
    });
  });
}

async function refuse(core: Core, origin: Origin): Promise<never> {
  await core.recordAudit(core.database, anonymousFailure('authn_setup_fail', 'link', origin));
  throw new AuthenticationError();
}

function hashOf(token: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(token).digest());
}
