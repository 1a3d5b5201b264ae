import type { AuthOptions } from '@bongsu/protocol';
import type { Core } from '../core.js';

/** What a page must know before somebody is signed in. */
export function authOptions({ config, mailer }: Core): AuthOptions {
  const { signup, emailVerification } = config;
  return { signup, emailVerification, passwordReset: mailer !== undefined };
}
