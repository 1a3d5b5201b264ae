import { LEASE_MS } from '../platform/database/nodes.js';
import { DEATHS, type Mix } from './messages.js';
import { pause } from './processes.js';
import type { SeededRandom } from './seeded-random.js';
import type { ServerNode } from './server-node.js';
import type { Fault } from './site.js';
import type { TcpProxy } from './tcp-proxy.js';

/** What the faults of a server of our own lay hands on. */
export interface Hands {
  node: ServerNode;
  links: { controllers: TcpProxy; screens: TcpProxy; database?: TcpProxy };
  postgres?: PostgresControl;
  /** Milliseconds by which the next server and screens are wrong. */
  skew(clockMs: number): void;
}

/** A PostgreSQL that may be hurt. */
export interface PostgresControl {
  /** Of a database that is ours alone. */
  url: string;
  /** Ends backends as an administrator would. */
  endBackends(): Promise<void>;
  /** Only where the server is ours: immediate stop, and what the kernel does to a machine without memory. */
  crash?(): Promise<void>;
  restart?(): Promise<void>;
  freeze?(): void;
  thaw?(): void;
}

const TOO_LONG_MS = 2500;
const CLOCK_MS = 600_000;
interface Step {
  point: string;
  /** It is taken when screens come back: their connections are cut. */
  returning?: boolean;
  /** Of the load that makes it happen often enough. */
  mix?: Partial<Mix>;
  /** Which call of it is the last, at most. */
  calls?: number;
}

/** What the server does on a command's way, each a place to die before and after. */
export const STEPS: readonly Step[] = [
  { point: 'accept' },
  { point: 'settle' },
  { point: 'emit' },
  { point: 'receipt' },
  { point: 'fence', returning: true, calls: 2 },
  { point: 'read', returning: true, calls: 2 },
  { point: 'release', returning: true, calls: 2 },
  { point: 'retry', mix: { failing: 0.06 }, calls: 3 },
  { point: 'dead-letter', mix: { failing: 0.06 }, calls: 2 },
  { point: 'expire', mix: { expiring: 0.3 }, calls: 3 },
  { point: 'supersede', mix: { navigates: 0.6 }, calls: 3 },
];
const MOST_CALLS = 11;

/** All faults of the profile, in a fixed order. */
export function localFaults(hands: Hands): Fault[] {
  return [
    ...kills(hands),
    ...failpoints(hands),
    ...freezes(hands),
    ...networks('controllers', hands.links.controllers),
    ...networks('screens', hands.links.screens),
    ...(hands.links.database ? networks('database', hands.links.database) : []),
    ...(hands.postgres ? databaseFaults(hands.postgres) : [pgliteKill(hands)]),
    ...screenFaults(),
  ];
}

function kills({ node, skew }: Hands): Fault[] {
  return [
    {
      name: 'server-kill',
      isKill: true,
      async strike({ random }) {
        await pause(random.between(0, 25));
        await node.kill();
        return true;
      },
    },
    {
      name: 'clock',
      isKill: true,
      everyNthRound: 2,
      async strike({ random }) {
        await node.kill();
        skew(random.pick([-CLOCK_MS, CLOCK_MS]));
        return true;
      },
    },
  ];
}

function failpoints({ node, links }: Hands): Fault[] {
  return STEPS.flatMap((step) =>
    failpointFaults(
      step,
      () => node,
      () => links.screens.cut(),
    ),
  );
}

/** To die before, and after, a step. @param cutScreens makes the screens come back */
export function failpointFaults(
  { point, returning, mix, calls = MOST_CALLS }: Step,
  nodeOf: (random: SeededRandom) => ServerNode,
  cutScreens: () => void,
): Fault[] {
  return (['before', 'after'] as const).map(
    (when): Fault => ({
      name: `kill-${when}-${point}`,
      isKill: true,
      ...(mix ? { mix } : {}),
      strike: ({ random }) =>
        nodeOf(random).dieAt(
          { point, when, calls: random.between(1, calls + 1) },
          TOO_LONG_MS,
          returning ? cutScreens : undefined,
        ),
    }),
  );
}

function freezes({ node, links }: Hands): Fault[] {
  const frozen = async (milliseconds: number) => {
    node.freeze();
    // The clients do not wait for a heartbeat: they find another way, and come back to a server that still thinks it has them.
    links.screens.cut();
    await pause(milliseconds);
    node.thaw();
    return true;
  };
  return [
    { name: 'server-freeze', isKill: false, strike: ({ random }) => frozen(random.between(200, 900)) },
    {
      name: 'server-freeze-past-lease',
      isKill: false,
      everyNthRound: 8,
      strike: ({ random }) => frozen(LEASE_MS + random.between(500, 1500)),
    },
  ];
}

export function networks(whose: string, link: TcpProxy): Fault[] {
  const lasting = async (random: SeededRandom) => {
    await pause(random.between(80, 500));
    return true;
  };
  return [
    {
      name: `${whose}-reset`,
      isKill: false,
      async strike({ random }) {
        for (let times = random.between(1, 4); times > 0; times -= 1) {
          link.cut();
          await pause(random.between(20, 80));
        }
        return true;
      },
    },
    {
      name: `${whose}-delay`,
      isKill: false,
      strike({ random }) {
        link.delay(random.between(20, 120));
        return lasting(random);
      },
    },
    ...(['to-server', 'to-client'] as const).map(
      (direction): Fault => ({
        name: `${whose}-lost-${direction}`,
        isKill: false,
        strike({ random }) {
          link.swallow(direction);
          return lasting(random);
        },
      }),
    ),
  ];
}

export function databaseFaults(postgres: PostgresControl): Fault[] {
  const { crash, freeze, thaw } = postgres;
  const faults: Fault[] = [
    {
      name: 'postgres-backends',
      isKill: true,
      async strike({ random }) {
        for (let times = random.between(1, 3); times > 0; times -= 1) {
          await pause(random.between(10, 100));
          await postgres.endBackends();
        }
        return true;
      },
    },
  ];
  if (crash) {
    faults.push({
      name: 'postgres-crash',
      isKill: true,
      everyNthRound: 2,
      async strike({ random }) {
        await pause(random.between(0, 25));
        await crash();
        return true;
      },
    });
  }
  if (freeze && thaw) {
    faults.push({
      name: 'postgres-freeze',
      isKill: false,
      async strike({ random }) {
        freeze();
        await pause(random.between(200, 1200));
        thaw();
        return true;
      },
    });
  }
  return faults;
}

function pgliteKill({ node }: Hands): Fault {
  return {
    name: 'pglite-kill',
    isKill: true,
    everyNthRound: 2,
    async strike({ random }) {
      await pause(random.between(0, 25));
      node.killPglite();
      return true;
    },
  };
}

export function screenFaults(): Fault[] {
  return [
    ...(['now', ...DEATHS] as const).map(
      (death): Fault => ({
        name: death === 'now' ? 'screen-kill' : `screen-kill-${death}`,
        isKill: true,
        strike: ({ crowd, random }) =>
          crowd.killScreens(random.between(0, 100), death, random.between(0, 10), TOO_LONG_MS),
      }),
    ),
    {
      name: 'screen-twice',
      isKill: false,
      async strike({ crowd, random }) {
        for (let times = random.between(1, 4); times > 0; times -= 1) {
          crowd.duplicateScreens();
          await pause(random.between(0, 60));
        }
        return true;
      },
    },
    {
      name: 'screens-fail',
      isKill: false,
      mix: { failing: 0.06 },
      strike: async () => true,
    },
    {
      name: 'screens-silent',
      isKill: false,
      everyNthRound: 2,
      mix: { silent: 0.015 },
      strike: async () => true,
    },
  ];
}
