import { ApiKeySchema, CreatedApiKeySchema, listOf, type Scope, UserSchema } from '@bongsu/protocol';
import { v7 } from 'uuid';
import { expect, it } from 'vitest';
import { comparable, expectBody, expectFailure, type HttpAnswer } from '../support/http.js';
import { expectAccepted, expectRefused, nextEvent, send } from '../support/sockets.js';
import { type Account, type GetWorld, trigger } from '../support/world.js';

const KeysSchema = listOf(ApiKeySchema);
const DAY_MS = 86_400_000;
const YEARS_MS = 5 * 365 * DAY_MS;
/** For clocks that differ between the test and the server. */
const MARGIN_MS = 60_000;

export function apiKeyRules(world: GetWorld): void {
  let keeper: Promise<Account> | undefined;
  const owner = () => {
    keeper ??= world().signUp();
    return keeper;
  };
  const post = (path: string, body: unknown, account: Account) =>
    world().http.post(`/api/api-keys${path}`, body, account.accessToken);
  const remove = (id: string, account: Account) =>
    world().http.call('DELETE', `/api/api-keys/${id}`, { token: account.accessToken });
  const create = async (...scopes: Scope[]) => world().apiKey(await owner(), scopes);
  const me = (token: string): Promise<HttpAnswer> => world().http.get('/api/users/me', token);
  const open = async (token: string) => (await world().sockets.connect({ token })).socket;

  it('[ID56] making an API key answers it, and nothing answers it again', async () => {
    const created = await create('screens:read', 'commands:write');
    expect(created.key).toMatch(/^bgs_[0-9A-Za-z]{10}_[0-9A-Za-z]{49}$/);
    const { key, ...item } = created;
    expect(item).toMatchObject({ name: 'A service', lastUsedAt: null, rotatedTo: null });
    const { accessToken } = await owner();
    const list = await world().http.get('/api/api-keys?limit=1', accessToken);
    expect(expectBody(list, 200, KeysSchema).items).toEqual([item]);
    expect(list.text).not.toContain(key.slice(-49));
  });

  it('[ID57] a key is its owner, over HTTP and in the handshake', async () => {
    const { key, id } = await create('users:read', 'commands:write');
    const { userId } = await owner();
    expect(expectBody(await me(key), 200, UserSchema).userId).toBe(userId);
    const { socket, ready } = await world().sockets.connect({ token: key });
    expect(ready).toMatchObject({ userId, sessionId: `key:${id}` });
    const { screenId } = await world().createScreen(await owner());
    expectAccepted(await send(socket, 'trigger', trigger(screenId)));
  });

  it('[ID58] a key does what its scopes say: write is not read, and what has no scope is for people', async () => {
    const { screenId } = await world().createScreen(await owner());
    const { key } = await create('commands:write', 'screens:write');
    const refused = expectFailure(await world().http.get(`/api/screens/${screenId}`, key), 403, 'FORBIDDEN');
    expect(refused.details).toEqual({ scope: 'screens:read' });
    const socket = await open(key);
    expectRefused(await send(socket, 'status', { ids: [v7()] }), 'FORBIDDEN');
    expectRefused(await send(socket, 'auth-refresh', { token: key }), 'FORBIDDEN');
    const again = await world().http.post('/api/api-keys', { name: 'x', scopes: ['users:read'] }, key);
    expectFailure(again, 403, 'FORBIDDEN');
    expectFailure(await world().http.get('/api/api-keys', key), 403, 'FORBIDDEN');
  });

  it('[ID59] a key that is malformed, unknown or has another secret is AUTH_ERROR everywhere', async () => {
    const { key } = await create('users:read');
    const { key: other } = await create('users:read');
    const bad = {
      'cut short': key.slice(0, -1),
      'mistyped in its checksum': `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`,
      'of two keys': `${key.slice(0, 15)}${other.slice(15)}`,
      'without a secret': key.slice(0, 15),
      'in capitals': key.toUpperCase(),
    };
    for (const [name, token] of Object.entries(bad)) {
      expect({ name, ...comparableOf(await me(token)) }).toMatchObject({
        name,
        error: { code: 'AUTH_ERROR' },
      });
      expect({ name, ...(await world().sockets.refusal({ token })) }).toMatchObject({
        name,
        code: 'AUTH_ERROR',
      });
    }
  });

  it('[ID60] a key ends when asked to, in 90 days, or never; no end may be past or over five years away', async () => {
    const person = await owner();
    const make = (expiresAt?: number | null) =>
      post('', { name: 'Ends', scopes: ['users:read'], expiresAt }, person);
    const endOf = async (answer: Promise<HttpAnswer>) =>
      expectBody(await answer, 201, CreatedApiKeySchema).expiresAt;
    expect(Math.abs(Number(await endOf(make())) - Date.now() - 90 * DAY_MS)).toBeLessThan(MARGIN_MS);
    expect(await endOf(make(null))).toBeNull();
    const at = Date.now() + YEARS_MS;
    expect(await endOf(make(at))).toBe(at);
    for (const wrong of [Date.now() - MARGIN_MS, 1, 0, -1, Date.now() + YEARS_MS + 10 * DAY_MS, 1.5]) {
      expectFailure(await make(wrong), 400, 'VALIDATION_ERROR');
    }
    for (const body of [
      { name: '', scopes: ['users:read'] },
      { name: 'No scope', scopes: [] },
      { name: 'Unknown', scopes: ['everything'] },
    ]) {
      expectFailure(await post('', body, person), 400, 'VALIDATION_ERROR');
    }
  });

  it('[ID61] [SK14] a deleted key is TOKEN_REVOKED, and its sockets are closed for good', async () => {
    const person = await owner();
    const { key, id } = await create('users:read');
    const socket = await open(key);
    const closing = nextEvent(socket, 'session-closing');
    const gone = nextEvent(socket, 'disconnect');
    expect((await remove(id, person)).status).toBe(204);
    expect(await closing).toMatchObject({ code: 'TOKEN_REVOKED', reconnect: false });
    expect(await gone).toBe('io server disconnect');
    await world().expectRevoked(key);
    expect(await world().sockets.refusal({ token: key })).toMatchObject({ code: 'TOKEN_REVOKED' });
    expectFailure(await remove(id, person), 404, 'NOT_FOUND');
  });

  it('[ID62] rotating answers a like key, and the old one works for the overlap', async () => {
    const person = await owner();
    const old = await create('users:read', 'screens:read');
    const next = expectBody(
      await post(`/${old.id}/rotate`, { overlapHours: 1 }, person),
      201,
      CreatedApiKeySchema,
    );
    expect(next).toMatchObject({ name: old.name, scopes: old.scopes });
    expect(Number(next.expiresAt) - next.createdAt).toBe(Number(old.expiresAt) - old.createdAt);
    expectBody(await me(old.key), 200, UserSchema);
    expectBody(await me(next.key), 200, UserSchema);
    const { items } = expectBody(
      await world().http.get('/api/api-keys', person.accessToken),
      200,
      KeysSchema,
    );
    const listed = items.find(({ id }) => id === old.id);
    expect(listed?.rotatedTo).toBe(next.id);
    expect(Number(listed?.expiresAt) - next.createdAt).toBeLessThanOrEqual(3_600_000);
    expectFailure(await post(`/${old.id}/rotate`, undefined, person), 409, 'CONFLICT');
  });

  it('[ID62] without an overlap the old key ends at once, and its sockets with it', async () => {
    const person = await owner();
    const old = await create('users:read');
    const socket = await open(old.key);
    const closing = nextEvent(socket, 'session-closing');
    expect((await post(`/${old.id}/rotate`, { overlapHours: 0 }, person)).status).toBe(201);
    expect(await closing).toMatchObject({ code: 'TOKEN_EXPIRED', reconnect: false });
    expectFailure(await me(old.key), 401, 'TOKEN_EXPIRED');
    expectFailure(await post(`/${old.id}/rotate`, {}, person), 409, 'CONFLICT');
  });

  it('[ID63] somebody else’s key answers as one that does not exist, and nobody has more than 50', async () => {
    const person = await owner();
    const stranger = await world().signUp();
    const { id } = await create('users:read');
    const unknown = 'AAAAAAAAAA';
    expect(comparableOf(await remove(id, stranger))).toEqual(comparableOf(await remove(unknown, stranger)));
    expectFailure(await remove(unknown, stranger), 404, 'NOT_FOUND');
    const rotated = await post(`/${id}/rotate`, {}, stranger);
    expect(comparableOf(rotated)).toEqual(comparableOf(await post(`/${unknown}/rotate`, {}, stranger)));
    expectFailure(rotated, 404, 'NOT_FOUND');
    const mine = { name: 'One of many', scopes: ['users:read'] };
    const made = await Promise.all(Array.from({ length: 55 }, () => post('', mine, stranger)));
    expect(made.filter(({ status }) => status === 201)).toHaveLength(50);
    for (const answer of made.filter(({ status }) => status !== 201)) expectFailure(answer, 409, 'CONFLICT');
    expect((await post(`/${id}/rotate`, {}, person)).status).toBe(201);
  });

  it('[ID64] the socket of a key is told what its scopes let it read', async () => {
    const person = await owner();
    const device = await world().device(person);
    const heardBy = async (...scopes: Scope[]) => {
      const heard: string[] = [];
      const socket = await open((await create(...scopes)).key);
      for (const event of ['screen-status', 'command-status']) socket.on(event, () => heard.push(event));
      return { socket, heard };
    };
    const screens = await heardBy('screens:read', 'rooms:write');
    const readers = await heardBy('commands:read');
    const senders = await heardBy('commands:write');
    const deaf = await heardBy(
      'screens:write',
      'rooms:read',
      'dead-letters:read',
      'users:read',
      'metrics:read',
    );
    const all = await world().controller(person);
    const online = nextEvent(all, 'screen-status');
    await world().connectScreen(device);
    await online;
    const executed = nextEvent(all, 'command-status');
    expectAccepted(await send(all, 'trigger', trigger(device.screenId)));
    await executed;
    // What was sent to it before has arrived once an answer has.
    for (const { socket } of [screens, readers, senders, deaf]) await send(socket, 'no-such-event');
    expect(screens.heard).toEqual(['screen-status']);
    expect(readers.heard).toEqual(['command-status']);
    expect(senders.heard).toEqual(['command-status']);
    expect(deaf.heard).toEqual([]);
  });

  it('[ID65] a key in a query string or in a body counts for nothing', async () => {
    const { key } = await create('users:read', 'screens:read');
    for (const name of ['token', 'access_token', 'api_key', 'apiKey', 'key', 'authorization']) {
      expectFailure(await world().http.get(`/api/users/me?${name}=${key}`), 401, 'AUTH_ERROR');
    }
    const query = { query: { token: key, auth: key } };
    expect(await world().sockets.refusal({}, query)).toMatchObject({ code: 'AUTH_ERROR' });
  });
}

/** Without the request's id, whatever the answer is. */
function comparableOf(answer: HttpAnswer): { error?: { code?: string } } {
  return comparable(answer) as { error?: { code?: string } };
}
