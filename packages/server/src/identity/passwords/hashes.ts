import { randomBytes } from 'node:crypto';
import { verify as verifyArgon2 } from '@node-rs/argon2';
import { verify as verifyBcrypt } from '@node-rs/bcrypt';

const BCRYPT = /^\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}$/;
const ARGON2 = /^\$argon2\w+\$v=\d+\$m=\d+,t=\d+,p=\d+/;
/** bcrypt reads no more, and stops at a NUL: what it would cut off must not be taken for right. */
const BCRYPT_MOST_BYTES = 72;

/** What decides how long a hash takes: the algorithm and its cost, such as `$2b$12`. */
export function kindOf(hash: string): string {
  const [, cost] = BCRYPT.exec(hash) ?? [];
  return cost === undefined ? (ARGON2.exec(hash)?.[0] ?? hash) : `$2b$${cost}`;
}

/** A hash of that kind that no password fits. */
export function unfittingHash(kind: string): string {
  if (!kind.startsWith('$2b$')) return `${kind}$${base64(16)}$${base64(32)}`;
  // The last characters of salt and hash have bits to spare, which must be zero.
  return `${kind}$${bcryptText(16)}u${bcryptText(23)}u`;
}

/** argon2 of any kind, and bcrypt. The work is done whatever the password is. */
export async function matches(password: string, hash: string): Promise<boolean> {
  if (!BCRYPT.test(hash)) return verifyArgon2(hash, password.normalize('NFKC'));
  // As it was typed: nobody knows what the importer's application normalised.
  const fits = Buffer.byteLength(password) <= BCRYPT_MOST_BYTES && !password.includes('\0');
  return (await verifyBcrypt(fits ? password : '', hash)) && fits;
}

function base64(bytes: number): string {
  return randomBytes(bytes).toString('base64').replace(/=+$/, '');
}

function bcryptText(bytes: number): string {
  return base64(bytes).replaceAll('+', '.').slice(0, -1);
}
