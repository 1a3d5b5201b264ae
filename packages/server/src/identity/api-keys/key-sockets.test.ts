import { nextEvent } from '@bongsu/conformance';
import type { SessionClosing } from '@bongsu/protocol';
import { afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import { gated } from '../../../test/support/gated-database.js';
import {
  bearer,
  changeUser,
  createApiKey,
  emptyIdentity,
  firstAdmin,
  MINUTE_MS,
  PASSWORD,
  startIdentity,
  type TestIdentity,
} from '../../../test/support/identity.js';
import { openSockets, type SocketedIdentity } from '../../../test/support/identity-sockets.js';
import { ManualClock } from '../../../test/support/manual-clock.js';
import type { Database } from '../../platform/database/database.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const HOUR_MS = 60 * MINUTE_MS;

describeEachDatabase('sockets of API keys', (open) => {
  let database: Database;
  let clock: ManualClock;
  /** Where things are changed, and another node that hears of it by SQL alone. Sockets are on both. */
  let server: TestIdentity;
  let there: TestIdentity;
  let nodes: SocketedIdentity[];
  let owner: Awaited<ReturnType<TestIdentity['signUp']>>;

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyIdentity(database);
    clock = new ManualClock();
    server = await startIdentity(database, {}, { clock });
    there = await startIdentity(database, {}, { clock, time: server.time });
    nodes = [await openSockets(server, clock), await openSockets(there, clock)];
    owner = await server.signUp();
  });
  afterEach(async () => {
    for (const node of nodes) await node.close();
    await server.stop();
    await there.stop();
  });

  const create = (over?: object) => createApiKey(server, owner.accessToken, over);
  const rotate = async (id: string, body: object) => {
    const { status } = await server.post(`/api-keys/${id}/rotate`, body, bearer(owner.accessToken));
    expect(status).toBe(201);
  };
  /** One socket on each node. */
  const connect = (token: string) =>
    Promise.all(
      nodes.map(async ({ clients }) => {
        const { socket } = await clients.connect({ token });
        const heard: string[] = [];
        socket.onAny((event: string) => heard.push(event));
        const closing = nextEvent<SessionClosing>(socket, 'session-closing');
        // Most tests expect none.
        closing.catch(() => undefined);
        return { socket, heard, closing };
      }),
    );
  type Open = Awaited<ReturnType<typeof connect>>;
  const closings = async (sockets: Open) => {
    const all = Promise.all(sockets.map(({ closing }) => closing));
    const closed: SessionClosing[] = [];
    all.then((told) => closed.push(...told)).catch(() => undefined);
    // More than once: a look that is under way may have been too early, and another one is not begun meanwhile.
    const told = () => {
      clock.advance(2500);
      return closed.length;
    };
    await expect.poll(told).toBe(sockets.length);
    return all;
  };
  /** What each of them may do now, as `users.read` (for administrators) and `profile.read` say. */
  const may = (sockets: Open, right: string) =>
    Promise.all(
      sockets.map(async ({ socket }) => {
        clock.advance(2500);
        const { error } = (await socket.emitWithAck(`probe:${right}`)) as { error?: { code: string } };
        return error?.code ?? 'allowed';
      }),
    );
  const BOTH = (what: string) => [what, what];
  const ends = () =>
    nodes.flatMap(({ connections }) => [...connections.all()]).map(({ principal }) => principal.expiresAt);

  it('[SK19] a key that ends is warned a minute before and cut 30 s after, one without an end never', async () => {
    const ending = await connect((await create({ expiresAt: server.time.now() + HOUR_MS })).key);
    const staying = await connect((await create({ expiresAt: null })).key);
    const warned = ending.map(({ socket }) => nextEvent(socket, 'auth-expiring'));
    server.time.advance(HOUR_MS - MINUTE_MS + 2000);
    clock.advance(1000);
    await Promise.all(warned);
    server.time.advance(MINUTE_MS + 30_000);
    clock.advance(1000);
    expect(await closings(ending)).toMatchObject(
      ending.map(() => ({ code: 'TOKEN_EXPIRED', reconnect: false })),
    );
    expect(await may(staying, 'profile.read')).toEqual(BOTH('allowed'));
    expect(staying.flatMap(({ heard }) => heard)).toEqual([]);
  });

  it('[SIG1] a rotation changes when an open socket ends, and closes none before', async () => {
    const { key, id } = await create({ expiresAt: null });
    const sockets = await connect(key);
    await rotate(id, { overlapHours: 1 });
    expect(await may(sockets, 'profile.read')).toEqual(BOTH('allowed'));
    const end = server.time.now() + HOUR_MS + 1000;
    await expect.poll(() => ends().every((at) => at < end)).toBe(true);
    expect(sockets.flatMap(({ heard }) => heard)).toEqual([]);
    server.time.advance(HOUR_MS - 30_000);
    clock.advance(1000);
    server.time.advance(61_000);
    expect(await closings(sockets)).toMatchObject(sockets.map(() => ({ code: 'TOKEN_EXPIRED' })));
    for (const { heard } of sockets) expect(heard).toContain('auth-expiring');
  });

  it('[SIG1] a rotation without overlap, for a key that leaked, ends them at once', async () => {
    const { key, id } = await create();
    const sockets = await connect(key);
    await rotate(id, { overlapHours: 0 });
    const expired = { code: 'TOKEN_EXPIRED', reconnect: false };
    expect(await closings(sockets)).toMatchObject([expired, expired]);
  });

  it('[SIG1] [SEC6] a deleted key takes its sockets with it, and no other key’s', async () => {
    const [deleted, other] = [await create(), await create()];
    const [sockets, others] = [await connect(deleted.key), await connect(other.key)];
    const answer = await server.delete(`/api/api-keys/${deleted.id}`, owner.accessToken);
    expect(answer.status).toBe(204);
    const revoked = { code: 'TOKEN_REVOKED', reconnect: false };
    expect(await closings(sockets)).toMatchObject([revoked, revoked]);
    expect(await may(others, 'profile.read')).toEqual(BOTH('allowed'));
  });

  it('[SIG1] [ID25] a new role of the owner counts on them and on those of logins, both ways, and closes none', async () => {
    const [keys, logins] = [await connect((await create()).key), await connect(owner.accessToken)];
    const admin = await firstAdmin(server);
    for (const [role, wanted] of [
      ['admin', 'allowed'],
      ['user', 'FORBIDDEN'],
    ] as const) {
      expect(await changeUser(server, admin, owner.user.userId, { role })).toBe(200);
      for (const sockets of [keys, logins]) {
        await expect.poll(() => may(sockets, 'users.read')).toEqual(BOTH(wanted));
      }
    }
    // Nor does a role lend a scope.
    expect(await may(keys, 'logins.end')).toEqual(BOTH('FORBIDDEN'));
    expect([...keys, ...logins].flatMap(({ heard }) => heard)).toEqual([]);
  });

  it('[SIG1] what ends the owner’s logins leaves them: another password, and ending all others', async () => {
    const sockets = await connect((await create()).key);
    const { body } = await server.post('/auth/login', { email: owner.user.email, password: PASSWORD });
    const logins = await connect(owner.accessToken);
    const password = { currentPassword: PASSWORD, password: 'another good password' };
    const changed = await server.post('/users/me/password', password, bearer(String(body.accessToken)));
    expect(changed.status).toBe(200);
    expect(await closings(logins)).toMatchObject(logins.map(() => ({ code: 'TOKEN_REVOKED' })));
    expect((await server.delete('/api/auth/sessions', String(body.accessToken))).status).toBe(204);
    clock.advance(2500);
    expect(await may(sockets, 'profile.read')).toEqual(BOTH('allowed'));
    expect(sockets.flatMap(({ heard }) => heard)).toEqual([]);
  });

  it('[SIG1] [USR7] a disabled owner’s end with those of their logins, and may come back once enabled', async () => {
    const { key } = await create();
    const all = [...(await connect(key)), ...(await connect(owner.accessToken))];
    const admin = await firstAdmin(server);
    expect(await changeUser(server, admin, owner.user.userId, { disabled: true })).toBe(200);
    const disabled = { code: 'ACCOUNT_DISABLED', reconnect: false };
    expect(await closings(all)).toMatchObject(all.map(() => disabled));
    for (const { clients } of nodes) {
      expect(await clients.refusal({ token: key })).toMatchObject({ code: 'TOKEN_REVOKED' });
    }
    expect(await changeUser(server, admin, owner.user.userId, { disabled: false })).toBe(200);
    const { email } = owner.user;
    const { body } = await server.post('/auth/login', { email, password: PASSWORD });
    const back = await connect(String(body.accessToken));
    // Both nodes had kept that it does not count.
    expect((await server.get('/api/users/me', key)).status).toBe(200);
    const elsewhere = async () => {
      clock.advance(2500);
      return (await there.get('/api/users/me', key)).status;
    };
    await expect.poll(elsewhere).toBe(200);
    expect(await may(await connect(key), 'profile.read')).toEqual(BOTH('allowed'));
    expect(await may(back, 'profile.read')).toEqual(BOTH('allowed'));
    expect(back.flatMap(({ heard }) => heard)).toEqual([]);
  });

  it('[SIG1] [ID26] a node that heard nothing for minutes asks again about all its sockets', async () => {
    const gate = gated(database);
    const time = server.time;
    const far = await startIdentity(gate.database, {}, { clock, time });
    const farSurface = await openSockets(far, clock);
    const made = await create();
    const join = async (token: string) => (await farSurface.clients.connect({ token })).socket;
    const key = await join(made.key);
    await join(owner.accessToken);
    const closing = nextEvent<SessionClosing>(key, 'session-closing');
    gate.fail('from revocations');
    for (let n = 0; n < 10; n += 1) clock.advance(10_000);
    await server.delete(`/api/api-keys/${made.id}`, owner.accessToken);
    // As an administrator does elsewhere, and so long ago that nobody keeps a note of it.
    await database.query(`update users set role = 'admin'`);
    await database.query('delete from revocations');
    gate.fail('');
    clock.advance(2500);
    expect(await closing).toMatchObject({ code: 'TOKEN_REVOKED' });
    await expect
      .poll(() => [...farSurface.connections.all()].map(({ principal }) => principal))
      .toMatchObject([{ role: 'admin' }]);
    await farSurface.close();
    await far.stop();
  });

  it('[SIG1] when nobody can say whether a key still counts, its socket ends and may come back', async () => {
    const sockets = await connect((await create()).key);
    const admin = await firstAdmin(server);
    const gone = sockets.map(({ socket }) => nextEvent(socket, 'disconnect'));
    const query = database.query.bind(database);
    database.query = (text, ...rest) =>
      text.includes('from api_keys') ? Promise.reject(new Error('away')) : query(text, ...rest);
    expect(await changeUser(server, admin, owner.user.userId, { role: 'admin' })).toBe(200);
    clock.advance(2500);
    expect(await Promise.all(gone)).toEqual(BOTH('transport close'));
    database.query = query;
    expect(await may(await connect((await create()).key), 'users.read')).toEqual(BOTH('allowed'));
  });
});
