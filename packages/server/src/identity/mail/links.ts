import { createHash } from 'node:crypto';
import { randomToken } from '../../platform/ids.js';

/** What a link in a mail carries; only the hash is stored, which is enough for 256 bits of chance. */
export interface MailToken {
  token: string;
  hash: Uint8Array;
}

export function newMailToken(prefix: 'rst' | 'vfy'): MailToken {
  const token = `${prefix}_${randomToken(32)}`;
  return { token, hash: hashMailToken(token) };
}

export function hashMailToken(token: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(token).digest());
}

/**
 * The token is in the fragment, which browsers send to nobody: no log and no Referer has it.
 * @param site PUBLIC_URL, never a Host header: whoever asks for the mail would choose where the link leads
 */
export function mailLink(site: string, page: 'reset' | 'verify', token: string): string {
  return `${site}/${page}#token=${token}`;
}

/** Where a forgotten password is told of. */
export function forgotPage(site: string): string {
  return `${site}/forgot`;
}
