import { ValidationError } from '@bongsu/protocol';
import { dictionary } from '@zxcvbn-ts/language-common';

/** Words that a guesser of this very password tries first. */
export interface PasswordContext {
  email: string;
  username: string;
  /** SERVICE_NAME. */
  serviceName: string;
}

/** PasswordSchema admits no shorter ones. */
const SHORTEST = 8;
const COMMON: ReadonlySet<string> = new Set(
  dictionary['passwords-common'].filter((password) => password.length >= SHORTEST),
);
const PRODUCT = 'bongsu';
/** Shorter words say nothing: "al" is in half of all passwords. */
const SHORTEST_WORD = 3;
const SHORTEST_LABEL = 4;

/**
 * Why nobody should have this password, or undefined when it may be one: it is among the commonest there are, or it is
 * just a word of its context, be it with digits and signs around. No rules of composition; its length is checked elsewhere.
 */
export function passwordFault(password: string, context: PasswordContext): string | undefined {
  const text = normalise(password);
  if (COMMON.has(text)) return 'is one of the commonest passwords: choose another one';
  const isWord = wordsOf(context).some((word) => isJust(text, word));
  return isWord ? 'must not be just the address, the name or the name of this service' : undefined;
}

/** The one gate of every new password. @throws VALIDATION_ERROR with path `password` */
export function assertAcceptablePassword(password: string, context: PasswordContext): void {
  const message = passwordFault(password, context);
  if (message !== undefined) throw new ValidationError([{ path: 'password', message }]);
}

function normalise(text: string): string {
  return text.normalize('NFKC').toLowerCase();
}

function wordsOf({ email, username, serviceName }: PasswordContext): string[] {
  const at = email.lastIndexOf('@');
  const domain = email.slice(at + 1);
  const labels = domain
    .split('.')
    .slice(0, -1)
    .filter((label) => label.length >= SHORTEST_LABEL);
  return [email, email.slice(0, at), domain, ...labels, username, serviceName, PRODUCT].map(normalise);
}

function isJust(text: string, word: string): boolean {
  const letters = coreOf(word);
  return squash(text) === squash(word) || (letters.length >= SHORTEST_WORD && coreOf(text) === letters);
}

/** Letters and digits only: "ada.lovelace" is "adalovelace". */
function squash(text: string): string {
  return text.replace(/[^\p{L}\p{N}]/gu, '');
}

/** Without digits around: "2024bongsu1!" is "bongsu". */
function coreOf(text: string): string {
  return squash(text).replace(/^\p{N}+|\p{N}+$/gu, '');
}
