import { type Account, type Device, nextEvent, send, trigger } from '@bongsu/conformance';
import type { CommandStatus, ConnectionInfo, NodeInfo, SessionClosing } from '@bongsu/protocol';
import type { Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { describeNodes } from './support/nodes.js';
import { startTwoNodes, type TwoNodes } from './support/two-nodes.js';

interface Page<Item> {
  items: Item[];
  nextCursor: string | null;
  missing?: string[];
}

const closings = (socket: Socket) => nextEvent<SessionClosing>(socket, 'session-closing');

describeNodes('several nodes', () => {
  let nodes: TwoNodes;
  let owner: Account;
  let admin: string;

  beforeAll(async () => {
    nodes = await startTwoNodes();
    owner = await nodes.a.world.signUp();
    admin = (await nodes.a.world.admin()) ?? '';
  });
  afterAll(() => nodes?.stop());
  afterEach(() => {
    for (const { world } of [nodes.a, nodes.b]) world.sockets.closeAll();
  });

  const outcomeOf = (socket: Socket, id: string) =>
    new Promise<CommandStatus>((resolve) =>
      socket.on('command-status', (status: CommandStatus) => status.id === id && resolve(status)),
    );
  const list = async <Item>(path: string, at: 'a' | 'b' = 'a') =>
    (await nodes[at].world.http.get(path, admin)).body as Page<Item>;

  it('[ND16] the sender hears of the outcome and of the screen on the other node, on each socket once', async () => {
    const { a, b } = nodes;
    const device = await a.world.device(owner);
    const [here, there] = [await a.world.controller(owner), await b.world.controller(owner)];
    const online = [here, there].map((socket) => nextEvent<{ screenId: string }>(socket, 'screen-status'));
    await b.world.connectScreen(device, () => ({ status: 'executed' }));
    for (const status of await Promise.all(online))
      expect(status).toMatchObject({ screenId: device.screenId, online: true });
    const heard: string[] = [];
    for (const [name, socket] of Object.entries({ here, there }))
      socket.on('command-status', ({ id, status }) => heard.push(`${name} ${id} ${status}`));
    const commands = [trigger(device.screenId), trigger(device.screenId)];
    const both = commands.map(({ id }) => Promise.all([outcomeOf(here, id), outcomeOf(there, id)]));
    for (const command of commands)
      expect(await send(here, 'trigger', command)).toMatchObject({ success: true });
    await Promise.all(both);
    const expected = commands.flatMap(({ id }) => [`here ${id} executed`, `there ${id} executed`]);
    expect(heard.sort()).toEqual(expected.sort());
  });

  it('[ND16] an API key hears on the other node only what its scopes let it', async () => {
    const { a, b } = nodes;
    const device = await a.world.device(owner);
    const keyed = async (scopes: Parameters<typeof a.world.apiKey>[1]) => {
      const { key } = await a.world.apiKey(owner, scopes);
      return (await b.world.sockets.connect({ token: key })).socket;
    };
    const [reader, watcher] = [await keyed(['commands:read']), await keyed(['screens:read'])];
    const heard: string[] = [];
    for (const [name, socket] of Object.entries({ reader, watcher })) {
      socket.on('screen-status', () => heard.push(`${name} screen`));
      socket.on('command-status', () => heard.push(`${name} command`));
    }
    const told = nextEvent(watcher, 'screen-status');
    await a.world.connectScreen(device, () => ({ status: 'executed' }));
    await told;
    const ended = nextEvent(reader, 'command-status');
    const controller = await a.world.controller(owner);
    await send(controller, 'trigger', trigger(device.screenId));
    await ended;
    // Behind both: what was for the others would have come before.
    const last = nextEvent(reader, 'command-status');
    await send(controller, 'trigger', trigger(device.screenId));
    await last;
    expect(heard).toEqual(['watcher screen', 'reader command', 'reader command']);
  });

  it('[ND12] a DELETE takes an entry back from the node that holds the screen', async () => {
    const { a, b } = nodes;
    const device = await a.world.device(owner);
    const screen = await b.world.connectScreen(device, () => undefined);
    const controller = await a.world.controller(owner);
    const [first, second] = [trigger(device.screenId), trigger(device.screenId)];
    for (const command of [first, second]) await send(controller, 'trigger', command);
    await expect.poll(() => screen.entries.length).toBe(1);
    const told = outcomeOf(controller, second.id);
    const cancel = (id: string) =>
      a.world.http.call('DELETE', `/api/commands/${id}`, { token: owner.accessToken });
    expect((await cancel(second.id)).body).toMatchObject({ status: 'cancelled' });
    expect(await told).toMatchObject({ status: 'cancelled' });
    expect((await cancel(first.id)).body).toMatchObject({
      error: { code: 'CONFLICT', details: { reason: 'in-flight' } },
    });
  });

  it('[ND13] [ND15] connections are paged over both nodes, and both nodes are listed', async () => {
    const { a, b } = nodes;
    const device: Device = await a.world.device(owner);
    await a.world.connectScreen(device);
    const sockets = [
      ...(await Promise.all([1, 2, 3].map(() => a.world.controller(owner)))),
      ...(await Promise.all([1, 2].map(() => b.world.controller(owner)))),
    ];
    const seen: ConnectionInfo[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page: Page<ConnectionInfo> = await list(
        `/api/connections?limit=2&userId=${owner.userId}${cursor && `&cursor=${cursor}`}`,
      );
      expect(page.missing).toEqual([]);
      seen.push(...page.items);
      cursor = page.nextCursor;
    }
    expect(seen.map(({ id }) => id).sort()).toEqual(sockets.map(({ id }) => id).sort());
    expect(seen.filter(({ node }) => node === 'node-b').length).toBe(2);
    expect(seen[0]).toMatchObject({ userId: owner.userId, screenId: null, transport: 'websocket', rooms: 0 });
    const screens = await list<ConnectionInfo>(`/api/connections?screenId=${device.screenId}`, 'b');
    const { screenId } = device;
    const { body } = await a.world.http.get(`/api/screens/${screenId}`, admin);
    const { name } = (body as { screen: { name: string } }).screen;
    expect(screens.items).toMatchObject([{ node: 'node-a', screenId, screenName: name, userId: null }]);
    const { items } = await list<NodeInfo>('/api/nodes', 'b');
    expect(items.map(({ name, isSelf, ready, draining }) => [name, isSelf, ready, draining])).toEqual([
      ['node-a', false, true, false],
      ['node-b', true, true, false],
    ]);
  });

  it('[ND14] a connection of the other node is closed, and one that is gone is NOT_FOUND', async () => {
    const { a, b } = nodes;
    const socket = await b.world.controller(owner);
    const closed = closings(socket);
    const close = () => a.world.http.call('DELETE', `/api/connections/${socket.id}`, { token: admin });
    const path = `/api/connections?userId=${owner.userId}`;
    const [{ id = '' } = {}] = (await list<ConnectionInfo>(path)).items;
    expect(id).toBe(socket.id);
    expect((await close()).status).toBe(204);
    expect(await closed).toMatchObject({ code: 'KICKED', reconnect: false });
    await expect.poll(async () => (await list<ConnectionInfo>(path)).items).toEqual([]);
    const again = await a.world.http.call('DELETE', `/api/connections/${id}`, { token: admin });
    expect(again.body).toMatchObject({ error: { code: 'NOT_FOUND' } });
  });

  it('[ND18] a replaced credential, a deleted screen, an ended login and a lost role count on the other node', async () => {
    const { a, b } = nodes;
    const [replaced, deleted] = [await a.world.device(owner), await a.world.device(owner)];
    const [one, two] = [await b.world.connectScreen(replaced), await b.world.connectScreen(deleted)];
    const cut = [closings(one.socket), closings(two.socket)];
    await a.world.credential(owner, replaced.screenId);
    await a.world.http.call('DELETE', `/api/screens/${deleted.screenId}`, { token: owner.accessToken });
    for (const closing of await Promise.all(cut)) expect(closing).toMatchObject({ code: 'TOKEN_REVOKED' });
    const login = await a.world.logIn(owner);
    const ended = closings(await b.world.controller(login));
    await a.world.http.post('/api/auth/logout', { refreshToken: login.refreshToken });
    expect(await ended).toMatchObject({ code: 'TOKEN_REVOKED' });
    const helper = await a.world.signUp();
    const theirs = await b.world.controller(helper);
    const { screenId } = await a.world.device(owner);
    const setRole = (role: string) =>
      a.world.http.call('PATCH', `/api/users/${helper.userId}`, { token: admin, body: { role } });
    const tried = async () => (await send(theirs, 'trigger', trigger(screenId))) as { success: boolean };
    await setRole('admin');
    await expect.poll(tried).toMatchObject({ success: true });
    await setRole('user');
    await expect.poll(tried).toMatchObject({ error: { code: 'SCREEN_NOT_FOUND' } });
  });
});

describeNodes('several nodes whose Redis ends', () => {
  let nodes: TwoNodes;

  beforeAll(async () => {
    nodes = await startTwoNodes({ MAX_CONNECTIONS_PER_USER: '4', COMMAND_RATE_PER_MINUTE: '60' });
  });
  afterAll(() => nodes?.stop());

  it('[ND19] a user has one number of connections and one rate of commands over both nodes', async () => {
    const { a, b } = nodes;
    const owner = await a.world.signUp();
    const { screenId } = await a.world.device(owner);
    const [here, , there] = [
      await a.world.controller(owner),
      await a.world.controller(owner),
      await b.world.controller(owner),
      await b.world.controller(owner),
    ];
    const fifth = () =>
      new Promise<string>((resolve) => {
        const socket = a.world.sockets.make({ token: owner.accessToken });
        socket.io.on('close', () => resolve('closed'));
        socket.on('ready', () => {
          resolve('let in');
          socket.disconnect();
        });
        socket.connect();
      });
    await expect.poll(fifth).toBe('closed');

    const command = async (socket: Socket) =>
      ((await send(socket, 'trigger', trigger(screenId))) as { success: boolean }).success;
    for (let i = 0; i < 20; i += 1) expect(await command(here)).toBe(true);
    let letThrough = 0;
    await expect
      .poll(
        async () => {
          const isIn = await command(there);
          if (isIn) letThrough += 1;
          return isIn;
        },
        { interval: 50 },
      )
      .toBe(false);
    // Alone it has a burst of 20.
    expect(letThrough).toBeLessThan(20);
  });

  it('[ND18] [ND17] without Redis own sockets hear, other nodes cut within 5 s, and all is well once it is back', async () => {
    const { a, b, redis } = nodes;
    const owner = await a.world.signUp();
    const admin = await a.world.admin();
    const [device, deleted] = [await a.world.device(owner), await a.world.device(owner)];
    const here = await a.world.controller(owner);
    const there = await b.world.controller(owner);
    const screen = await a.world.connectScreen(device, () => ({ status: 'executed' }));
    const doomed = await b.world.connectScreen(deleted);
    const login = await a.world.logIn(owner);
    const loggedIn = await b.world.controller(login);
    await redis.stop('kill');

    const heard = nextEvent(here, 'command-status');
    await send(here, 'trigger', trigger(device.screenId));
    expect(await heard).toMatchObject({ status: 'executed' });
    const cut = closings(doomed.socket);
    await a.world.http.call('DELETE', `/api/screens/${deleted.screenId}`, { token: owner.accessToken });
    // By the list of ended logins, or by the comparison of heads, which knows only that somebody else has the fence and may call it back.
    expect(['TOKEN_REVOKED', 'REPLACED']).toContain((await cut).code);
    await expect(b.world.connectScreen(deleted)).rejects.toThrow();
    const ended = nextEvent(loggedIn, 'session-closing');
    await a.world.http.post('/api/auth/logout', { refreshToken: login.refreshToken });
    expect(await ended).toMatchObject({ code: 'TOKEN_REVOKED' });
    const other = await a.world.signUp();
    const helper = await b.world.controller(other);
    const setRole = (role: string) =>
      a.world.http.call('PATCH', `/api/users/${other.userId}`, { token: admin ?? '', body: { role } });
    const tried = async () =>
      (await send(helper, 'trigger', trigger(device.screenId))) as { success: boolean };
    await setRole('admin');
    await expect.poll(tried).toMatchObject({ success: true });
    await setRole('user');
    await expect.poll(tried).toMatchObject({ error: { code: 'SCREEN_NOT_FOUND' } });
    const page = (await a.world.http.get('/api/connections', admin)).body;
    expect(page).toMatchObject({ missing: ['node-b'] });

    await redis.start();
    const statuses: string[] = [];
    there.on('command-status', ({ id }) => statuses.push(id));
    await expect
      .poll(
        async () => {
          const command = trigger(device.screenId);
          await send(here, 'trigger', command);
          return statuses.length;
        },
        { timeout: 10_000, interval: 100 },
      )
      .toBeGreaterThan(0);
    expect(screen.entries.length).toBeGreaterThan(1);
    await expect
      .poll(async () => (await a.world.http.get('/api/connections', admin)).body, { timeout: 10_000 })
      .toMatchObject({ missing: [] });
  });
});
