import type { Place, Target } from '@bongsu/conformance';
import { io } from 'socket.io-client';
import { type Balancer, startBalancer } from '../../../../bench/lib/balancer.mjs';
import type { RunningServer } from './server.js';

/** How clients get to a deployment: by one URL, and sockets to a node of one's choice. */
export interface Entrance extends Pick<Target, 'url' | 'neighbourUrl'> {
  sockets: Place[];
  stop(): Promise<void>;
}

/** Of the nodes of a suite that runs on several: two, or as many as TEST_NODES says. */
export const NODES = Array.from({ length: Number(process.env.TEST_NODES ?? 2) }, (_, n) => `node-${n + 1}`);

/** `nginx` or `haproxy`: `npm run prove -- cluster` puts one before the nodes. */
const BALANCER = process.env.TEST_BALANCER as 'nginx' | 'haproxy' | undefined;

/** What nodes behind a balancer on the loopback need. */
export const BEHIND_BALANCER: Record<string, string> | undefined = BALANCER && {
  TRUST_PROXY: 'loopback',
  FORCE_HTTPS: 'false',
};

const ENOUGH_KEYS = 500;

/** Straight to the nodes, or through the balancer of TEST_BALANCER. @param token an administrator's */
export async function openEntrance(
  servers: readonly [RunningServer, ...RunningServer[]],
  token: () => Promise<string>,
): Promise<Entrance> {
  if (BALANCER === undefined) {
    const sockets = servers.map(({ url }) => ({ url }));
    return { url: servers[0].url, sockets, stop: async () => {} };
  }
  const { url, stop } = await startBalancerOf(servers);
  try {
    const sockets =
      BALANCER === 'haproxy'
        ? servers.map((_, n) => ({ url, headers: { 'x-test-node': `node-${n + 1}` } }))
        : await keysOf(servers, url, await token());
    return { url, neighbourUrl: servers[0].url, sockets, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** The one of TEST_BALANCER. */
export async function startBalancerOf(servers: readonly RunningServer[]): Promise<Balancer> {
  if (BALANCER === undefined) throw new Error('TEST_BALANCER names no balancer');
  const ports = servers.map(({ url }) => Number(new URL(url).port));
  return startBalancer({ engine: BALANCER, ports });
}

/** nginx chooses by a hash of `k`: which leads to which node is found out by trying. */
async function keysOf(servers: readonly RunningServer[], url: string, token: string): Promise<Place[]> {
  const places = new Map<string, Place>();
  for (let key = 0; places.size < servers.length; key += 1) {
    if (key > ENOUGH_KEYS) throw new Error('No k leads to some of the nodes');
    const place = { url: `${url}/?k=${key}` };
    places.set(await nodeBehind(place.url, servers[0]?.url ?? url, token), place);
  }
  return [...places.values()];
}

/** The name of the node that a socket gets to. */
async function nodeBehind(placeUrl: string, url: string, token: string): Promise<string> {
  const options = { forceNew: true, reconnection: false, transports: ['websocket'] };
  const socket = io(placeUrl, { auth: { token }, ...options });
  try {
    await new Promise((resolve, reject) => {
      socket.once('ready', resolve);
      socket.once('connect_error', reject);
    });
    const headers = { authorization: `Bearer ${token}` };
    const answer = await fetch(`${url}/api/connections?limit=100`, { headers });
    const { items } = (await answer.json()) as { items: { id: string; node: string }[] };
    const found = items.find(({ id }) => id === socket.id);
    if (!found) throw new Error('A socket is at no node');
    return found.node;
  } finally {
    socket.disconnect();
  }
}
