import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type Environment,
  formatFault,
  GeneratedSecretError,
  loadConfig,
  withGeneratedSecrets,
} from './config.js';

const SECRET = 'Zk3vQ9xTb7Rm1LwYc5Hd8NfJ2GpSe6UaVt4KoXi0BqDnWzMhPyErCgFsAuLjOlIT';
const PII_KEY = `k1:${Buffer.from(Array.from({ length: 32 }, (_, index) => index * 7)).toString('base64')}`;

function valid(env: Environment) {
  const loaded = loadConfig(env);
  if (!loaded.ok) throw new Error(loaded.faults.map(formatFault).join('\n'));
  return loaded;
}

const settings = (env: Environment) => valid(env).settings;

function faults(env: Environment): string[] {
  const loaded = loadConfig(env);
  return loaded.ok ? [] : loaded.faults.map(formatFault);
}

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'bongsu-config-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const BAD_ICE_URL =
  /^TURN_URLS: must be URLs such as turn:turn\.example\.com:3478, .* Example: TURN_URLS=stun:turn\.example\.com/;

function mailing(url: string) {
  return { SMTP_URL: url, MAIL_FROM: 'a@b.example' };
}

describe('reading', () => {
  it('[DEP1] an empty environment is valid in development', () => {
    expect(settings({})).toMatchObject({
      PORT: 3000,
      HOST: '127.0.0.1',
      DATA_DIR: './data',
      JWT_ALG: 'EdDSA',
    });
  });

  it('[DEP1] every fault is reported at once, with name, reason and example', () => {
    const all = faults({
      PORT: 'abc',
      JWT_SECRET: 'short',
      TRUST_PROXY: '300.1.1.1',
      ADMIN_EMAIL: 'a@b.example',
    });
    expect(all).toEqual([
      'PORT: must be a whole number from 0 to 65535, but is "abc". Example: PORT=8080',
      expect.stringMatching(/^TRUST_PROXY: must be .* but is "300\.1\.1\.1"\. Example: TRUST_PROXY=/),
      expect.stringMatching(/^JWT_SECRET: must have at least 64 characters\. Example: /),
      'ADMIN_PASSWORD: is required with ADMIN_EMAIL. Example: ADMIN_PASSWORD=a-long-password',
    ]);
  });

  it('[DEP1] BONGSU_NAME wins over NAME, and an empty value is none', () => {
    expect(settings({ PORT: '1', BONGSU_PORT: '2' }).PORT).toBe(2);
    expect(settings({ PORT: '1', BONGSU_PORT: '' }).PORT).toBe(1);
    expect(settings({ PORT: ' ' }).PORT).toBe(3000);
  });

  it('[DEP1] a service link of Kubernetes is not taken for a port', () => {
    const { settings: read, warnings } = valid({
      BONGSU_PORT: 'tcp://10.0.0.1:3000',
      BONGSU_SERVICE_HOST: '10.0.0.1',
      BONGSU_PORT_3000_TCP_ADDR: '10.0.0.1',
    });
    expect(read.PORT).toBe(3000);
    expect(warnings).toEqual([]);
  });

  it('[DEP1] aliases are read', () => {
    expect(settings({ CLIENT_URL: 'https://a.example/' }).CORS_ORIGINS).toEqual(['https://a.example']);
    const { DATABASE_URL } = settings({
      DB_HOST: 'db',
      DB_NAME: 'shop',
      DB_USER: 'me',
      DB_PASSWORD: 'p@ss/word',
    });
    expect(DATABASE_URL?.reveal()).toBe('postgresql://me:p%40ss%2Fword@db:5432/shop');
  });

  it.each(['postgresql+asyncpg', 'postgres', 'postgresql'])(
    '[DEP1] %s:// is read as postgresql://',
    (scheme) => {
      expect(settings({ DATABASE_URL: `${scheme}://u:p@h/db` }).DATABASE_URL?.reveal()).toBe(
        'postgresql://u:p@h/db',
      );
    },
  );

  it.each([['https://a.example, http://b.example:8080'], ['["https://a.example","http://b.example:8080"]']])(
    '[DEP1] origins are read from %s',
    (CORS_ORIGINS) => {
      expect(settings({ CORS_ORIGINS }).CORS_ORIGINS).toEqual(['https://a.example', 'http://b.example:8080']);
    },
  );

  it.each([
    ['true', true],
    ['2', 2],
    ['10.0.0.0/8, loopback', ['10.0.0.0/8', 'loopback']],
  ])('[DEP1] TRUST_PROXY=%s is understood', (TRUST_PROXY, expected) => {
    expect(settings({ TRUST_PROXY }).TRUST_PROXY).toEqual(expected);
  });

  it('[DEP1] DEBUG=true logs at level debug', () => {
    expect(settings({ DEBUG: 'true', LOG_LEVEL: 'warn' }).LOG_LEVEL).toBe('debug');
  });

  it('[DEP1] the result is frozen', () => {
    expect(Object.isFrozen(settings({}))).toBe(true);
  });
});

describe('refusals', () => {
  const refused: [string, Environment, RegExp][] = [
    ['a repeated secret', { JWT_SECRET: 'abcdefghijkl'.repeat(6) }, /^JWT_SECRET: must not repeat/],
    ['one character as a secret', { JWT_SECRET: 'x'.repeat(80) }, /^JWT_SECRET: must not repeat/],
    [
      'a piece of a secret again and again, cut off',
      { JWT_SECRET: 'Zk3vQ9xTb7Rm1L'.repeat(5).slice(0, 66) },
      /^JWT_SECRET: must not repeat/,
    ],
    [
      'a former secret that is the present one',
      { JWT_SECRET: SECRET, JWT_SECRET_PREVIOUS: SECRET },
      /^JWT_SECRET_PREVIOUS: must not be the same as JWT_SECRET/,
    ],
    [
      'a short former secret',
      { JWT_SECRET: SECRET, JWT_SECRET_PREVIOUS: 'short' },
      /^JWT_SECRET_PREVIOUS: must have at least 64/,
    ],
    ['a sample secret', { JWT_SECRET: `change-me-${SECRET}` }, /^JWT_SECRET: must not be a sample/],
    [
      'a key of 16 bytes',
      { PII_KEYS: `k1:${Buffer.alloc(16, 1).toString('base64')}` },
      /^PII_KEYS: .*32 bytes/,
    ],
    ['a kid named twice', { PII_KEYS: `${PII_KEY},${PII_KEY}` }, /^PII_KEYS: must not name a kid twice/],
    [
      'a key of one byte repeated',
      { PII_KEYS: `k1:${Buffer.alloc(32, 1).toString('base64')}` },
      /^PII_KEYS: .*repeats/,
    ],
    ['any origin by list', { CORS_ORIGINS: '*' }, /CORS_ALLOW_ALL_ORIGINS/],
    ['an origin with a path', { CORS_ORIGINS: 'https://a.example/app' }, /^CORS_ORIGINS: .*no path/],
    ['another database', { DATABASE_URL: 'mysql://u:p@h/db' }, /^DATABASE_URL: must be a URL such as/],
    [
      'Redis beside the embedded database',
      { REDIS_URL: 'redis://r' },
      /^DATABASE_URL: is required with REDIS_URL/,
    ],
    [
      'a replica without its primary',
      { DATABASE_READ_URL: 'postgresql://near/bongsu' },
      /^DATABASE_URL: is required with DATABASE_READ_URL/,
    ],
    [
      'a replica that is the primary',
      { DATABASE_URL: 'postgresql://db/bongsu', DATABASE_READ_URL: 'postgres://db/bongsu' },
      /^DATABASE_READ_URL: must not be the same as DATABASE_URL/,
    ],
    [
      'a bridge without a Redis of its own',
      { DB_HOST: 'db', BRIDGE_REDIS_URL: 'redis://home', REGION: 'far' },
      /^REDIS_URL: is required with BRIDGE_REDIS_URL/,
    ],
    [
      'a bridge without a region',
      { DB_HOST: 'db', REDIS_URL: 'redis://r', BRIDGE_REDIS_URL: 'redis://home' },
      /^REGION: is required with BRIDGE_REDIS_URL/,
    ],
    [
      'a bridge from a Redis to itself',
      { DB_HOST: 'db', REDIS_URL: 'redis://r', BRIDGE_REDIS_URL: 'redis://:x@r:6379/0', REGION: 'far' },
      /^BRIDGE_REDIS_URL: must not be the same as REDIS_URL/,
    ],
    ['a host of Redis beside it', { REDIS_HOST: 'r' }, /^DATABASE_URL: is required with REDIS_HOST/],
    ['a port of Redis without a host', { REDIS_PORT: '6380' }, /^REDIS_HOST: is required with REDIS_PORT/],
    [
      'certificates for a Redis without TLS',
      { DB_HOST: 'db', REDIS_URL: 'redis://r', REDIS_CA_FILE: 'ca.pem' },
      /^REDIS_URL: must start with rediss:/,
    ],
    ['a database without a host', { DB_NAME: 'shop' }, /^DB_HOST: is required with DB_NAME/],
    ['a password without an address', { ADMIN_PASSWORD: 'long enough' }, /^ADMIN_EMAIL: is required/],
    ['https without an address to go to', { FORCE_HTTPS: 'true' }, /^PUBLIC_URL: must be given/],
    ['a secret file that is not there', { JWT_SECRET_FILE: '/nowhere' }, /^JWT_SECRET_FILE: .*ENOENT/],
    [
      'a secret given twice',
      { JWT_SECRET: SECRET, JWT_SECRET_FILE: '/x' },
      /^JWT_SECRET: must not be given together/,
    ],
    [
      'a hook without its secret',
      { COMMAND_HOOK_URL: 'https://h.example' },
      /^COMMAND_HOOK_SECRET: is required with COMMAND_HOOK_URL/,
    ],
    [
      'a hook with a password in its URL',
      { COMMAND_HOOK_URL: 'https://:secret@h.example', COMMAND_HOOK_SECRET: SECRET },
      /^COMMAND_HOOK_URL: must be a URL that starts with/,
    ],
    [
      'a mail server without a sender',
      { SMTP_URL: 'smtp://h.example' },
      /^MAIL_FROM: is required with SMTP_URL/,
    ],
    [
      'verification without a mail server',
      { EMAIL_VERIFICATION: 'required', MAIL_FROM: 'a@b.example' },
      /^SMTP_URL: is required with EMAIL_VERIFICATION=required/,
    ],
    ['a mail server by http', mailing('http://h.example'), /^SMTP_URL: must be a URL such as smtps:/],
    [
      'a mail server whose certificate is not checked',
      mailing('smtps://h.example?tls.rejectUnauthorized=false'),
      /^SMTP_URL: must have no query/,
    ],
    [
      'a user without a password',
      mailing('smtps://me@h.example'),
      /^SMTP_URL: must name both user and password/,
    ],
    [
      'a password in clear',
      mailing('smtp://me:hunter2@h.example?tls=off'),
      /^SMTP_URL: must not send a password in clear: leave/,
    ],
    [
      'a sender of two lines',
      { MAIL_FROM: 'A\nBcc: x@y.example <a@b.example>' },
      /^MAIL_FROM: must be an address/,
    ],
    ['an address that is none', { MAIL_FROM: 'Bongsu <nobody>' }, /^MAIL_FROM: must be an address/],
    [
      'an administrator whom anybody can guess',
      { ADMIN_EMAIL: 'a@b.example', ADMIN_PASSWORD: 'Password123' },
      /^ADMIN_PASSWORD: is one of the commonest/,
    ],
    [
      'an administrator named as the service',
      { ADMIN_EMAIL: 'a@b.example', ADMIN_PASSWORD: 'lobby-tv-1', SERVICE_NAME: 'lobby-tv' },
      /^ADMIN_PASSWORD: must not be just/,
    ],
    [
      'a TURN server without its secret',
      { TURN_URLS: 'stun:t.example,turn:t.example' },
      /^TURN_SECRET: is required with a turn: or turns: URL in TURN_URLS\. Example: /,
    ],
    [
      'a secret that anybody with one credential could find',
      { TURN_URLS: 'turn:t.example', TURN_SECRET: 'hunter2' },
      /^TURN_SECRET: must have at least 32 characters/,
    ],
    ['a TURN server as a web address', { TURN_URLS: 'https://t.example' }, BAD_ICE_URL],
    ['a TURN server with slashes', { TURN_URLS: 'stun:t.example,turn://t.example' }, /without \/\/, but is/],
    ['a TURN server with its user', { TURN_URLS: 'turn:me@t.example' }, BAD_ICE_URL],
    ['a TURN server without a host', { TURN_URLS: 'turn:' }, BAD_ICE_URL],
    ['a TURN server at port 0', { TURN_URLS: 'turn:t.example:0' }, BAD_ICE_URL],
    ['a TURN server at port 65536', { TURN_URLS: '["turn:t.example:65536"]' }, BAD_ICE_URL],
    ['a TURN server at half an address', { TURN_URLS: '["turn:[fe80]"]' }, BAD_ICE_URL],
    [
      'a broken list of TURN servers',
      { TURN_URLS: '["turn:t.example"' },
      /^TURN_URLS: must be a valid JSON list/,
    ],
    [
      'a STUN server by TCP',
      { TURN_URLS: 'stun:t.example?transport=tcp' },
      /^TURN_URLS: must have no query in/,
    ],
    [
      'a TURN server by SCTP',
      { TURN_URLS: 'turn:t.example?transport=sctp' },
      /^TURN_URLS: .*\?transport=udp or/,
    ],
    ['a negative number', { BATCH_SIZE: '-1' }, /^BATCH_SIZE: must be a whole number/],
    ['a fraction', { DRAIN_SECONDS: '1.5' }, /^DRAIN_SECONDS: must be a whole number/],
  ];
  it.each(refused)('[DEP1] %s', (_, env, message) => {
    expect(faults(env)).toEqual([expect.stringMatching(message)]);
  });

  it('[DEP1] production asks for secrets and refuses what is for development', () => {
    const env = { NODE_ENV: 'production', DEBUG: 'true', CORS_ALLOW_ALL_ORIGINS: 'true', DB_HOST: 'db' };
    expect(faults(env).map((fault) => fault.split(':')[0])).toEqual([
      'CORS_ALLOW_ALL_ORIGINS',
      'DEBUG',
      'JWT_SECRET',
      'PII_KEYS',
    ]);
    expect(faults({ NODE_ENV: 'production', DB_HOST: 'db', JWT_SECRET: SECRET, PII_KEYS: PII_KEY })).toEqual(
      [],
    );
  });
});

describe('mail', () => {
  it.each([
    [
      'smtps://u:p%40ss@m.example',
      { host: 'm.example', port: 465, tls: 'always', auth: { user: 'u', pass: 'p@ss' } },
    ],
    ['smtp://m.example', { host: 'm.example', port: 587, tls: 'upgrade', auth: undefined }],
    ['smtp://m.example:25?tls=off', { host: 'm.example', port: 25, tls: 'off', auth: undefined }],
    [
      'smtp://u:p@127.0.0.1:1025',
      { host: '127.0.0.1', port: 1025, tls: 'off', auth: { user: 'u', pass: 'p' } },
    ],
    ['smtp://[::1]:1025', { host: '::1', port: 1025, tls: 'off', auth: undefined }],
  ])('[DEP1] %s: encrypted wherever it could be read on its way', (url, server) => {
    expect(settings(mailing(url)).SMTP_URL?.reveal()).toEqual(server);
  });

  it('[DEP1] a sender with and without a name', () => {
    const from = (text: string) => settings({ ...mailing('smtp://localhost'), MAIL_FROM: text }).MAIL_FROM;
    expect(from('a@b.example')).toMatchObject({ name: '', address: 'a@b.example' });
    expect(from('Bongsu TV <a@b.example>')).toMatchObject({ name: 'Bongsu TV', address: 'a@b.example' });
    expect(from('"Bongsu, TV" <a@b.example>')).toMatchObject({ name: 'Bongsu, TV' });
    expect(String(from('Bongsu <a@b.example>'))).toBe('Bongsu <a@b.example>');
  });

  it('[DEP1] links that would lead nowhere, and a sender of no mail, are warned of', () => {
    expect(valid(mailing('smtp://localhost')).warnings).toEqual([
      expect.stringMatching(/^PUBLIC_URL is not set/),
    ]);
    expect(valid({ MAIL_FROM: 'a@b.example' }).warnings).toEqual([
      expect.stringMatching(/^MAIL_FROM is not used/),
    ]);
  });
});

describe('STUN and TURN', () => {
  const TURN_SECRET = SECRET;
  const urls = (TURN_URLS: string) => settings({ TURN_URLS, TURN_SECRET }).TURN_URLS;

  it.each([
    'stun:t.example',
    'stuns:t.example:443',
    'turn:192.0.2.1:3478?transport=udp',
    'turns:t.example:5349?transport=tcp',
  ])('[DEP1] [RM134] %s is understood', (url) => {
    expect(urls(url)).toEqual([url]);
  });

  it('[DEP1] [RM134] several stand by commas or as a JSON list, each once', () => {
    const list = ['stun:t.example', 'turn:[2001:db8::1]:3478'];
    expect(urls(` ${list.join(' , ')},stun:t.example,`)).toEqual(list);
    expect(urls(JSON.stringify(list))).toEqual(list);
  });

  it('[DEP1] [RM134] STUN alone needs no secret, and a secret without use is told of', () => {
    expect(valid({ TURN_URLS: 'stun:t.example' }).warnings).toEqual([]);
    const unused = expect.stringMatching(/^TURN_SECRET is not used/);
    expect(valid({ TURN_SECRET }).warnings).toEqual([unused]);
    expect(valid({ TURN_SECRET, TURN_URLS: 'stun:t.example' }).warnings).toEqual([unused]);
    expect(valid({ TURN_SECRET, TURN_URLS: 'turns:t.example' }).warnings).toEqual([]);
  });
});

describe('warnings', () => {
  it.each([
    ['PROT', 'PORT'],
    ['BONGSU_JWT_SECERT', 'BONGSU_JWT_SECRET'],
    ['DATABSE_URL', 'DATABASE_URL'],
    ['JWT_SECRET_FIEL', 'JWT_SECRET_FILE'],
  ])('[DEP1] %s is asked to be %s', (wrong, right) => {
    expect(valid({ [wrong]: '1' }).warnings).toEqual([`${wrong} is not a setting. Did you mean ${right}?`]);
  });

  it('[DEP1] the usual names of a machine are no near misses', () => {
    const usual = [
      'PATH',
      'HOME',
      'HOSTNAME',
      'HOSTTYPE',
      'NODE_PATH',
      'NODE_OPTIONS',
      'LOGNAME',
      'USER',
      'TERM',
    ];
    expect(valid(Object.fromEntries(usual.map((name) => [name, 'x']))).warnings).toEqual([]);
  });

  it('[DEP1] an unknown BONGSU_ name is told of', () => {
    const { warnings } = valid({ BONGSU_COLOUR: 'red' });
    expect(warnings).toEqual([expect.stringMatching(/^BONGSU_COLOUR is not a setting/)]);
  });
});

describe('REDIS_URL', () => {
  const server = (url: string, more: Environment = {}) =>
    settings({ DATABASE_URL: 'postgresql://db/bongsu', REDIS_URL: url, ...more }).REDIS_URL?.reveal();
  const single = { kind: 'single', db: 0, tls: false };

  it.each([
    ['redis://r', { ...single, addresses: [{ host: 'r', port: 6379 }] }],
    ['redis://r:7000/5', { ...single, addresses: [{ host: 'r', port: 7000 }], db: 5 }],
    ['redis://[::1]:7000', { ...single, addresses: [{ host: '::1', port: 7000 }] }],
    [
      'rediss://:p%40ss@r',
      { ...single, addresses: [{ host: 'r', port: 6379 }], password: 'p@ss', tls: true },
    ],
    ['redis://u:p:w@r', { ...single, addresses: [{ host: 'r', port: 6379 }], user: 'u', password: 'p:w' }],
    [
      'redis+sentinel://a,b:7/main/2',
      {
        ...single,
        kind: 'sentinel',
        addresses: [
          { host: 'a', port: 26_379 },
          { host: 'b', port: 7 },
        ],
        master: 'main',
        db: 2,
      },
    ],
    [
      'rediss+cluster://u:p@a:1,b',
      {
        ...single,
        kind: 'cluster',
        addresses: [
          { host: 'a', port: 1 },
          { host: 'b', port: 6379 },
        ],
        user: 'u',
        password: 'p',
        tls: true,
      },
    ],
  ])('[ND10] %s is understood', (url, expected) => {
    expect(server(url)).toEqual(expected);
  });

  it.each([
    'http://r',
    'redis://',
    'redis://a,b',
    'redis://r:0',
    'redis://r:70000',
    'redis://r/x',
    'redis://r/1/2',
    'redis://secret@r',
    'redis://u:@r',
    'redis://:%zz@r',
    'redis://r?tls=1',
    'redis+sentinel://a',
    'redis+sentinel://a/name/1/2',
    'redis+cluster://a,,b',
    'redis+cluster://a/1',
    'redis+proxy://a',
  ])('[ND10] %s is refused, and not repeated', (url) => {
    const [fault = ''] = faults({ DB_HOST: 'db', REDIS_URL: url });
    expect(fault).toMatch(/^REDIS_URL: must /);
    expect(fault).not.toContain('secret');
  });

  it('[ND10] REDIS_HOST and REDIS_PORT say the same, and nothing of it shows when printed', () => {
    const read = settings({ DB_HOST: 'db', REDIS_HOST: 'r', REDIS_PORT: '7000' });
    expect(read.REDIS_URL?.reveal()).toEqual({ ...single, addresses: [{ host: 'r', port: 7000 }] });
    const secret = settings({ DB_HOST: 'db', REDIS_URL: 'redis://u:hunter2@r' });
    expect(`${inspect(secret, { depth: 9 })}${JSON.stringify(secret)}`).not.toContain('hunter2');
    expect(valid({ DB_HOST: 'db', REDIS_URL: 'redis://r', REDIS_HOST: 'x' }).warnings).toEqual([
      expect.stringMatching(/^REDIS_HOST and REDIS_PORT are not used/),
    ]);
  });
});

describe('secrets', () => {
  it('[DEP1] show as asterisks however they are printed', () => {
    const read = settings({
      JWT_SECRET: SECRET,
      DATABASE_URL: 'postgresql://u:hunter2@h/db',
      PII_KEYS: PII_KEY,
    });
    const printed = `${inspect(read, { depth: 9 })}${JSON.stringify(read)}${String(read.JWT_SECRET)}`;
    expect(printed).toContain('***');
    for (const secret of [SECRET, 'hunter2', PII_KEY.slice(3)]) expect(printed).not.toContain(secret);
  });

  it('[DEP1] never stand in a fault', () => {
    const text = faults({
      JWT_SECRET: 'tooshort-hunter2',
      DATABASE_URL: 'hunter2',
      PII_KEYS: 'hunter2',
    }).join();
    expect(text).not.toContain('hunter2');
  });

  it('[DEP1] are read from the file that NAME_FILE names, line end aside', () => {
    const file = join(folder, 'secret');
    writeFileSync(file, `${SECRET}\n`);
    const { settings: read, sources } = valid({ JWT_SECRET_FILE: file });
    expect(read.JWT_SECRET?.reveal()).toBe(SECRET);
    expect(sources.JWT_SECRET).toBe('JWT_SECRET_FILE');
  });

  it('[DEP1] are made once for a data folder, for this user only', async () => {
    const first = await withGeneratedSecrets(settings({ DATA_DIR: join(folder, 'data') }));
    const second = await withGeneratedSecrets(settings({ DATA_DIR: join(folder, 'data') }));
    expect(first.JWT_SECRET.reveal()).toBe(second.JWT_SECRET.reveal());
    expect(first.PII_KEYS.reveal()).toEqual(second.PII_KEYS.reveal());
    expect(first.JWT_SECRET.reveal().length).toBeGreaterThanOrEqual(64);
    expect(statSync(join(folder, 'data/secrets/jwt-secret')).mode & 0o777).toBe(0o600);
  });

  it('[DEP1] two that start at once agree', async () => {
    const read = settings({ DATA_DIR: folder });
    const all = await Promise.all(Array.from({ length: 8 }, () => withGeneratedSecrets(read)));
    expect(new Set(all.map((config) => config.JWT_SECRET.reveal())).size).toBe(1);
  });

  it('[DEP1] a damaged file is refused, not replaced', async () => {
    const read = settings({ DATA_DIR: folder });
    await withGeneratedSecrets(read);
    const path = join(folder, 'secrets/pii-keys');
    writeFileSync(path, '');
    await expect(withGeneratedSecrets(read)).rejects.toBeInstanceOf(GeneratedSecretError);
    expect(readFileSync(path, 'utf8')).toBe('');
  });

  it('[DEP1] what is given is not generated', async () => {
    await withGeneratedSecrets(settings({ DATA_DIR: folder, JWT_SECRET: SECRET, PII_KEYS: PII_KEY }));
    expect(statSync(join(folder, 'secrets'), { throwIfNoEntry: false })).toBeUndefined();
  });
});
