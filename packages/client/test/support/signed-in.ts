import type { MfaChallenge, SignedIn } from '@bongsu/protocol';

/** The login of somebody without a second factor. */
export async function signedIn(answer: Promise<SignedIn | MfaChallenge>): Promise<SignedIn> {
  const login = await answer;
  if (!('user' in login)) throw new Error('A second factor is due');
  return login;
}
