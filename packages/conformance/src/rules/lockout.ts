import { SignedInSchema } from '@bongsu/protocol';
import { v4 } from 'uuid';
import { expect, it } from 'vitest';
import { comparable, expectBody, expectFailure, type HttpAnswer } from '../support/http.js';
import type { Account, GetWorld } from '../support/world.js';

const MINUTE_MS = 60_000;
const QUARTER_MS = 15 * MINUTE_MS;
const MOST_OF_A_NETWORK = 50;

export function lockoutRules(world: GetWorld): void {
  const logIn = (email: string, password: string, cookie?: string) =>
    world().http.post(
      '/api/auth/login',
      { email, password },
      undefined,
      cookie === undefined ? {} : { cookie },
    );

  /** Wrong passwords until something else than AUTH_ERROR is answered, and how many that took. */
  async function failUntilRefused(email: string): Promise<{ wrong: number; refused: HttpAnswer }> {
    for (let wrong = 0; ; wrong += 1) {
      const refused = await logIn(email, `not the password ${wrong}`);
      if (refused.status !== 401 || wrong > MOST_OF_A_NETWORK) return { wrong, refused };
    }
  }

  it('[ID50] five wrong passwords lock an address for a minute, whether or not anybody has it', async () => {
    const { email, password } = await world().signUp();
    const known = await failUntilRefused(email);
    expect(known.wrong).toBe(5);
    const { retryAfterMs } = expectFailure(known.refused, 423, 'ACCOUNT_LOCKED');
    expect(retryAfterMs).toBeGreaterThan(0);
    expect(retryAfterMs).toBeLessThanOrEqual(MINUTE_MS);
    expectFailure(await logIn(email, password), 423, 'ACCOUNT_LOCKED');
    const unknown = await failUntilRefused(`nobody-${v4()}@example.com`);
    expect(unknown.wrong).toBe(5);
    const withoutTime = (answer: HttpAnswer) => {
      const { error, ...rest } = comparable(answer) as { error: { retryAfterMs?: number } };
      return { ...rest, error: { ...error, retryAfterMs: 0 } };
    };
    expect(withoutTime(unknown.refused)).toEqual(withoutTime(known.refused));
  });

  it('[ID51] a browser in which somebody logged in before is not locked by what others get wrong', async () => {
    const { email, password }: Account = await world().signUp();
    const first = await logIn(email, password);
    expectBody(first, 200, SignedInSchema);
    const cookie = first.headers.getSetCookie().find((value) => /bongsu_device=/.test(value)) ?? '';
    expect(cookie).toMatch(/HttpOnly/i);
    expect(cookie).toMatch(/SameSite=Strict/i);
    const { refused } = await failUntilRefused(email);
    expectFailure(refused, 423, 'ACCOUNT_LOCKED');
    expectBody(await logIn(email, password, cookie.split(';')[0]), 200, SignedInSchema);
  });

  it('[ID52] fifty wrong passwords close a network to log-ins, right ones included', async () => {
    const { email, password } = await world().signUp();
    let answer = await logIn(email, password);
    for (let n = 0; n < MOST_OF_A_NETWORK && answer.status !== 429; n += 1) {
      answer = await logIn(`nobody-${v4()}@example.com`, 'not the password');
    }
    answer = await logIn(email, password);
    const { retryAfterMs } = expectFailure(answer, 429, 'RATE_LIMIT');
    expect(retryAfterMs).toBeGreaterThan(0);
    expect(retryAfterMs).toBeLessThanOrEqual(QUARTER_MS);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  }, 120_000);
}
