import { LEASE_MS } from '../platform/database/nodes.js';
import {
  databaseFaults,
  failpointFaults,
  networks,
  type PostgresControl,
  STEPS,
  screenFaults,
} from './local-faults.js';
import { pause } from './processes.js';
import type { SeededRandom } from './seeded-random.js';
import type { ServerNode } from './server-node.js';
import type { Fault } from './site.js';
import type { TcpProxy } from './tcp-proxy.js';

/** A Redis of our own. */
export interface RedisControl {
  url: string;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** Nothing when it runs. */
  restart(): Promise<void>;
  flush(): Promise<void>;
  freeze(): void;
  thaw(): void;
}

export interface BalancerControl {
  port: number;
  /** Ends it and its connections, and starts it again. */
  restart(): Promise<void>;
}

/** One node, and its ways to the database and to Redis. */
export interface Member {
  name: string;
  node: ServerNode;
  database: TcpProxy;
  redis: TcpProxy;
}

/** What the faults of several nodes lay hands on. */
export interface ClusterHands {
  /** Those that controllers are connected to while all live, and those of the screens. */
  near: Record<'controllers' | 'screens', readonly Member[]>;
  links: Record<'controllers' | 'screens', TcpProxy>;
  postgres: PostgresControl;
  redis: RedisControl;
  balancer?: BalancerControl;
}

type Side = 'controllers' | 'screens';

const SIDES: readonly Side[] = ['controllers', 'screens'];
const DIRECTIONS = ['to-server', 'to-client', 'both'] as const;
const OUTAGE_MS = 60_000;
const LOADED_MS = 5000;

/** All faults of several nodes, in a fixed order. */
export function clusterFaults(hands: ClusterHands): Fault[] {
  return [
    ...SIDES.flatMap((side) => nodeFaults(side, hands)),
    ...stepFaults(hands),
    everyNode(hands),
    ...redisFaults(hands.redis),
    ...databaseFaults(hands.postgres),
    ...SIDES.flatMap((side) => partitions(side, hands)),
    ...SIDES.flatMap((side) => networks(side, hands.links[side])),
    ...(hands.balancer ? [balancerRestart(hands.balancer)] : []),
    ...screenFaults(),
  ];
}

const anyOf = (random: SeededRandom, members: readonly Member[]): Member => random.pick([...members]);

function nodeFaults(side: Side, { near, links }: ClusterHands): Fault[] {
  const frozen = async ({ node }: Member, milliseconds: number) => {
    node.freeze();
    // The clients do not wait for a heartbeat: they come to another node while this one thinks that it has them.
    links[side].cut();
    await pause(milliseconds);
    node.thaw();
    return true;
  };
  return [
    {
      name: `node-kill-${side}`,
      isKill: true,
      async strike({ random }) {
        await pause(random.between(0, 25));
        await anyOf(random, near[side]).node.kill();
        return true;
      },
    },
    {
      name: `node-freeze-${side}`,
      isKill: false,
      strike: ({ random }) => frozen(anyOf(random, near[side]), random.between(200, 900)),
    },
    {
      name: `node-freeze-past-lease-${side}`,
      isKill: false,
      everyNthRound: 4,
      strike: ({ random }) => frozen(anyOf(random, near[side]), LEASE_MS + random.between(500, 1500)),
    },
  ];
}

/** What is accepted happens at the controllers' nodes, the rest where the screens are. */
function stepFaults({ near, links }: ClusterHands): Fault[] {
  return STEPS.flatMap((step) =>
    failpointFaults(
      step,
      (random) => anyOf(random, near[step.point === 'accept' ? 'controllers' : 'screens']).node,
      () => links.screens.cut(),
    ),
  );
}

function everyNode({ near }: ClusterHands): Fault {
  return {
    name: 'every-node-kill',
    isKill: true,
    everyNthRound: 2,
    async strike({ random }) {
      await pause(random.between(0, 25));
      await Promise.all(SIDES.flatMap((side) => near[side]).map(({ node }) => node.kill()));
      return true;
    },
  };
}

function redisFaults(redis: RedisControl): Fault[] {
  const lasting = (random: SeededRandom) => pause(random.between(200, 1200));
  return [
    {
      name: 'redis-kill',
      isKill: false,
      async strike({ random, ended }) {
        await redis.kill();
        await lasting(random);
        await redis.restart();
        ended();
        await lasting(random);
        return true;
      },
    },
    {
      name: 'redis-flush',
      isKill: false,
      async strike({ random, ended }) {
        for (let times = random.between(1, 4); times > 0; times -= 1) {
          await redis.flush();
          ended();
          await pause(random.between(20, 200));
        }
        return true;
      },
    },
    {
      name: 'redis-freeze',
      isKill: false,
      async strike({ random }) {
        redis.freeze();
        await lasting(random);
        redis.thaw();
        return true;
      },
    },
    {
      name: 'redis-outage',
      isKill: false,
      everyNthRound: 4,
      async strike({ crowd }) {
        await redis.kill();
        // Under load while nodes notice; a whole minute of as much as is answered would take screens minutes to work off.
        await pause(LOADED_MS);
        if (!crowd.isSteady) crowd.pause();
        await pause(OUTAGE_MS - LOADED_MS);
        await redis.restart();
        return true;
      },
    },
  ];
}

/** A node that cannot be heard by, or cannot hear, what it works on. */
function partitions(side: Side, { near }: ClusterHands): Fault[] {
  const parted = async (link: TcpProxy, direction: (typeof DIRECTIONS)[number], milliseconds: number) => {
    link.swallow(direction);
    await pause(milliseconds);
    link.heal();
    return true;
  };
  return [
    ...(['database', 'redis'] as const).flatMap((to) =>
      DIRECTIONS.map(
        (direction): Fault => ({
          name: `partition-${side}-${to}-${direction}`,
          isKill: false,
          strike: ({ random }) => parted(anyOf(random, near[side])[to], direction, random.between(300, 2500)),
        }),
      ),
    ),
    {
      // Others take over what it has while it lives and cannot know.
      name: `partition-past-lease-${side}`,
      isKill: false,
      everyNthRound: 4,
      strike: ({ random }) =>
        parted(
          anyOf(random, near[side]).database,
          random.pick([...DIRECTIONS]),
          LEASE_MS + random.between(500, 1500),
        ),
    },
  ];
}

function balancerRestart(balancer: BalancerControl): Fault {
  return {
    name: 'balancer-restart',
    isKill: false,
    async strike() {
      await balancer.restart();
      return true;
    },
  };
}
