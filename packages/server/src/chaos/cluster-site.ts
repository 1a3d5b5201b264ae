import { join } from 'node:path';
import { askLedger } from './ask-ledger.js';
import type { LedgerFacts } from './check-ledger.js';
import {
  type BalancerControl,
  type ClusterHands,
  clusterFaults,
  type Member,
  type RedisControl,
} from './cluster-faults.js';
import { type Crossing, crossingOf } from './crossing.js';
import type { PostgresControl } from './local-faults.js';
import { freePort, pause, until } from './processes.js';
import { ServerNode } from './server-node.js';
import type { Fault, Site } from './site.js';
import { startTcpProxy, startTcpProxyTo, type TcpProxy } from './tcp-proxy.js';

export interface ClusterSiteOptions {
  folder: string;
  postgres: PostgresControl;
  redis: RedisControl;
  /** Two at least. The first half serves the controllers, the others the screens, as long as they live. */
  nodes: number;
  /** Between the clients and the nodes: then it decides who goes where, but for those of whom it is told by `sides`. */
  balancer?: (ports: readonly number[], sides: readonly Steered[]) => Promise<BalancerControl>;
  environment: Readonly<Record<string, string>>;
  packageFolder?: string;
}

/** Who comes from that address has the node at that port, while it lives. */
export interface Steered {
  address: string;
  port: number;
}

const MENDED_MS = 45_000;
/** After which a balancer uses a node again that is back: HAProxy's checks, and what nginx leaves it alone for. */
const KNOWN_MS = 2500;
const SIDES = ['controllers', 'screens'] as const;
const LOOPBACK = '127.0.0.1';
/** By which a balancer tells the sides apart. */
const ADDRESSES = { controllers: '127.0.0.2', screens: '127.0.0.3' };

/** Several nodes on one PostgreSQL and one Redis, each with links of its own that can be cut. */
export class ClusterSite implements Site {
  readonly faults: readonly Fault[];
  readonly #members: readonly Member[];
  readonly #hands: ClusterHands;

  private constructor(members: readonly Member[], hands: ClusterHands) {
    this.#members = members;
    this.#hands = hands;
    this.faults = clusterFaults(hands);
  }

  /** Nothing of ours runs yet but the links. */
  static async prepare(options: ClusterSiteOptions): Promise<ClusterSite> {
    const members: Member[] = [];
    for (let place = 1; place <= options.nodes; place += 1) members.push(await makeMember(options, place));
    const half = Math.ceil(members.length / 2);
    const near = { controllers: members.slice(0, half), screens: members.slice(half) };
    // Of more nodes than two chance puts enough of them on different ones.
    const [one, other, ...further] = members;
    const sides =
      one && other && further.length === 0
        ? [
            { address: ADDRESSES.controllers, port: one.node.port },
            { address: ADDRESSES.screens, port: other.node.port },
          ]
        : [];
    const balancer = await options.balancer?.(
      members.map(({ node }) => node.port),
      sides,
    );
    const startLink = (side: keyof typeof near) =>
      balancer
        ? startTcpProxy(balancer.port, LOOPBACK, ADDRESSES[side])
        : startTcpProxy(turns([...near[side]], members));
    const links = { controllers: await startLink('controllers'), screens: await startLink('screens') };
    const { postgres, redis } = options;
    return new ClusterSite(members, { near, links, postgres, redis, ...(balancer ? { balancer } : {}) });
  }

  async start(): Promise<void> {
    await Promise.all(this.#members.map(({ node }) => node.start()));
  }

  get url(): string {
    return this.#alive.node.url;
  }

  get controllersUrl(): string {
    return `http://127.0.0.1:${this.#hands.links.controllers.port}`;
  }

  get screensUrl(): string {
    return `http://127.0.0.1:${this.#hands.links.screens.port}`;
  }

  get crossing(): Crossing {
    return crossingOf(this.#members.map(({ node }) => node.traffic));
  }

  screenClockMs(): number {
    return 0;
  }

  /** Else all would end up on one node, and nothing would cross any more. */
  async spread(): Promise<void> {
    const { balancer, links, near } = this.#hands;
    if (balancer) await pause(KNOWN_MS);
    for (const side of SIDES) {
      if (balancer) links[side].cut();
      else links[side].cutOthers(near[side].map(({ node }) => node.port));
    }
  }

  async restore(): Promise<void> {
    const { postgres, redis } = this.#hands;
    for (const link of this.#allLinks()) link.heal();
    postgres.thaw?.();
    redis.thaw();
    await Promise.all([postgres.restart?.(), redis.restart()]);
  }

  async heal(): Promise<void> {
    await Promise.all(this.#members.map((member) => this.#mend(member)));
  }

  facts(): Promise<LedgerFacts> {
    return askLedger(this.#alive.node);
  }

  async residentMiB(): Promise<number | undefined> {
    const sizes = await Promise.all(this.#members.map(({ node }) => node.residentMiB()));
    return Math.max(...sizes.map((size) => size ?? 0));
  }

  output(): string {
    return this.#members.map(({ name, node }) => `── ${name}\n${node.output}`).join('\n');
  }

  async close(): Promise<void> {
    for (const { node } of this.#members) node.thaw();
    await Promise.all(this.#members.map(({ node }) => node.kill()));
    await Promise.all(this.#allLinks().map((link) => link.close()));
  }

  get #alive(): Member {
    const [first] = this.#members;
    const alive = this.#members.find(({ node }) => node.alive) ?? first;
    if (!alive) throw new Error('There are no nodes');
    return alive;
  }

  #allLinks(): TcpProxy[] {
    return [
      ...Object.values(this.#hands.links),
      ...this.#members.flatMap(({ database, redis }) => [database, redis]),
    ];
  }

  async #mend({ name, node }: Member): Promise<void> {
    node.thaw();
    const works = async () => {
      if (!node.alive) await node.start();
      return node.sql('select 1').then(
        () => true,
        () => false,
      );
    };
    await until(`${name} works again`, works, { timeoutMs: MENDED_MS, everyMs: 20 });
  }
}

async function makeMember(options: ClusterSiteOptions, place: number): Promise<Member> {
  const { folder, postgres, redis, environment, packageFolder } = options;
  const [database, toRedis] = [
    await startTcpProxyTo(postgres.url, 5432),
    await startTcpProxyTo(redis.url, 6379),
  ];
  const name = `node-${place}`;
  const settings = {
    NODE_NAME: name,
    // One for all: what is generated there on the first start must be the same everywhere.
    DATA_DIR: join(folder, 'data'),
    DATABASE_URL: database.url(postgres.url),
    REDIS_URL: toRedis.url(redis.url),
  };
  const port = await freePort();
  const node = new ServerNode({ port, settings, environment, ...(packageFolder ? { packageFolder } : {}) });
  return { name, node, database, redis: toRedis };
}

/** One after another of those that live; of all when none of `near` does. */
function turns(near: readonly Member[], all: readonly Member[]): () => number {
  let turn = 0;
  return () => {
    const alive = near.filter(({ node }) => node.alive);
    const candidates = alive.length > 0 ? alive : all.filter(({ node }) => node.alive);
    turn += 1;
    const chosen = candidates[turn % Math.max(1, candidates.length)] ?? (near[0] as Member);
    return chosen.node.port;
  };
}
