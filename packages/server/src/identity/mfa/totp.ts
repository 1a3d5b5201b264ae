import { randomBytes, timingSafeEqual } from 'node:crypto';
import { HOTP, Secret, TOTP } from 'otpauth';

// RFC 6238 as every authenticator app knows it: SHA-1, six digits, 30 seconds. Some ignore other parameters in the URL.
const ALGORITHM = 'SHA1';
const DIGITS = 6;
const PERIOD_S = 30;
const SECRET_BYTES = 20;

export function newTotpSecret(): Uint8Array {
  return new Uint8Array(randomBytes(SECRET_BYTES));
}

/** Base32, for those who type it. */
export function typedSecret(secret: Uint8Array): string {
  return secretOf(secret).base32;
}

/** What an authenticator app reads from the QR code. */
export function otpauthUrl(secret: Uint8Array, issuer: string, label: string): string {
  const parameters = { algorithm: ALGORITHM, digits: DIGITS, period: PERIOD_S };
  return new TOTP({ issuer, label, secret: secretOf(secret), ...parameters }).toString();
}

export interface StepWindow {
  /** Milliseconds, database clock. */
  now: number;
  /** For those who type slowly, or whose clocks are late. */
  previousSteps: number;
}

/**
 * The time steps whose code this is, latest first: the present one, and as many before it as may be. All of them are computed and
 * compared whole whatever the code, so that time tells nothing.
 */
export function matchingSteps(
  secret: Uint8Array,
  code: string,
  { now, previousSteps }: StepWindow,
): number[] {
  const present = Math.floor(now / 1000 / PERIOD_S);
  const steps = Array.from({ length: previousSteps + 1 }, (_, back) => present - back);
  return steps.filter((step) => isSame(codeOf(secret, step), code));
}

function codeOf(secret: Uint8Array, counter: number): string {
  return HOTP.generate({ secret: secretOf(secret), algorithm: ALGORITHM, digits: DIGITS, counter });
}

function isSame(expected: string, given: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function secretOf(secret: Uint8Array): Secret {
  return new Secret({ buffer: Uint8Array.from(secret).buffer });
}
