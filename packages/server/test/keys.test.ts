import { ClientTokenManager, connect } from '@bongsu/client';
import { nextEvent, World } from '@bongsu/conformance';
import type { SessionClosing } from '@bongsu/protocol';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runInProcess } from './support/command-line.js';
import {
  describeEachServer,
  makeStorage,
  type RunningServer,
  type Storage,
  startOn,
} from './support/server.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const SECRET = 'Zk3vQ9xTb7Rm1LwYc5Hd8NfJ2GpSe6UaVt4KoXi0BqDnWzMhPyErCgFsAuLjOlIT';
const OTHER_SECRET = 'h7Wq2LzXv9Rb4TnKc6Jd1MfYs8GpEu3AoVtHi5QxBwDkZmPyNrCgFjAeSlOUIT0a';
interface Key {
  kid: string;
  alg: string;
  state: string;
}

describeEachServer('bongsu keys', (_start, profile) => {
  let storage: Storage;
  const servers: RunningServer[] = [];
  const cleanUps: (() => void)[] = [];
  beforeEach(async () => {
    storage = await makeStorage(profile);
  });
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0)) cleanUp();
    for (const server of servers.splice(0)) await server.stop();
    await storage.remove();
  });
  async function start(settings: Record<string, string> = { JWT_SECRET: SECRET }) {
    const server = await startOn(storage, { settings });
    servers.push(server);
    const world = new World({ url: server.url });
    cleanUps.push(() => world.sockets.closeAll());
    return { server, world };
  }
  const bongsu = (...args: string[]) =>
    runInProcess(['keys', ...args], { ...storage.settings, JWT_SECRET: SECRET });
  const published = async ({ url }: RunningServer) => {
    const { keys } = (await (await fetch(`${url}/.well-known/jwks.json`)).json()) as { keys: Key[] };
    return keys.map(({ kid }) => kid);
  };

  it('[TOK1] rotate publishes a key beside the one that signs, once, and list shows both', async () => {
    const { server } = await start();
    const before = await published(server);
    const rotated = await bongsu('rotate', '--json');
    expect(rotated).toMatchObject({ code: 0, err: '' });
    const key = JSON.parse(rotated.out) as Key;
    expect(key).toMatchObject({ state: 'pending', alg: 'EdDSA', activatedAt: null });
    expect(rotated.out).not.toMatch(/jwk|"d"|"x"/i);
    // A server on PostgreSQL hears of it by its next look at SQL.
    await expect.poll(() => published(server), { timeout: 10_000 }).toEqual([...before, key.kid]);
    expect(JSON.parse((await bongsu('rotate', '--json')).out)).toEqual(key);
    const listed = await bongsu('list', '--json');
    expect(JSON.parse(listed.out)).toMatchObject({
      items: [
        { kid: before[0], state: 'active' },
        { kid: key.kid, state: 'pending' },
      ],
    });
    expect((await bongsu('list')).out).toMatch(
      new RegExp(`^${before[0]}  EdDSA  active  since 20.*\n${key.kid}  EdDSA  pending  since 20.*\n$`),
    );
  });

  it('[TOK1] [ID31] an emergency ends all tokens and sockets of the former keys, and clients come back by themselves', async () => {
    const { server, world } = await start();
    const owner = await world.person('owner');
    const before = await published(server);
    const { socket } = await world.sockets.connect({ token: owner.accessToken });
    const closing = nextEvent<SessionClosing>(socket, 'session-closing');
    const tokens = new ClientTokenManager({ url: server.url });
    await tokens.login({ email: owner.email, password: owner.password });
    const client = connect({ url: server.url, tokens });
    cleanUps.push(() => client.close());
    const states: string[] = [];
    client.on('state', ({ state }) => states.push(state));
    await expect.poll(() => states.at(-1), { timeout: 10_000 }).toBe('online');

    const asked = await bongsu('rotate', '--emergency');
    expect(asked).toMatchObject({ code: 2, out: '', err: expect.stringContaining('--yes') });
    const { code, out } = await bongsu('rotate', '--emergency', '--yes', '--json');
    expect(code).toBe(0);
    const key = JSON.parse(out) as Key;
    expect(key).toMatchObject({ state: 'active' });
    expect(await closing).toMatchObject({ code: 'TOKEN_EXPIRED', reconnect: false });
    expect(await published(server)).toEqual([key.kid]);
    expect(before).not.toContain(key.kid);
    const refused = await world.http.get('/api/users/me', owner.accessToken);
    expect(refused.body).toMatchObject({ error: { code: 'TOKEN_EXPIRED' } });
    const again = await world.sockets.refusal({ token: owner.accessToken });
    expect(again).toMatchObject({ code: 'TOKEN_EXPIRED' });
    await expect.poll(() => states.filter((state) => state === 'online').length, { timeout: 10_000 }).toBe(2);
    expect(states).not.toContain('closed');
  });

  it('[TOK1] works without a server, and says that HS256 has no keys to rotate', async () => {
    const { server } = await start();
    const [kid] = await published(server);
    await server.stop();
    const { out } = await bongsu('rotate', '--emergency', '--yes', '--json');
    const { server: next } = await start();
    expect(await published(next)).toEqual([(JSON.parse(out) as Key).kid]);
    expect(await published(next)).not.toContain(kid);
    await next.stop();
    const hs256 = await runInProcess(['keys', 'rotate'], {
      ...storage.settings,
      JWT_SECRET: SECRET,
      JWT_ALG: 'HS256',
    });
    expect(hs256).toMatchObject({ code: 1, out: '', err: expect.stringContaining('JWT_SECRET_PREVIOUS') });
    const foreign = await runInProcess(['keys', 'rotate'], { ...storage.settings, JWT_SECRET: OTHER_SECRET });
    expect(foreign).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('JWT_SECRET is not the one'),
    });
  });

  it('[TOK3] a server that is given a new JWT_SECRET beside the former one signs nobody out', async () => {
    const { server, world } = await start();
    const owner = await world.person('owner');
    await server.stop();
    await expect(start({ JWT_SECRET: OTHER_SECRET })).rejects.toThrow(
      /JWT_SECRET is not the one .* JWT_SECRET_PREVIOUS/,
    );
    const both = { JWT_SECRET: OTHER_SECRET, JWT_SECRET_PREVIOUS: SECRET };
    const { world: next } = await start(both);
    expect((await next.http.get('/api/users/me', owner.accessToken)).status).toBe(200);
    const { refreshToken } = owner;
    expect((await next.http.post('/api/auth/refresh', { refreshToken })).status).toBe(200);
  });
});

describe('bongsu keys', () => {
  it.each([[['rotate', '--when', 'now']], [['rotate', '--emergency']], [['burn']]])(
    '[DEP1] keys %j is bad use: exit 2',
    async (args) => {
      expect((await runInProcess(['keys', ...args], {})).code).toBe(2);
    },
  );
});
