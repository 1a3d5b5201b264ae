import { randomUUID } from 'node:crypto';
import type { Queryable } from '../../platform/database/database.js';
import type { Origin } from '../../platform/principal.js';
import { auditOrigin } from '../audit-origin.js';
import type { Core } from '../core.js';
import { anonymousFailure } from '../logins/sign-in.js';
import { forgotPage, mailLink, newMailToken } from '../mail/links.js';
import { type MailText, takenMail, verifyMail } from '../mail/templates.js';
import { type AttemptLimit, countAttempt } from '../store/attempts.js';
import { insertPendingSignup } from '../store/pending-signups.js';
import { findCredentials } from '../store/users.js';

export interface PendingSignup {
  /** Normalised. */
  email: string;
  username: string;
  passwordHash: string;
}

const TOKEN_MS = 24 * 3_600_000;
const MAILS: AttemptLimit = { scope: 'verify-mail', limit: 3, windowMs: 3_600_000 };

/**
 * A sign-up that waits for its address to be verified. To be done after the answer, which is the same for a taken address: only
 * its owner is told, by mail.
 */
export async function awaitVerification(core: Core, signup: PendingSignup, origin: Origin): Promise<void> {
  const emailIndex = core.people().indexOf(signup.email);
  const mail = await core.database.transaction(async (tx) => {
    if ((await countAttempt(tx, MAILS, emailIndex, core.now())) !== undefined) return undefined;
    const taken = await findCredentials(tx, emailIndex);
    return taken ? refuseTaken(core, tx, taken.id, origin) : keep(core, tx, signup, origin);
  });
  if (mail) core.mailer?.send({ to: signup.email, ...mail });
}

type Outcome = MailText & { kind: 'taken' | 'verify' };

async function refuseTaken(core: Core, tx: Queryable, userId: string, origin: Origin): Promise<Outcome> {
  await core.recordAudit(tx, anonymousFailure('user_created', 'address-taken', origin, userId));
  const site = core.publicUrl();
  return { kind: 'taken', ...takenMail(site, forgotPage(site)) };
}

async function keep(core: Core, tx: Queryable, signup: PendingSignup, origin: Origin): Promise<Outcome> {
  const id = randomUUID();
  const at = core.now();
  const { key, emailEnc, emailIndex } = core.people().protect(id, signup.email);
  const { token, hash } = newMailToken('vfy');
  await insertPendingSignup(tx, {
    id,
    emailEnc,
    emailIndex,
    keyId: key.keyId,
    wrapped: key.wrapped,
    username: signup.username,
    passwordHash: signup.passwordHash,
    tokenHash: hash,
    at,
    expiresAt: at + TOKEN_MS,
  });
  const { actor, request } = auditOrigin(origin);
  await core.recordAudit(tx, {
    action: 'user_signup_requested',
    outcome: 'success',
    actor: { type: 'anonymous', ...actor },
    ...request,
  });
  const site = core.publicUrl();
  return { kind: 'verify', ...verifyMail(site, mailLink(site, 'verify', token)) };
}
