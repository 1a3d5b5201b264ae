import { type Client, connect } from '@bongsu/client';
import { Sockets, World } from '@bongsu/conformance';
import { CreatedApiKeySchema } from '@bongsu/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { describeEachServer } from './support/server.js';

describeEachServer('services with API keys', (start) => {
  let world: World;
  let clients: Client[];

  beforeEach(() => {
    clients = [];
  });
  afterEach(async () => {
    await Promise.all(clients.map((client) => client.close()));
    world.sockets.closeAll();
  });

  const open = async (settings: Record<string, string> = {}) => {
    const { url } = await start({ settings });
    world = new World({ url });
    return url;
  };
  const client = (url: string, token: string | (() => Promise<string>)) => {
    const made = connect({ url, token });
    clients.push(made);
    return made;
  };

  it('[ID57] the SDK takes one: its command is executed, asked for, and another taken back', async () => {
    const url = await open();
    const owner = await world.signUp();
    const device = await world.device(owner);
    await world.connectScreen(device);
    const { key } = await world.apiKey(owner, ['commands:read', 'commands:write']);
    const service = client(url, key);
    const { id, executed } = await service.trigger({ screenId: device.screenId }, 'play');
    expect((await executed).status).toBe('executed');
    expect(await service.status([id])).toMatchObject([{ id, status: 'executed' }]);
    const away = await world.createScreen(owner);
    const waiting = await service.trigger({ screenId: away.screenId }, 'play');
    await service.cancel(waiting.id);
    expect((await waiting.executed).status).toBe('cancelled');
  });

  it('[ID62] the SDK replaces a rotated key by what its function gives, and with a fixed one it closes', async () => {
    const url = await open();
    const owner = await world.signUp();
    const { screenId } = await world.createScreen(owner);
    const old = await world.apiKey(owner, ['commands:write']);
    let key = Promise.resolve(old.key);
    const service = client(url, () => key);
    const fixed = client(url, old.key);
    const closed = new Promise<string | undefined>((resolve) => {
      fixed.on('state', ({ state, error }) => state === 'closed' && resolve(error?.code));
    });
    await Promise.all([service.online(), fixed.online()]);
    const back = new Promise((resolve) => service.on('ready', resolve));
    key = world.http
      .post(`/api/api-keys/${old.id}/rotate`, { overlapHours: 0 }, owner.accessToken)
      .then(({ body }) => CreatedApiKeySchema.parse(body).key);
    await back;
    expect((await service.trigger({ screenId }, 'play')).status).toBe('accepted');
    expect(await closed).toBe('TOKEN_EXPIRED');
  });

  describe('limits', () => {
    it('[USR5] requests by key count as their owner’s, bad ones by address', async () => {
      await open({ RATE_LIMIT_PER_MINUTE: '8' });
      const owner = await world.signUp();
      const { key } = await world.apiKey(owner, ['users:read']);
      const me = async (token: string) => (await world.http.get('/api/users/me', token)).status;
      // One was spent on making the key.
      const statuses: number[] = [];
      for (let i = 0; i < 4; i += 1) statuses.push(await me(key), await me(owner.accessToken));
      expect(statuses).toEqual([200, 200, 200, 200, 200, 200, 200, 429]);
      // And one of the address on signing up.
      const bad = `${key.slice(0, -1)}${key.endsWith('0') ? '1' : '0'}`;
      const refused: number[] = [];
      for (let i = 0; i < 8; i += 1) refused.push(await me(bad));
      expect(refused).toEqual([401, 401, 401, 401, 401, 401, 401, 429]);
    });

    it('[SK18] a bad key is a failed handshake: past the limit it ends the transport, and a good one passes', async () => {
      const url = await open({ HANDSHAKE_FAILURES_PER_MINUTE: '2' });
      const { key } = await world.apiKey(await world.signUp(), ['users:read']);
      const sockets = new Sockets(url);
      const bad = { token: `${key.slice(0, -6)}000000` };
      for (let i = 0; i < 2; i += 1) expect(await sockets.refusal(bad)).toMatchObject({ code: 'AUTH_ERROR' });
      const third = sockets.make(bad);
      const heard: string[] = [];
      third.on('connect_error', (error) => heard.push(error.message));
      const ended = new Promise((resolve) => third.io.once('close', resolve));
      third.connect();
      await ended;
      expect(heard).toEqual([]);
      const { ready } = await sockets.connect({ token: key });
      expect(ready.userId).toEqual(expect.any(String));
      sockets.closeAll();
    });
  });
});
