import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ClaimedPairing, CreatedApiKey } from '@bongsu/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeStorage, type RunningServer, startOn } from '../../server/test/support/server.js';
import { ClientTokenManager } from '../src/token-manager.js';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const account = { email: 'example@example.org', password: 'correct horse battery', username: 'Example' };

describe('README.md', () => {
  it('[CL11] shows exactly the files of examples/', () => {
    const readme = readFileSync(join(root, 'packages/client/README.md'), 'utf8');
    const shown = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code);
    // The receiver of the hook needs no SDK: it is shown in docs/hooks.md.
    const names = readdirSync(join(root, 'examples')).filter((name) => name !== 'hook-receiver.mjs');
    const files = names.map((name) => readFileSync(join(root, 'examples', name), 'utf8'));
    expect(new Set(shown)).toEqual(new Set(files));
    expect(files).toHaveLength(4);
  });
});

/** The examples as a reader runs them: compiled packages, a process of their own (`npx tsc -b` comes first). */
describe('the examples', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bongsu-examples-'));
  const processes: ChildProcess[] = [];
  let server: RunningServer;
  let tokens: ClientTokenManager;
  let removeStorage: () => Promise<void>;

  beforeAll(async () => {
    const storage = await makeStorage('embedded');
    removeStorage = storage.remove;
    server = await startOn(storage);
    tokens = new ClientTokenManager({ url: server.url });
    await tokens.signup(account);
  });

  afterAll(async () => {
    for (const child of processes) child.kill('SIGKILL');
    tokens?.close();
    await server?.stop();
    await removeStorage?.();
    rmSync(folder, { recursive: true, force: true });
  });

  function run(name: string, env: Record<string, string> = {}) {
    const child = spawn(process.execPath, [join(root, 'examples', name)], {
      cwd: root,
      env: { PATH: process.env.PATH, BONGSU_URL: server.url, ...env },
    });
    processes.push(child);
    let output = '';
    let wake = () => {};
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        wake();
      });
    }
    const exit = new Promise<number | null>((resolve) => child.on('close', resolve));
    const seen = async (pattern: RegExp): Promise<RegExpMatchArray> => {
      for (;;) {
        const match = output.match(pattern);
        if (match) return match;
        const more = new Promise<void>((resolve) => {
          wake = resolve;
        });
        const ended = await Promise.race([more.then(() => false), exit.then(() => true)]);
        if (ended && !pattern.test(output)) throw new Error(`${name} ended without ${pattern}:\n${output}`);
      }
    };
    return { child, exit, seen, output: () => output };
  }

  const makeKey = async () => {
    const body = { name: 'Example', scopes: ['commands:read', 'commands:write'] };
    return (await tokens.request<CreatedApiKey>('/api/api-keys', { body })).key;
  };

  it('[CL11] pair a screen, trigger it, by an API key and without the SDK too', async () => {
    const shown = run('screen.mjs', { BONGSU_SCREEN_FILE: join(folder, 'screen.json') });
    const [, code] = await shown.seen(/the code (\S+)/);
    const body = { code, name: 'Lobby' };
    const { screen } = await tokens.request<ClaimedPairing>('/api/screens/pairings/claim', { body });
    await shown.seen(/online/);
    const { email, password } = account;
    const env = { BONGSU_EMAIL: email, BONGSU_PASSWORD: password, BONGSU_SCREEN_ID: screen.screenId };
    const triggered = run('trigger.mjs', env);
    expect(await triggered.exit).toBe(0);
    expect(triggered.output()).toMatch(/^accepted \S+ as number 1\nexecuted\n$/);
    await shown.seen(/trigger play \{"clip":7\}/);
    const stock = run('stock-client.mjs', { ...env, BONGSU_TOKEN: await tokens.getToken() });
    expect(await stock.exit).toBe(0);
    expect(stock.output()).toBe('accepted\nexecuted\n');
    const service = run('service.mjs', { ...env, BONGSU_API_KEY: await makeKey() });
    expect(await service.exit).toBe(0);
    expect(service.output()).toBe('executed\n');
    shown.child.kill('SIGTERM');
    expect(await shown.exit).toBe(0);
  });

  it('[CL11] trigger.mjs says why a command was refused', async () => {
    const { email, password } = account;
    const refused = run('trigger.mjs', {
      BONGSU_EMAIL: email,
      BONGSU_PASSWORD: password,
      BONGSU_SCREEN_ID: 'scr_none',
    });
    expect(await refused.exit).toBe(1);
    expect(refused.output()).toMatch(/SCREEN_NOT_FOUND and it will never run/);
  });
});
