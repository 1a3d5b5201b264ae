import { BongsuError, RateLimitError, ValidationError } from '@bongsu/protocol';
import { describe, expect, it } from 'vitest';
import { isAway, toProblem, triesLeft } from './problem.js';

describe('problems', () => {
  it('[SIG8] keeps the code, the wait and the faults of an error of the protocol', () => {
    expect(toProblem(new RateLimitError(4000))).toMatchObject({ code: 'RATE_LIMIT', retryAfterMs: 4000 });
    const faults = [{ path: 'email', message: 'is taken' }];
    expect(toProblem(new ValidationError(faults))).toMatchObject({ code: 'VALIDATION_ERROR', faults });
  });

  it('[SIG8] tells a server that did not answer from one that said it is unavailable', () => {
    const silent = new BongsuError('UNAVAILABLE', { cause: new TypeError('Failed to fetch') });
    expect(toProblem(silent).code).toBe('NETWORK');
    expect(toProblem(new BongsuError('UNAVAILABLE')).code).toBe('UNAVAILABLE');
    expect(toProblem(new TypeError('a bug')).code).toBe('INTERNAL_ERROR');
  });

  it('[TOK4] only a refusal signs somebody out, never a server that is away', () => {
    expect(isAway(new BongsuError('UNAVAILABLE', { cause: new TypeError('Failed to fetch') }))).toBe(true);
    expect(isAway(new RateLimitError(1000))).toBe(true);
    expect(isAway(new BongsuError('AUTH_ERROR'))).toBe(false);
  });

  it('[USR2] a log-in goes on only where the server says that tries are left', () => {
    expect(triesLeft(new BongsuError('AUTH_ERROR', { details: { triesLeft: 3 } }))).toBe(3);
    expect(triesLeft(new BongsuError('AUTH_ERROR'))).toBe(0);
    expect(triesLeft(new BongsuError('AUTH_ERROR', { details: [{ path: '', message: '' }] }))).toBe(0);
  });
});
