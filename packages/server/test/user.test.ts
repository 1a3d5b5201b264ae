import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashSync } from '@node-rs/bcrypt';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BongsuProcesses } from './support/bongsu-processes.js';
import { runInProcess } from './support/command-line.js';
import { describePglite, describePostgres } from './support/databases.js';
import { createPgliteFolder } from './support/pglite-databases.js';
import { createPostgresDatabase } from './support/postgres-databases.js';
import { totpAt } from './support/second-factor.js';
import { startOn } from './support/server.js';

const PASSWORD = 'correct horse battery';
const HASH = hashSync(PASSWORD, { cost: 10 });

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bongsu-user-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const create = (email: string, ...more: string[]) => [
  'user',
  'create',
  '--email',
  email,
  '--username',
  'Ada',
  ...more,
];
const line = (over: object) =>
  JSON.stringify({ email: 'a@example.com', username: 'Ada', passwordHash: HASH, ...over });

async function logIn(url: string, email: string): Promise<{ status: number; role: string | undefined }> {
  const answer = await fetch(`${url}/api/auth/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email, password: PASSWORD }),
  });
  const body = (await answer.json()) as { user?: { role: string } };
  return { status: answer.status, role: body.user?.role };
}

async function post<Body>(url: string, body: object, token?: string): Promise<Body> {
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  const headers = { 'content-type': 'application/json', ...authorization };
  const answer = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  return (await answer.json()) as Body;
}

function logInAs(url: string, email: string) {
  type LoggedIn = { accessToken: string; user: { userId: string }; mfaRequired?: boolean };
  return post<LoggedIn>(`${url}/api/auth/login`, { email, password: PASSWORD });
}

/** Turns a second factor on; answers the access token of the login that did. */
async function turnOn(url: string, email: string): Promise<string> {
  const { accessToken } = await logInAs(url, email);
  const totp = `${url}/api/users/me/mfa/totp`;
  const { secret } = await post<{ secret: string }>(totp, { password: PASSWORD }, accessToken);
  await post(`${totp}/confirm`, { code: totpAt(secret, Date.now()) }, accessToken);
  return accessToken;
}

async function statusOf(url: string, token: string): Promise<number> {
  return (await fetch(`${url}/api/users/me`, { headers: { authorization: `Bearer ${token}` } })).status;
}

/** The same on both: what a command did, a server that starts afterwards or runs beside it shows. */
async function tryAll(settings: Record<string, string>): Promise<void> {
  const bongsu = (args: string[], stdin?: string[]) => runInProcess(args, settings, stdin);
  const alone = await bongsu(create('root@example.com', '--role', 'admin', '--json'), [PASSWORD]);
  expect(alone).toMatchObject({ code: 0, err: '' });
  const { userId } = JSON.parse(alone.out);
  const server = await startOn({ settings, remove: async () => {} });
  try {
    expect(await logIn(server.url, 'root@example.com')).toEqual({ status: 200, role: 'admin' });
    const beside = await bongsu(create('Ada@example.com'), [PASSWORD]);
    expect(beside).toMatchObject({ code: 0, err: '', out: expect.stringMatching(/^[0-9a-f-]{36}\n$/) });
    expect(await logIn(server.url, 'ada@example.com')).toEqual({ status: 200, role: 'user' });
    const taken = await bongsu(create('ada@example.com'), [PASSWORD]);
    expect(taken).toEqual({
      code: 1,
      out: '',
      err: 'bongsu: CONFLICT: The address has an account already\n',
    });

    const disabled = await bongsu(['user', 'disable', 'ADA@example.com', '--json']);
    expect(JSON.parse(disabled.out)).toMatchObject({ email: 'ada@example.com', disabled: true });
    expect((await logIn(server.url, 'ada@example.com')).status).toBe(401);
    expect(await bongsu(['user', 'disable', userId])).toEqual({
      code: 1,
      out: '',
      err: 'bongsu: CONFLICT: This is the last administrator who can sign in\n',
    });
    for (const who of ['nobody@example.com', 'nobody', '@'])
      expect(await bongsu(['user', 'disable', who])).toMatchObject({
        code: 1,
        err: expect.stringMatching(/^bongsu: NOT_FOUND/),
      });

    const { user } = await logInAs(server.url, 'root@example.com');
    expect(await bongsu(['user', 'reset-mfa', userId])).toEqual({
      code: 1,
      out: '',
      err: 'bongsu: CONFLICT: This user has no second factor\n',
    });
    const token = await turnOn(server.url, 'root@example.com');
    expect((await logInAs(server.url, 'root@example.com')).mfaRequired).toBe(true);
    expect(await bongsu(['user', 'reset-mfa', 'ROOT@example.com'])).toEqual({
      code: 0,
      out: `${user.userId}  second factor taken off\n`,
      err: '',
    });
    expect(await logIn(server.url, 'root@example.com')).toEqual({ status: 200, role: 'admin' });
    // On PostgreSQL the server hears of it by its poll.
    await expect.poll(() => statusOf(server.url, token), { timeout: 10_000 }).toBe(401);
    expect(await bongsu(['user', 'reset-mfa', 'nobody@example.com'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^bongsu: NOT_FOUND/),
    });

    const lines = [
      line({}),
      '',
      line({ email: 'b@example.com', role: 'admin' }),
      '{"email": "secret',
      line({ email: 'none', passwordHash: 'plain text' }),
      line({ email: 'A@example.com' }),
      'x'.repeat(5000),
    ];
    const imported = await bongsu(['user', 'import', '-'], lines);
    expect(imported).toMatchObject({ code: 1, out: '2 imported, 1 skipped, 3 refused\n' });
    expect(imported.err.split('\n').sort()).toEqual([
      '',
      'bongsu: line 4: is no JSON',
      expect.stringMatching(/^bongsu: line 5: email: /),
      expect.stringMatching(/^bongsu: line 5: passwordHash: must be a bcrypt hash/),
      'bongsu: line 7: is longer than 4096 bytes',
      'line 6: skipped, the address has an account',
    ]);
    expect(imported.err).not.toMatch(/plain text|secret|@example/);
    expect(await logIn(server.url, 'b@example.com')).toEqual({ status: 200, role: 'admin' });
    const again = await bongsu(['user', 'import', '-', '--json'], [lines[0] ?? '', lines[2] ?? '']);
    expect(JSON.parse(again.out)).toEqual({ imported: 0, skipped: [1, 2], failed: [] });
    expect(again.code).toBe(0);
  } finally {
    await server.stop();
  }
}

describePglite('bongsu user', () => {
  it('[USR1] [DEP1] makes, disables and imports, on the folder itself and beside the running server', async () => {
    const dataDir = await createPgliteFolder(true);
    try {
      await tryAll({ DATA_DIR: dataDir });
    } finally {
      await rm(dataDir, { recursive: true, force: true });
    }
  }, 120_000);

  it('[USR1] [DEP1] reads the password from stdin and the users from a file, as a process does', async () => {
    const dataDir = await createPgliteFolder(true);
    const processes = new BongsuProcesses(folder);
    try {
      const bongsu = (args: string[], stdin?: string) =>
        processes.run(args, { DATA_DIR: dataDir }, stdin).ended;
      expect(await bongsu(create('root@example.com'), `${PASSWORD}\nmore\n`)).toMatchObject({
        code: 0,
        err: '',
      });
      expect(await bongsu(create('none@example.com'))).toMatchObject({
        code: 2,
        err: expect.stringContaining('password: '),
      });
      const file = join(folder, 'users.jsonl');
      const many = Array.from({ length: 120 }, (_, n) => line({ email: `user-${n}@example.com` }));
      await writeFile(file, many.join('\r\n'));
      const imported = await bongsu(['user', 'import', file]);
      expect(imported).toMatchObject({ code: 0, err: '', out: '120 imported, 0 skipped, 0 refused\n' });
      const missing = await bongsu(['user', 'import', join(folder, 'none')]);
      expect(missing).toMatchObject({ code: 1, err: expect.stringContaining('ENOENT') });
    } finally {
      await processes.killAll();
      await rm(dataDir, { recursive: true, force: true });
    }
  }, 120_000);
});

describePostgres('bongsu user', (_open, serverUrl) => {
  it('[USR1] [DEP1] opens the database itself, whoever else has it open', async () => {
    const fresh = await createPostgresDatabase(serverUrl, true);
    try {
      await tryAll({ DATABASE_URL: fresh.url, DATA_DIR: folder });
    } finally {
      await fresh.drop();
    }
  }, 120_000);
});

describe('bongsu', () => {
  it.each([
    [['create'], [], /required option '--email/],
    [['create', '--email', 'a@example.com', '--username', 'Ada', '--password', 'x'], [], /unknown option/],
    [['create', '--email', 'none', '--username', 'Ada'], [PASSWORD], /^bongsu: email: /],
    [['create', '--email', 'a@example.com', '--username', 'x'], [PASSWORD], /^bongsu: username: /],
    [['create', '--email', 'a@example.com', '--username', 'Ada'], ['short'], /^bongsu: password: /],
    [
      ['create', '--email', 'a@example.com', '--username', 'Ada', '--role', 'root'],
      [PASSWORD],
      /^bongsu: role: /,
    ],
    [['disable'], [], /missing required argument/],
    [['import'], [], /missing required argument/],
  ])('[DEP1] user %j is bad use: exit 2', async (args, stdin, message) => {
    const { code, out, err } = await runInProcess(['user', ...args], { DATA_DIR: folder }, stdin);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(message);
  });

  it('[DEP1] user makes no database where there is none', async () => {
    const err = `bongsu: There is no Bongsu database in ${folder} (DATA_DIR)\n`;
    const settings = { DATA_DIR: folder };
    expect(await runInProcess(create('a@example.com'), settings, [PASSWORD])).toEqual({
      code: 1,
      out: '',
      err,
    });
    expect(await runInProcess(['user', 'disable', 'x'], settings)).toEqual({ code: 1, out: '', err });
  });
});
