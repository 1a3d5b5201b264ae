import { randomUUID } from 'node:crypto';
import { type Account, nextEvent, send, trigger, type World } from '@bongsu/conformance';
import type { CommandStatus, Health, Joined, NodeInfo, Screen } from '@bongsu/protocol';
import type { Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, onTestFinished } from 'vitest';
import { describeNodes } from './support/nodes.js';
import { startTwoRegions, type TwoRegions } from './support/two-regions.js';

interface Page<Item> {
  items: Item[];
}

describeNodes('two regions', () => {
  let regions: TwoRegions;
  let owner: Account;

  beforeAll(async () => {
    regions = await startTwoRegions({ RATE_LIMIT_PER_MINUTE: '1000' });
    owner = await regions.home.world.signUp();
  });
  // The bridge is taken within a second of its start.
  beforeEach(() =>
    expect.poll(farHealth).toMatchObject({ bridge: { status: 'ok' }, replica: { status: 'ok' } }),
  );
  afterAll(() => regions?.stop());
  afterEach(() => {
    for (const { world } of [regions.home, regions.far]) world.sockets.closeAll();
  });

  const farHealth = async () => ((await regions.far.world.http.get('/health')).body as Health).checks;
  const isReady = async () => (await fetch(`${regions.far.url}/health/ready`)).status;
  const person = async (world: World) =>
    (await world.sockets.connect({ token: (await world.signUp()).accessToken, instanceId: randomUUID() }))
      .socket;
  const outcomes = (socket: Socket) => {
    const heard: string[] = [];
    socket.on('command-status', ({ id, status }: CommandStatus) => heard.push(`${id} ${status}`));
    return heard;
  };
  const screens = (world: World, token = owner.accessToken) =>
    fetch(`${world.http.url}/api/screens?limit=100`, { headers: { authorization: `Bearer ${token}` } });

  it('[ND60] [ND61] a command goes to a screen in the other region, once, and its status comes back; both see it online', async () => {
    const { home, far } = regions;
    for (const [sender, other] of [
      [home, far],
      [far, home],
    ] as const) {
      const device = await sender.world.device(owner);
      const controller = await sender.world.controller(owner);
      const heard = outcomes(controller);
      const online = nextEvent(controller, 'screen-status');
      const screen = await other.world.connectScreen(device, () => ({ status: 'executed' }));
      expect(await online).toMatchObject({ screenId: device.screenId, online: true });
      const commands = [trigger(device.screenId), trigger(device.screenId)];
      for (const command of commands)
        expect(await send(controller, 'trigger', command)).toMatchObject({ success: true });
      await expect.poll(() => heard.sort()).toEqual(commands.map(({ id }) => `${id} executed`).sort());
      expect(screen.entries.map(({ id }) => id)).toEqual(commands.map(({ id }) => id));
      const { body } = await sender.world.http.get(`/api/screens/${device.screenId}`, owner.accessToken);
      expect(body).toMatchObject({ screen: { online: true } });
    }
    const admin = await home.world.admin();
    const { items } = (await far.world.http.get('/api/nodes', admin)).body as Page<NodeInfo>;
    expect(items.map(({ name, region, ready }) => [name, region, ready])).toEqual([
      ['far', 'far', true],
      ['home', 'home', true],
    ]);
  });

  it('[ND61] those in one room see each other and negotiate from region to region', async () => {
    const { home, far } = regions;
    const [ann, ben] = [await person(home.world), await person(far.world)];
    const { roomId, participantId: toAnn } = (await send(ann, 'create-room', { name: 'Talk' })) as Joined;
    const came = nextEvent(ann, 'user-joined');
    const { participantId: toBen, existingUsers } = (await send(ben, 'join-room', { roomId })) as Joined;
    expect(existingUsers.map(({ participantId }) => participantId)).toContain(toAnn);
    expect(await came).toMatchObject({ participantId: toBen });
    const offered = nextEvent(ben, 'signal');
    const description = { type: 'offer', sdp: 'v=0 offer' };
    await send(ann, 'signal', { roomId, to: toBen, negotiationId: 'n1', description });
    expect(await offered).toMatchObject({ from: toAnn, description });
    const answered = nextEvent(ann, 'signal');
    const answer = { type: 'answer', sdp: 'v=0 answer' };
    await send(ben, 'signal', { roomId, to: toAnn, negotiationId: 'n1', description: answer });
    expect(await answered).toMatchObject({ from: toBen, description: answer });
    const left = nextEvent(ann, 'user-left');
    await send(ben, 'leave-room', { roomId });
    expect(await left).toMatchObject({ participantId: toBen });
  });

  it('[ND63] the Redis link is cut: degraded and ready, commands go on by SQL, and hints come again once it is back', async () => {
    const { home, far, link } = regions;
    const device = await home.world.device(owner);
    const screen = await far.world.connectScreen(device, () => ({ status: 'executed' }));
    const controller = await home.world.controller(owner);
    link.cut('redis');
    await expect
      .poll(farHealth)
      .toMatchObject({ bridge: { status: 'degraded' }, ephemeral: { status: 'ok' } });
    expect(await isReady()).toBe(200);
    const meanwhile = trigger(device.screenId);
    await send(controller, 'trigger', meanwhile);
    await expect.poll(() => screen.entries.map(({ id }) => id), { timeout: 5000 }).toEqual([meanwhile.id]);
    link.heal();
    await expect.poll(farHealth, { timeout: 10_000 }).toMatchObject({ bridge: { status: 'ok' } });
    // What it was told while it was away is asked for; what comes now is told.
    const heard = outcomes(controller);
    await expect
      .poll(
        async () => {
          await send(controller, 'trigger', trigger(device.screenId));
          return heard.length;
        },
        { timeout: 10_000, interval: 200 },
      )
      .toBeGreaterThan(0);
    const ids = screen.entries.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('[ND64] all of the link is cut under commands: what was accepted runs once', async () => {
    const { home, far, link } = regions;
    const device = await home.world.device(owner);
    const screen = await far.world.connectScreen(device, () => ({ status: 'executed' }));
    const controller = await home.world.controller(owner);
    const sent: string[] = [];
    const command = async () => {
      const next = trigger(device.screenId);
      expect(await send(controller, 'trigger', next)).toMatchObject({ success: true });
      sent.push(next.id);
    };
    await command();
    await expect.poll(() => screen.entries.length).toBe(1);
    link.cut();
    await command();
    await command();
    link.heal();
    await command();
    await expect
      .poll(async () => statusesOf(home.world, sent), { timeout: 20_000 })
      .toEqual(sent.map(() => 'executed'));
    expect(screen.entries.map(({ id }) => id)).toEqual(sent);
  });

  const statusesOf = (world: World, ids: string[]) =>
    Promise.all(
      ids.map(async (id) => {
        const { body } = await world.http.get(`/api/commands/${id}`, owner.accessToken);
        return (body as { status: string }).status;
      }),
    );

  it('[ND65] limits are counted in each region', async () => {
    const { home, far } = regions;
    const somebody = await home.world.signUp();
    const remaining = async (world: World) =>
      Number((await screens(world, somebody.accessToken)).headers.get('ratelimit-remaining'));
    for (let i = 0; i < 5; i += 1) await remaining(home.world);
    expect(await remaining(home.world)).toBe(994);
    expect(await remaining(far.world)).toBe(999);
  });

  it('[ND66] [ND67] lists are read from the replica, and say so; never before what the reader wrote', async () => {
    const { home, far, link } = regions;
    const reader = await home.world.signUp();
    const names = async () => {
      const answer = await screens(far.world, reader.accessToken);
      const { items } = (await answer.json()) as Page<Screen>;
      return { asOf: answer.headers.get('bongsu-as-of'), names: items.map(({ name }) => name) };
    };
    const add = (world: World, name: string) => world.http.post('/api/screens', { name }, reader.accessToken);
    await add(home.world, 'At home');
    await expect.poll(names).toEqual({ asOf: expect.stringMatching(/^\d{13}$/), names: ['At home'] });
    link.holdReplication();
    onTestFinished(() => link.heal());
    await add(home.world, 'Elsewhere');
    // Written by another node: the page is older, and says of when it is.
    const { asOf, names: known } = await names();
    expect(known).toEqual(asOf === null ? ['Elsewhere', 'At home'] : ['At home']);
    await add(far.world, 'Here');
    expect(await names()).toEqual({ asOf: null, names: ['Here', 'Elsewhere', 'At home'] });
    await expect.poll(farHealth, { timeout: 15_000 }).toMatchObject({ replica: { status: 'degraded' } });
    expect(await isReady()).toBe(200);
    link.heal();
    await expect
      .poll(names, { timeout: 20_000 })
      .toEqual({ asOf: expect.any(String), names: ['Here', 'Elsewhere', 'At home'] });
  });

  it('[ND66] every page is answered by the replica as home answers it, and says so', async () => {
    const { home, far } = regions;
    const admin = (await home.world.admin()) ?? '';
    const device = await home.world.device(owner);
    const controller = await home.world.controller(owner);
    await send(controller, 'trigger', trigger(device.screenId));
    const host = await person(home.world);
    const { roomId } = (await send(host, 'create-room', { name: 'Talk' })) as Joined;
    for (const data of ['one', 'two'])
      await send(host, 'message', { id: randomUUID(), timestamp: Date.now(), roomId, data });
    await home.world.http.post('/api/api-keys', { name: 'Pages', scopes: ['metrics'] }, admin);
    const pages = [
      '/screens?all=true',
      '/rooms?all=true',
      `/rooms/${roomId}/history?limit=1`,
      '/users',
      '/dead-letters',
      '/api-keys',
      '/commands',
      `/commands?screenId=${device.screenId}`,
    ];
    for (const page of pages) {
      const read = async (world: World) => {
        const answer = await fetch(`${world.http.url}/api${page}`, {
          headers: { authorization: `Bearer ${admin}` },
        });
        return { asOf: answer.headers.get('bongsu-as-of'), status: answer.status, body: await answer.json() };
      };
      const { body } = await read(home.world);
      await expect
        .poll(() => read(far.world), { timeout: 10_000, message: page })
        .toEqual({ asOf: expect.stringMatching(/^\d{13}$/), status: 200, body });
    }
  });

  it('[ND66] the end of a history is read at home: nothing is missing before what comes live', async () => {
    const { home, far, link } = regions;
    const [ann, ben] = [await person(home.world), await home.world.signUp()];
    const { roomId } = (await send(ann, 'create-room', { name: 'Talk' })) as Joined;
    const say = (data: string) =>
      send(ann, 'message', { id: randomUUID(), timestamp: Date.now(), roomId, data });
    const reader = await far.world.sockets.connect({ token: ben.accessToken, instanceId: randomUUID() });
    await send(reader.socket, 'join-room', { roomId });
    await say('before');
    const read = async (query: string) => {
      const answer = await far.world.http.get(`/api/rooms/${roomId}/history?${query}`, ben.accessToken);
      return (answer.body as Page<{ data: string }>).items.map(({ data }) => data);
    };
    await expect.poll(() => read('after=0')).toEqual(['before']);
    link.holdReplication();
    onTestFinished(() => link.heal());
    await say('after');
    expect(await read('after=0')).toEqual(['before', 'after']);
    const { body } = await far.world.http.get(`/api/rooms/${roomId}/history?limit=1`, ben.accessToken);
    expect(body).toMatchObject({ items: [{ data: 'before' }], nextCursor: expect.any(String) });
    const { roomId: fresh } = (await send(ann, 'create-room', { name: 'New' })) as Joined;
    const admin = await home.world.admin();
    expect(await far.world.http.get(`/api/rooms/${fresh}/history`, admin)).toMatchObject({ status: 200 });
  });

  it('[ND71] the replica takes the place of the primary: a new epoch, and offsets of before are not recovered', async () => {
    const { home, far } = regions;
    const device = await home.world.device(owner);
    const screen = await far.world.connectScreen(device, () => ({ status: 'executed' }));
    const controller = await home.world.controller(owner);
    await send(controller, 'trigger', trigger(device.screenId));
    await screen.received(1);
    const [{ epoch, seq } = { epoch: '', seq: 0 }] = screen.entries;
    // What the replica had not received would be lost, fences too.
    const { accessToken: reader } = await far.world.signUp();
    const startedAt = Date.now();
    const asOf = async () => Number((await screens(far.world, reader)).headers.get('bongsu-as-of'));
    await expect.poll(asOf, { timeout: 10_000 }).toBeGreaterThan(startedAt);
    const cut = nextEvent(screen.socket, 'session-closing');
    await regions.failOver();
    expect(await cut).toMatchObject({ code: 'DRAINING', reconnect: true });
    const resume = { epoch, streams: { [`screen:${device.screenId}`]: seq } };
    const { ready } = await far.world.connectScreen(device, () => ({ status: 'executed' }), { resume });
    expect(ready.epoch).not.toBe(epoch);
    expect(ready.streams).toEqual({
      [`screen:${device.screenId}`]: expect.objectContaining({ recovered: false, reason: 'epoch' }),
    });
    // What the setting names is a primary now.
    await expect.poll(farHealth, { timeout: 10_000 }).toMatchObject({ replica: { status: 'degraded' } });
    expect((await screens(far.world)).headers.get('bongsu-as-of')).toBeNull();
  });
});
