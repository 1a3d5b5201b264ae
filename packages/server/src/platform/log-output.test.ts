import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BongsuError } from '@bongsu/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { type LogOutput, type LogOutputConfig, openLogOutput } from './log-output.js';

let folder: string;
let output: LogOutput;
const file = () => join(folder, 'logs/all.log');
const errorFile = () => join(folder, 'logs/errors.log');

function open(config: Partial<LogOutputConfig> = {}) {
  output = openLogOutput({
    level: 'info',
    serviceName: 'bongsu-test',
    file: file(),
    errorFile: errorFile(),
    pretty: false,
    ...config,
  });
}

function lines(path = file()): Record<string, unknown>[] {
  output.flush();
  return readFileSync(path, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/** What a context looks like once written. */
function written(context: object, message = 'message') {
  output.log.info(context, message);
  return lines().at(-1) ?? {};
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bongsu-log-'));
  // Lines also go to stdout, by its descriptor; tests look at the files.
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  open();
});
afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true, force: true });
});

describe('output', () => {
  it('[OBS1] lines are JSON with time, level, service and context', () => {
    expect(written({ screenId: 'scr_1' })).toMatchObject({
      level: 'info',
      service: 'bongsu-test',
      screenId: 'scr_1',
      msg: 'message',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    });
  });

  it('[OBS1] LOG_LEVEL leaves less severe lines out', () => {
    open({ level: 'warn' });
    output.log.info({}, 'no');
    output.log.warn({}, 'yes');
    expect(lines().map(({ msg }) => msg)).toEqual(['yes']);
  });

  it('[OBS1] ERROR_LOG_FILE gets errors only, LOG_FILE all', () => {
    output.log.info({}, 'fine');
    output.log.error({}, 'broken');
    output.log.fatal({}, 'dead');
    expect(lines().map(({ msg }) => msg)).toEqual(['fine', 'broken', 'dead']);
    expect(lines(errorFile()).map(({ msg }) => msg)).toEqual(['broken', 'dead']);
  });

  it('[OBS1] withLogger names a module or adds a context, and children add theirs', () => {
    output.withLogger('dispatcher').child({ node: 'n1' }).info({}, 'a');
    output.withLogger({ requestId: 'r1' }).info({}, 'b');
    expect(lines()).toMatchObject([{ module: 'dispatcher', node: 'n1' }, { requestId: 'r1' }]);
  });

  it('[OBS1] every line of a node with a name carries it, one without has none', () => {
    output.log.info({}, 'a');
    open({ node: 'node-1' });
    output.log.info({}, 'b');
    expect(lines().map(({ msg, node }) => [msg, node])).toEqual([
      ['a', undefined],
      ['b', 'node-1'],
    ]);
  });

  it('[OBS1] errors keep their stack and the chain of causes', () => {
    const root = Object.assign(new Error('connection reset'), { code: 'ECONNRESET' });
    output.log.error(
      { err: new BongsuError('UNAVAILABLE', { cause: new Error('query', { cause: root }) }) },
      'failed',
    );
    expect(lines()[0]).toMatchObject({
      err: {
        type: 'BongsuError',
        code: 'UNAVAILABLE',
        stack: expect.stringContaining('log-output.test.ts'),
        cause: { message: 'query', cause: { message: 'connection reset', code: 'ECONNRESET' } },
      },
    });
  });

  it('[OBS1] cycles, bytes, bigints and depth do no harm', () => {
    const cycle: Record<string, unknown> = { bytes: new Uint8Array(3), big: 10n };
    cycle.self = cycle;
    expect(written({ cycle })).toMatchObject({
      cycle: { bytes: '[3 bytes]', big: '10', self: '[circular]' },
    });
  });
});

describe('redaction', () => {
  it.each([
    'authorization',
    'Authorization',
    'cookie',
    'set-cookie',
    'token',
    'accessToken',
    'refreshToken',
    'refresh_token',
    'password',
    'secret',
    'pairingSecret',
    'JWT_SECRET',
    'code',
    'email',
    'x-api-key',
  ])('[OBS1] %s is masked at any depth', (key) => {
    const text = JSON.stringify(written({ [key]: 'hunter2', a: [{ b: { c: { [key]: 'hunter2' } } }] }));
    expect(text).not.toContain('hunter2');
    expect(text.match(/\[redacted\]/g)).toHaveLength(2);
  });

  it('[OBS1] contexts of children are masked too', () => {
    output.log.child({ headers: { cookie: 'hunter2' } }).info({}, 'x');
    expect(JSON.stringify(lines())).not.toContain('hunter2');
  });

  it.each(['VALIDATION_ERROR', 'ECONNREFUSED', 'TOKEN_REVOKED', 'ERR_INVALID_URL'])(
    '[OBS1] the error code %s is no secret code',
    (code) => {
      expect(written({ code })).toMatchObject({ code });
    },
  );

  it('[OBS1] secrets inside of texts are masked', () => {
    const jwt = 'eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl';
    const text = JSON.stringify(
      written(
        {
          url: '/x?token=hunter2&a=1',
          header: 'Bearer hunter2hunter2',
          db: 'postgresql://me:hunter2@db/x',
          jwt,
        },
        'mail to someone@example.com with key bgs_hunter2hunter2',
      ),
    );
    for (const secret of ['hunter2', jwt, 'someone@example.com']) expect(text).not.toContain(secret);
    expect(text).toContain('a=1');
  });

  it('[OBS1] what drivers hang on their errors is left out', () => {
    const error = Object.assign(new Error('duplicate key'), {
      code: '23505',
      detail: 'Key (email)=(x) exists',
      row: 'x',
    });
    const line = written({ err: error });
    expect(line).toMatchObject({ err: { message: 'duplicate key', code: '23505' } });
    expect(JSON.stringify(line)).not.toContain('Key (email)');
  });
});
