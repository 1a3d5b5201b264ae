import { AuthenticationError, BongsuError } from '@bongsu/protocol';
import { describe, expect, it } from 'vitest';
import { createApi } from './api.js';
import { type Proof, StepUp } from './step-up.js';

const PROVEN = { accessToken: 'a', expiresIn: 900, provenUntil: 1 };

/** A server that wants a fresh proof: the password, and the code too where `mfa` is on. */
function server({ mfa = false } = {}) {
  const calls: unknown[] = [];
  let proven = false;
  const stepUp = new StepUp(async ({ password, code }: Proof) => {
    calls.push(code === undefined ? { password } : { password, code });
    if (password !== 'right') throw new AuthenticationError('AUTH_ERROR');
    if (mfa && code === undefined) throw new AuthenticationError('MFA_REQUIRED');
    proven = true;
    return PROVEN;
  });
  const request = async <T>(path: string): Promise<T> => {
    calls.push(path);
    if (!proven) throw new BongsuError('STEP_UP_REQUIRED');
    return `did ${path}` as T;
  };
  return { stepUp, calls, api: createApi({ request }, stepUp) };
}

/** The dialog was told. */
async function asked(stepUp: StepUp): Promise<void> {
  while (!stepUp.due) await Promise.resolve();
}

describe('a fresh proof', () => {
  it('[USR2] is asked for once, and the call is repeated', async () => {
    const { stepUp, calls, api } = server();
    const both = Promise.all([api.endLogin('one'), api.endLogin('two')]);
    await asked(stepUp);
    expect(stepUp.due).toEqual({ password: true, code: false });
    await stepUp.prove({ password: 'right' });
    expect(await both).toEqual(['did /api/auth/sessions/one', 'did /api/auth/sessions/two']);
    expect(stepUp.due).toBeUndefined();
    expect(calls.filter((call) => typeof call === 'object')).toEqual([{ password: 'right' }]);
  });

  it('[USR2] with a second factor asks for the code as well', async () => {
    const { stepUp, calls, api } = server({ mfa: true });
    const told: unknown[] = [];
    stepUp.subscribe(() => told.push(stepUp.due));
    const ended = api.endLogin('one');
    await asked(stepUp);
    await stepUp.prove({ password: 'right' });
    expect(stepUp.due).toEqual({ password: true, code: true });
    await stepUp.prove({ password: 'right', code: '123456' });
    expect(await ended).toBe('did /api/auth/sessions/one');
    expect(calls.at(-2)).toEqual({ password: 'right', code: '123456' });
    expect(told).toEqual([{ password: true, code: false }, { password: true, code: true }, undefined]);
  });

  it('[USR2] takes the password that was typed for the call itself, and asks only for what is missing', async () => {
    const plain = server();
    expect(await plain.api.changePassword('right', 'new words here')).toBe('did /api/users/me/password');
    const { stepUp, calls, api } = server({ mfa: true });
    const changed = api.changePassword('right', 'new words here');
    await asked(stepUp);
    expect(stepUp.due).toEqual({ password: false, code: true });
    await stepUp.prove({ code: '123456' });
    expect(await changed).toBe('did /api/users/me/password');
    expect(calls.filter((call) => typeof call === 'object').at(-1)).toEqual({
      password: 'right',
      code: '123456',
    });
  });

  it('[USR2] that is refused keeps asking; a wrong password of the call itself is its own fault', async () => {
    const { stepUp, api } = server();
    await expect(api.changePassword('wrong', 'new words here')).rejects.toMatchObject({ code: 'AUTH_ERROR' });
    expect(stepUp.due).toBeUndefined();
    const ended = api.endLogin('one');
    await asked(stepUp);
    await expect(stepUp.prove({ password: 'wrong' })).rejects.toMatchObject({ code: 'AUTH_ERROR' });
    expect(stepUp.due).toEqual({ password: true, code: false });
    await stepUp.prove({ password: 'right' });
    await ended;
  });

  it('[USR2] that nobody gives leaves the call refused, and the next one asks again', async () => {
    const { stepUp, api } = server();
    const ended = api.endLogin('one');
    await asked(stepUp);
    stepUp.dismiss();
    await expect(ended).rejects.toMatchObject({ code: 'STEP_UP_REQUIRED' });
    const unasked = api.endLogin('two');
    await asked(stepUp);
    stepUp.dismiss(new BongsuError('UNAVAILABLE'));
    await expect(unasked).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    const again = api.endLogin('two');
    await asked(stepUp);
    await stepUp.prove({ password: 'right' });
    expect(await again).toBe('did /api/auth/sessions/two');
  });

  it('[USR2] is asked for once a call: a server that stays unconvinced is heard', async () => {
    const stepUp = new StepUp(async () => PROVEN);
    const refused = stepUp.guard(() => Promise.reject(new BongsuError('STEP_UP_REQUIRED')), 'right');
    await expect(refused).rejects.toMatchObject({ code: 'STEP_UP_REQUIRED' });
  });
});
