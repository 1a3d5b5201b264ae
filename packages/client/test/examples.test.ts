import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClaimedPairing, CreatedApiKey } from '@bongsu/protocol';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeStorage, type RunningServer, startOn } from '../../server/test/support/server.js';
import { ClientTokenManager } from '../src/token-manager.js';
import { ExampleProcesses, ROOT } from './support/example-process.js';

const account = { email: 'example@example.org', password: 'correct horse battery', username: 'Example' };

describe('README.md', () => {
  it('[CL11] shows exactly the files of examples/', () => {
    const readme = readFileSync(join(ROOT, 'packages/client/README.md'), 'utf8');
    const shown = [...readme.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code]) => code);
    // The receiver of the hook needs no SDK: it is shown in docs/hooks.md. Those of rooms/ need none either.
    const names = readdirSync(join(ROOT, 'examples')).filter(
      (name) => name.endsWith('.mjs') && name !== 'hook-receiver.mjs',
    );
    const files = names.map((name) => readFileSync(join(ROOT, 'examples', name), 'utf8'));
    expect(new Set(shown)).toEqual(new Set(files));
    expect(files).toHaveLength(6);
  });
});

describe('the examples', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bongsu-examples-'));
  const processes = new ExampleProcesses();
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
    processes.stop();
    tokens?.close();
    await server?.stop();
    await removeStorage?.();
    rmSync(folder, { recursive: true, force: true });
  });

  const run = (name: string, env: Record<string, string> = {}) =>
    processes.run(name, { BONGSU_URL: server.url, ...env });

  const makeKey = async () => {
    const body = { name: 'Example', scopes: ['commands:read', 'commands:write'] };
    return (await tokens.request<CreatedApiKey>('/api/api-keys', { body })).key;
  };

  it('[CL11] meet in a room, which the first one makes', async () => {
    const { email: BONGSU_EMAIL, password: BONGSU_PASSWORD } = account;
    const env = { BONGSU_EMAIL, BONGSU_PASSWORD, BONGSU_ROOM: 'examples' };
    const first = run('room.mjs', env);
    await first.seen(/^joined examples, 0 there\nsaid as number 1$/m);
    const second = run('room.mjs', env);
    await second.seen(/^joined examples, 1 there\nsaid as number 2$/m);
    await first.seen(/^Example came\nExample: hello$/m);
    // As it does by itself a minute after the last one left.
    await tokens.request('/api/rooms/examples', { method: 'DELETE' });
    expect(await first.exit).toBe(0);
    await run('room.mjs', env).seen(/^joined examples, 0 there\nsaid as number 3$/m);
  });

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

  it.each([
    ['room.mjs', /^Set BONGSU_EMAIL and BONGSU_PASSWORD\.$/],
    ['trigger.mjs', /^Set BONGSU_EMAIL, BONGSU_PASSWORD and BONGSU_SCREEN_ID\.$/],
    ['service.mjs', /^Set BONGSU_API_KEY and BONGSU_SCREEN_ID\.$/],
    ['stock-client.mjs', /^Set BONGSU_TOKEN and BONGSU_SCREEN_ID\.$/],
    ['rooms/signal.mjs', /^Set BONGSU_TOKEN and BONGSU_ROOM\.$/],
    ['rooms/plain-events.mjs', /^Set BONGSU_TOKEN and BONGSU_ROOM\.$/],
    ['hook-receiver.mjs', /^Set COMMAND_HOOK_SECRET to the same value as the server has\.$/],
  ])('[CL11] %s says in one line what it needs, and fails', async (name, says) => {
    const missing = run(name);
    expect(await missing.exit, missing.output()).toBe(1);
    expect(missing.output().trimEnd()).toMatch(says);
  });

  it.each([
    'room.mjs',
    'trigger.mjs',
    'service.mjs',
    'stock-client.mjs',
    'rooms/signal.mjs',
    'rooms/plain-events.mjs',
  ])('[CL11] %s says in one line that it was not let in, and fails', async (name) => {
    const refused = run(name, {
      BONGSU_EMAIL: account.email,
      BONGSU_PASSWORD: 'a wrong password',
      BONGSU_SCREEN_ID: 'scr_none',
      BONGSU_ROOM: 'examples',
      BONGSU_TOKEN: 'wrong',
      BONGSU_API_KEY: 'wrong',
    });
    expect(await refused.exit, refused.output()).toBe(1);
    expect(refused.output()).toMatch(/^.*AUTH_ERROR.*\n$/);
  });

  it('[CL11] trigger.mjs and stock-client.mjs say why a command was refused', async () => {
    const { email, password } = account;
    const refused = run('trigger.mjs', {
      BONGSU_EMAIL: email,
      BONGSU_PASSWORD: password,
      BONGSU_SCREEN_ID: 'scr_none',
    });
    expect(await refused.exit).toBe(1);
    expect(refused.output()).toMatch(/SCREEN_NOT_FOUND and it will never run/);
    const stock = run('stock-client.mjs', {
      BONGSU_TOKEN: await tokens.getToken(),
      BONGSU_SCREEN_ID: 'scr_00000000000000000000',
    });
    expect(await stock.exit).toBe(1);
    expect(stock.output()).toBe('SCREEN_NOT_FOUND\n');
  });
});
