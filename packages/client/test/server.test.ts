import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeviceCredential, Entry, Screen as ScreenView } from '@bongsu/protocol';
import { afterEach, expect, it } from 'vitest';
import { describeEachServer, makeStorage } from '../../server/test/support/server.js';
import { connect } from '../src/client.js';
import { fileStore } from '../src/file-store.js';
import { type ScreenOptions, screen } from '../src/screen.js';
import { memoryStore } from '../src/screen-store.js';
import { ClientTokenManager } from '../src/token-manager.js';
import { next } from './support/events.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

let people = 0;

async function signUp(url: string): Promise<ClientTokenManager> {
  const tokens = new ClientTokenManager({ url });
  cleanups.push(() => tokens.close());
  people += 1;
  await tokens.signup({
    email: `p${people}@example.org`,
    password: 'correct horse battery',
    username: 'Person',
  });
  return tokens;
}

function controller(url: string, tokens: ClientTokenManager) {
  const client = connect({ url, tokens });
  cleanups.push(() => client.close());
  return client;
}

async function newScreen(url: string, tokens: ClientTokenManager, options: Partial<ScreenOptions>) {
  const made = await tokens.request<{ screen: ScreenView }>('/api/screens', { body: { name: 'Lobby' } });
  const { screenId } = made.screen;
  const path = `/api/screens/${screenId}/credentials`;
  const credential = await tokens.request<DeviceCredential>(path, { method: 'POST', body: {} });
  const start = (more: Partial<ScreenOptions> = {}) => {
    const device = screen({ url, store: memoryStore(), credential, ...options, ...more });
    cleanups.push(() => device.close());
    return device;
  };
  return { screenId, start };
}

describeEachServer('the SDK', (start, profile) => {
  it('[MSG3] a trigger and a navigate are accepted, run once in order, and reported', async () => {
    const { url } = await start();
    const tokens = await signUp(url);
    const log: unknown[] = [];
    const lobby = await newScreen(url, tokens, {
      onTrigger: ({ action, data, from }) => void log.push([action, data, from.username]),
      onNavigate: ({ url: page, displayIndex }) => void log.push([page, displayIndex]),
    });
    const client = controller(url, tokens);
    const target = { screenId: lobby.screenId };
    // Offline: it waits.
    const first = await client.trigger(target, 'play', { clip: 7 });
    expect(first).toMatchObject({ seq: 1, duplicate: false, stream: `screen:${lobby.screenId}` });
    lobby.start();
    const second = await client.navigate(target, '/menu', { displayIndex: 1 });
    const outcomes = await Promise.all([first.executed, second.executed]);
    expect(outcomes.map(({ status }) => status)).toEqual(['executed', 'executed']);
    expect(log).toEqual([
      ['play', { clip: 7 }, 'Person'],
      ['/menu', 1],
    ]);
    const again = await client.trigger(target, 'play', { clip: 7 }, { id: first.id });
    expect(again).toMatchObject({ duplicate: true, seq: 1 });
    expect((await again.executed).status).toBe('executed');
    expect(log).toHaveLength(2);
  });

  it('[MSG3] a refusal arrives as the protocol’s error', async () => {
    const { url } = await start();
    const tokens = await signUp(url);
    const client = controller(url, tokens);
    const refused = { code: 'SCREEN_NOT_FOUND', definite: true };
    await expect(client.trigger({ screenId: 'scr_none' }, 'go')).rejects.toMatchObject(refused);
    const invalid = { code: 'VALIDATION_ERROR', definite: true };
    await expect(client.trigger({ screenId: 'scr_none' }, 'no spaces')).rejects.toMatchObject(invalid);
    await expect(client.status([crypto.randomUUID()])).resolves.toMatchObject([{ status: 'unknown' }]);
  });

  it('[TOK4] a refresh re-authenticates the live socket without dropping it', async () => {
    const { url } = await start();
    const tokens = await signUp(url);
    const client = controller(url, tokens);
    await client.online();
    const states: string[] = [];
    client.on('state', ({ state }) => states.push(state));
    const before = await tokens.getToken();
    expect(await tokens.refresh()).not.toBe(before);
    await client.status([crypto.randomUUID()]);
    expect(states).toEqual([]);
  });

  it('[TOK4] a logout closes the sockets for good', async () => {
    const { url } = await start();
    const tokens = await signUp(url);
    const refreshed = connect({ url, token: await tokens.getToken() });
    cleanups.push(() => refreshed.close());
    await refreshed.online();
    const closed = next(refreshed, 'state', ({ state }) => state === 'closed');
    await tokens.logout();
    expect((await closed).error?.code).toBe('TOKEN_REVOKED');
    await expect(tokens.getToken()).rejects.toMatchObject({ code: 'AUTH_ERROR' });
  });

  it('[STB4] controller and screen come back after a restart; nothing is lost or run twice', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bongsu-sdk-'));
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    const storage = await makeStorage(profile);
    cleanups.push(storage.remove);
    const server = await start({}, storage);
    const settings = { PORT: new URL(server.url).port };
    const tokens = await signUp(server.url);
    const ran: number[] = [];
    const onTrigger = ({ seq }: Entry) => void ran.push(seq);
    const store = fileStore(join(folder, 'screen.json'));
    const lobby = await newScreen(server.url, tokens, { onTrigger, store });
    const device = lobby.start();
    const client = controller(server.url, tokens);
    await next(device, 'ready');
    const target = { screenId: lobby.screenId };
    await (await client.trigger(target, 'before')).executed;
    const offline = next(client, 'state', ({ state }) => state === 'offline');
    await server.stop();
    await offline;
    const queued = [1, 2, 3].map((n) => client.trigger(target, `during-${n}`));
    await start({ settings }, storage);
    const accepted = await Promise.all(queued);
    await Promise.all(accepted.map(({ executed }) => executed));
    expect(accepted.map(({ seq }) => seq)).toEqual([2, 3, 4]);
    expect(ran).toEqual([1, 2, 3, 4]);
    await device.close();
    const waiting = await client.trigger(target, 'while-away');
    // As after a reboot of the device: nothing but the file.
    const restarted = screen({ url: server.url, store, onTrigger });
    cleanups.push(() => restarted.close());
    expect((await waiting.executed).status).toBe('executed');
    expect(ran).toEqual([1, 2, 3, 4, 5]);
  });

  it('[STB4] [CL6] a screen comes back by itself after a restart under another PUBLIC_URL, and runs what waits', async () => {
    const storage = await makeStorage(profile);
    cleanups.push(storage.remove);
    const server = await start({ settings: { PUBLIC_URL: 'https://former.example.org' } }, storage);
    const tokens = await signUp(server.url);
    const ran: string[] = [];
    const lobby = await newScreen(server.url, tokens, { onTrigger: ({ action }) => void ran.push(action) });
    const device = lobby.start();
    const states: string[] = [];
    device.on('state', ({ state }) => states.push(state));
    const client = controller(server.url, tokens);
    await next(device, 'ready');
    const away = next(device, 'state', ({ state }) => state === 'offline');
    await server.stop();
    await away;
    const waiting = client.trigger({ screenId: lobby.screenId }, 'while-away');
    const settings = { PORT: new URL(server.url).port, PUBLIC_URL: 'https://now.example.org' };
    await start({ settings }, storage);
    expect((await (await waiting).executed).status).toBe('executed');
    expect([ran, states.includes('closed')]).toEqual([['while-away'], false]);
  });
});
