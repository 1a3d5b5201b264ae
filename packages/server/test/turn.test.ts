import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { IceServers } from '@bongsu/protocol';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { CREDENTIAL_MS, IceServerList } from '../src/rooms/ice-servers.js';
import { type Coturn, describeWithCoturn, startCoturn } from './support/coturn.js';
import { TurnClient, type TurnCredential } from './support/turn-client.js';
import { startUdpProxy } from './support/udp-proxy.js';

const SECRET = 'a-static-auth-secret-of-the-tests-1';
const NEXT_SECRET = 'a-static-auth-secret-of-the-tests-2';
const MINUTE_MS = 60_000;
const UNAUTHORIZED = 401;
const FORBIDDEN = 403;
const QUOTA_REACHED = 486;
const USER = '018f0000-0000-7000-8000-000000000001';

interface Issue {
  secret?: string;
  /** How long they have to live by our clock; a past time when negative. */
  lifeMs?: number;
  name?: string;
}

/** What a browser gets of us. */
function issue({ secret = SECRET, lifeMs = CREDENTIAL_MS, name = USER }: Issue = {}): TurnCredential {
  const turn = { urls: ['stun:127.0.0.1', 'turn:127.0.0.1'], secret };
  const { iceServers }: IceServers = new IceServerList(turn, () => Date.now() + lifeMs - CREDENTIAL_MS).issue(
    name,
  );
  const { username, credential } = iceServers[1] ?? {};
  if (username === undefined || credential === undefined) throw new Error('No credentials');
  return { username, credential };
}

const clients: TurnClient[] = [];

async function open(port: number, credential?: TurnCredential): Promise<TurnClient> {
  const client = await TurnClient.open(port, credential);
  clients.push(client);
  return client;
}

afterEach(() => {
  for (const client of clients.splice(0)) client.close();
});

async function allocate(port: number, credential?: TurnCredential): Promise<number> {
  return (await open(port, credential)).allocate();
}

async function relayOf(port: number, name: string) {
  const client = await open(port, issue({ name }));
  expect(await client.allocate()).toBe(0);
  if (!client.relay) throw new Error('No relay');
  return { client, relay: client.relay };
}

describeWithCoturn('credentials for coturn', () => {
  let coturn: Coturn;
  beforeAll(async () => {
    // Nonces end after a second, so that who refreshes a relay has to prove the credentials anew.
    coturn = await startCoturn({ secrets: [SECRET, NEXT_SECRET], lines: ['stale-nonce=1', 'verbose'] });
  });
  afterAll(() => coturn?.remove());

  it('[BEY4] [RM136] it gives a relay to ours', async () => {
    expect(await allocate(coturn.port, issue())).toBe(0);
  });

  it('[BEY4] [RM136] it gives none without, to forged ones, and to a changed name or expiry', async () => {
    const { username, credential } = issue();
    const [expiry, name] = username.split(':');
    const forged = [
      undefined,
      issue({ secret: 'a-static-auth-secret-of-somebody-else' }),
      { username: `${Number(expiry) + 3600}:${name}`, credential },
      { username: `${expiry}:somebody-else`, credential },
      { username: USER, credential },
    ];
    for (const item of forged) {
      expect(await allocate(coturn.port, item), item?.username).toBe(UNAUTHORIZED);
    }
  });

  it('[BEY4] [RM136] its clock may be five minutes ahead of ours, and past that they have expired', async () => {
    expect(await allocate(coturn.port, issue({ lifeMs: -4 * MINUTE_MS }))).toBe(0);
    expect(await allocate(coturn.port, issue({ lifeMs: -6 * MINUTE_MS }))).toBe(UNAUTHORIZED);
  });

  it('[BEY4] [RM137] a relay outlives its credentials, which give no other', async () => {
    const credential = issue({ lifeMs: -5 * MINUTE_MS + 2000 });
    const running = await open(coturn.port, credential);
    expect(await running.allocate()).toBe(0);
    const again = () => allocate(coturn.port, credential);
    await expect.poll(again, { timeout: 20_000, interval: 100 }).toBe(UNAUTHORIZED);
    expect(await running.refresh()).toBe(0);
    expect(await running.permit({ host: '127.0.0.1', port: 9 })).toBe(0);
    await expect.poll(coturn.output).toMatch(/438: Stale nonce/);
    expect(await allocate(coturn.port, issue())).toBe(0);
  });

  it('[BEY4] [RM138] with two secrets both count: a rotation refuses nobody', async () => {
    expect(await allocate(coturn.port, issue({ secret: SECRET }))).toBe(0);
    expect(await allocate(coturn.port, issue({ secret: NEXT_SECRET }))).toBe(0);
  });

  it('[BEY4] two relays reach each other, through a network that goes away and comes back', async () => {
    const proxy = await startUdpProxy(coturn.port);
    try {
      const [one, two] = [await relayOf(proxy.port, 'one'), await relayOf(proxy.port, 'two')];
      expect([await one.client.permit(two.relay), await two.client.permit(one.relay)]).toEqual([0, 0]);
      const first = two.client.nextData();
      one.client.send(two.relay, 'before');
      expect(await first).toBe('before');
      proxy.cut();
      const dropped = proxy.nextDrop();
      one.client.send(two.relay, 'lost');
      await dropped;
      proxy.mend();
      const next = two.client.nextData();
      one.client.send(two.relay, 'after');
      expect(await next).toBe('after');
      expect(two.client.received).toEqual(['before', 'after']);
    } finally {
      await proxy.close();
    }
  });
});

describeWithCoturn('coturn behind a NAT', () => {
  let coturn: Coturn;
  beforeAll(async () => {
    const denied = 'denied-peer-ip=127.0.0.0-127.255.255.255';
    coturn = await startCoturn({ secrets: [SECRET], lines: ['external-ip=203.0.113.10/127.0.0.1', denied] });
  });
  afterAll(() => coturn?.remove());

  it('[BEY4] [RM139] relays reach each other at its private address, which alone of the denied ones is let through', async () => {
    const [one, two] = [await relayOf(coturn.port, 'one'), await relayOf(coturn.port, 'two')];
    expect(one.relay.host).toBe('203.0.113.10');
    expect([await one.client.permit(two.relay), await two.client.permit(one.relay)]).toEqual([0, 0]);
    const arrival = two.client.nextData();
    one.client.send(two.relay, 'hello');
    expect(await arrival).toBe('hello');
    expect(await one.client.permit({ host: '127.0.0.2', port: 80 })).toBe(FORBIDDEN);
  });
});

describeWithCoturn('the configuration of docs/signaling.md', () => {
  const page = readFileSync(fileURLToPath(new URL('../../../docs/signaling.md', import.meta.url)), 'utf8');
  const configuration = /```ini\n([\s\S]*?)```/.exec(page)?.[1] ?? '';
  let coturn: Coturn;
  beforeAll(async () => {
    coturn = await startCoturn({ secrets: [SECRET], configuration });
  });
  afterAll(() => coturn?.remove());

  it('[BEY4] [RM139] it knows every line', () => {
    expect(configuration).toMatch(/^use-auth-secret$/m);
    expect(coturn.output()).not.toMatch(/unknown argument|bad configuration format|unrecognized/i);
  });

  describe('peers', () => {
    let client: TurnClient;
    beforeAll(async () => {
      client = await TurnClient.open(coturn.port, issue({ name: 'peers' }));
      expect(await client.allocate()).toBe(0);
    });
    afterAll(() => client?.close());

    it.each([
      '0.0.0.1',
      '10.0.0.1',
      '100.64.0.1',
      '127.0.0.1',
      '169.254.169.254',
      '172.16.0.1',
      '172.31.255.254',
      '192.0.0.1',
      '192.168.1.1',
      '198.18.0.1',
      '224.0.0.1',
      '255.255.255.255',
    ])('[BEY4] [RM139] a relay never reaches %s', async (host) => {
      expect(await client.permit({ host, port: 80 })).toBe(FORBIDDEN);
    });

    it('[BEY4] [RM139] it reaches everybody else', async () => {
      for (const host of ['8.8.8.8', '172.32.0.1', '100.128.0.1', '198.20.0.1'])
        expect(await client.permit({ host, port: 80 }), host).toBe(0);
    });
  });

  it('[BEY4] [RM139] a user has no more relays than the quota, whatever their credentials', async () => {
    const quota = Number(/^user-quota=(\d+)$/m.exec(configuration)?.[1]);
    const codes: number[] = [];
    for (let n = 0; n <= quota; n += 1) {
      codes.push(await allocate(coturn.port, issue({ name: 'greedy', lifeMs: CREDENTIAL_MS + n * 1000 })));
    }
    expect(codes.filter((code) => code === 0)).toHaveLength(quota);
    expect(codes.at(-1)).toBe(QUOTA_REACHED);
    expect(await allocate(coturn.port, issue({ name: 'modest' }))).toBe(0);
  });
});
