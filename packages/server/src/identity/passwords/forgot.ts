import { EmailSchema } from '@bongsu/protocol';
import type { Origin } from '../../platform/principal.js';
import { auditOrigin } from '../audit-origin.js';
import type { Core } from '../core.js';
import { anonymousFailure } from '../logins/sign-in.js';
import { mailLink, newMailToken } from '../mail/links.js';
import { resetMail } from '../mail/templates.js';
import { type AttemptLimit, countAttempt } from '../store/attempts.js';
import { insertResetToken } from '../store/passwords.js';

const TOKEN_MS = 3_600_000;
const MAILS: AttemptLimit = { scope: 'reset-mail', limit: 3, windowMs: 3_600_000 };

/**
 * Mails a link that sets a new password, if anybody has the address. It is looked up only after the answer, so that neither
 * the answer nor its time tells. @throws BUSY, whoever asks
 */
export async function forgotPassword(core: Core, typed: string, origin: Origin): Promise<void> {
  if (!core.mailer) core.tellNoMail();
  else core.errands.add('password-forgot', () => mailResetLink(core, typed, origin));
}

async function mailResetLink(core: Core, typed: string, origin: Origin): Promise<void> {
  // What cannot be an address is looked for like any other, and nobody has it.
  const parsed = EmailSchema.safeParse(typed);
  const emailIndex = core.people().indexOf(parsed.success ? parsed.data : typed);
  const { token, hash } = newMailToken('rst');
  const at = core.now();
  const owner = await core.database.transaction(async (tx) => {
    if ((await countAttempt(tx, MAILS, emailIndex, at)) !== undefined) return undefined;
    const found = await insertResetToken(tx, { hash, emailIndex, at, expiresAt: at + TOKEN_MS });
    const { actor, request } = auditOrigin(origin);
    const action = 'authn_password_reset_request';
    await core.recordAudit(
      tx,
      found
        ? {
            action,
            outcome: 'success',
            actor: { type: 'anonymous', ...actor },
            target: { type: 'user', ref: found.id },
            ...request,
          }
        : anonymousFailure(action, 'unknown-address', origin),
    );
    return found;
  });
  if (!owner) return;
  const site = core.publicUrl();
  // To the address as it is stored: what was typed may look the same and belong to somebody else.
  const to = core.people().addressOf(owner);
  core.mailer?.send({ kind: 'reset', to, ...resetMail(site, mailLink(site, 'reset', token)) });
}
