import type { SignedIn } from '@bongsu/protocol';
import { Secret, TOTP } from 'otpauth';
import { type Answer, MovableTime, PASSWORD, type TestIdentity } from './identity.js';

export const STEP_MS = 30_000;

/** Stands still in the midst of a time step until it is moved, so that no step ends between making a code and sending it. */
export class StillTime extends MovableTime {
  readonly #start = (Math.floor(Date.now() / STEP_MS) + 0.5) * STEP_MS;
  override now = (): number => this.#start + this.offsetMs;
}

/** What an authenticator app shows at that time. */
export function totpAt(secret: string, now: number): string {
  return TOTP.generate({ secret: Secret.fromBase32(secret), timestamp: now });
}

/** Six digits that are no code of now, of before or of after. */
export function wrongTotp(secret: string, now: number): string {
  const near = [-2, -1, 0, 1, 2].map((steps) => totpAt(secret, now + steps * STEP_MS));
  const guess = ['000000', '111111', '222222', '333333', '444444', '555555'].find(
    (code) => !near.includes(code),
  );
  if (guess === undefined) throw new Error('five codes cannot be six');
  return guess;
}

/** Somebody whose second factor is on, and their first login. */
export interface Guarded {
  login: SignedIn & { refreshToken: string };
  userId: string;
  secret: string;
  recoveryCodes: string[];
  /** The code that turned it on. */
  setupCode: string;
  /** What the app shows now. */
  code(): string;
  wrong(): string;
}

export function bearer(accessToken: string): Record<string, string> {
  return { authorization: `Bearer ${accessToken}` };
}

/** Turns a second factor on, and moves time on to where its app shows a code that was not used yet. */
export async function guard(
  server: TestIdentity,
  login: SignedIn & { refreshToken: string },
): Promise<Guarded> {
  const headers = bearer(login.accessToken);
  const begun = await server.post('/users/me/mfa/totp', { password: PASSWORD }, headers);
  if (begun.status !== 200) throw new Error(`enrolment answered ${begun.status}`);
  const secret = String(begun.body.secret);
  const code = () => totpAt(secret, server.time.now());
  const setupCode = code();
  const confirmed = await server.post('/users/me/mfa/totp/confirm', { code: setupCode }, headers);
  if (confirmed.status !== 200) throw new Error(`confirming answered ${confirmed.status}`);
  server.time.advance(STEP_MS);
  const recoveryCodes = confirmed.body.recoveryCodes as string[];
  const wrong = () => wrongTotp(secret, server.time.now());
  return { login, userId: login.user.userId, secret, recoveryCodes, setupCode, code, wrong };
}

/** The first step of a log-in. */
export async function challenge(
  server: TestIdentity,
  { login }: Pick<Guarded, 'login'>,
  input: object = {},
): Promise<string> {
  const { status, body } = await server.post('/auth/login', {
    email: login.user.email,
    password: PASSWORD,
    ...input,
  });
  if (status !== 200 || typeof body.challengeId !== 'string') throw new Error(`log-in answered ${status}`);
  return body.challengeId;
}

export function verify(server: TestIdentity, challengeId: string, code: string): Promise<Answer> {
  return server.post('/auth/mfa/verify', { challengeId, code });
}

/** `200 ok`, or the status and code of a refusal. */
export function outcome({ status, body }: Answer): string {
  return `${status} ${body.error?.code ?? 'ok'}`;
}
