import { BongsuError, ERRORS, type ErrorCode } from '@bongsu/protocol';
import { describe, expect, it } from 'vitest';
import { DatabaseError } from '../platform/database/database.js';
import { CircuitOpenError } from '../platform/resilience/circuit-breaker.js';
import { failure, logRefusal, toBongsuError } from './reply.js';

describe('toBongsuError', () => {
  it.each([
    ['commit-unknown', 'INDETERMINATE'],
    ['connection', 'UNAVAILABLE'],
    ['timeout', 'UNAVAILABLE'],
    ['full', 'UNAVAILABLE'],
    ['readonly', 'UNAVAILABLE'],
    ['content', 'INTERNAL_ERROR'],
    ['unique', 'INTERNAL_ERROR'],
  ] as const)('[ER1] [ER14] a database fault "%s" leaves as %s', (fault, code) => {
    expect(toBongsuError(new DatabaseError(fault, 'secret internals')).code).toBe(code);
  });

  it('[ER14] an unknown throw is INTERNAL_ERROR and nothing of its text leaves', () => {
    const error = toBongsuError(new Error('password=hunter2'));
    expect(error.code).toBe('INTERNAL_ERROR');
    expect(JSON.stringify(failure(error, 'r1'))).not.toContain('hunter2');
  });

  it('[ER1] what was thrown on purpose passes as it is', () => {
    const thrown = new BongsuError('SCREEN_NOT_FOUND');
    expect(toBongsuError(thrown)).toBe(thrown);
  });
});

describe('failure', () => {
  it.each(Object.keys(ERRORS) as ErrorCode[])(
    '[SIG8] %s carries its code, message and retryable flag',
    (code) => {
      expect(failure(new BongsuError(code, { retryAfterMs: 5, details: [1] }), 'r1')).toEqual({
        success: false,
        error: {
          code,
          message: ERRORS[code].message,
          retryable: ERRORS[code].retryable,
          retryAfterMs: 5,
          details: [1],
        },
        requestId: 'r1',
      });
    },
  );
});

describe('logRefusal', () => {
  function record() {
    const lines: { level: string; fields: object }[] = [];
    const line = (level: string) => (fields: object) => void lines.push({ level, fields });
    const log = {
      debug: line('debug'),
      info: line('info'),
      warn: line('warn'),
      error: line('error'),
      fatal: line('fatal'),
      child: () => log,
    };
    return { log, lines };
  }

  it('[OBS1] logs a caller’s mistake once at info with its code, ours at error with its cause', () => {
    const { log, lines } = record();
    logRefusal(
      log,
      new BongsuError('VALIDATION_ERROR', { details: [{ path: 'password', message: 'x' }] }),
      {},
    );
    logRefusal(log, toBongsuError(new TypeError('broken')), {});
    expect(lines.map((entry) => entry.level)).toEqual(['info', 'error']);
    expect(JSON.stringify(lines[0])).not.toContain('password');
    expect(lines[1]?.fields).toMatchObject({ code: 'INTERNAL_ERROR', err: expect.any(TypeError) });
  });

  it.each([
    ['the hook', new CircuitOpenError('hook', 5)],
    ['the database', new DatabaseError('connection', 'away', { cause: new CircuitOpenError('database', 5) })],
  ])('[OBS1] what the open circuit of %s refuses is logged at debug only, without a stack', (_, cause) => {
    const { log, lines } = record();
    logRefusal(log, new BongsuError('UNAVAILABLE', { cause }), {});
    expect(lines).toEqual([{ level: 'debug', fields: { code: 'UNAVAILABLE' } }]);
  });

  it('[OBS1] logs what the limit of commands refuses at debug, since there may be thousands', () => {
    const { log, lines } = record();
    const refusal = new BongsuError('RATE_LIMIT', { retryAfterMs: 1 });
    logRefusal(log, refusal, {}, { counted: true });
    logRefusal(log, refusal, {});
    logRefusal(log, new BongsuError('FORBIDDEN'), {}, { counted: true });
    expect(lines.map((entry) => entry.level)).toEqual(['debug', 'info', 'info']);
  });
});
