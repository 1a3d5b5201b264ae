import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Cluster } from '../lib/cluster.mjs';
import { monotonicMs } from '../lib/history.mjs';
import { Course } from './course.mjs';
import { Rooms } from './rooms.mjs';
import { judgeDrill } from './verdict.mjs';
import { longest, paceOf, readClients, waitsOf } from './waits.mjs';

const CHAOS = new URL('../../packages/server/dist/chaos/', import.meta.url);

/** A stock client takes one command after the other, and each command may take 200 ms then. */
const COMMANDS_A_SCREEN = 5;
const SCREENS_A_PROCESS = 50;
/**
 * The SDK drops what comes again; plain and stock clients write down what comes. No screen dies here, so none keeps its place in a
 * file: rewritten for each command it was more than half of what the whole machine did. As many of each.
 */
const KINDS = [
  ['sdk', 8],
  ['sdk', 32],
  ['plain', 8],
  ['plain', 32],
  ['stock', 1],
];
/** No trouble but the upgrade; navigates may be superseded, as ever. */
const MIX = { failing: 0, silent: 0, expiring: 0, navigates: 0.1, cancels: 0 };
const MESSAGES_A_SECOND = 5;
/** Screens are machines of their own: what they write must not wait for the disk of the database. */
const MEMORY = '/dev/shm';
const RUNNING_DOWN_MS = 120_000;
const NOT_JUDGED = { lost: '?', twice: '?', outOfOrder: '?', other: '?' };

/**
 * A rolling upgrade under load, judged by what the clients saw. Everything that it starts it stops.
 * @param warmUp seconds: a cluster that is upgraded has run for long, nodes and clients have compiled what they do
 */
export async function drill({
  versions,
  nodes,
  balancer,
  rate,
  screens = Math.ceil(rate / COMMANDS_A_SCREEN),
  seconds,
  warmUp,
  people,
  settings,
  log,
}) {
  const folder = mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), 'bongsu-drill-'));
  let kept = true;
  let cluster;
  let rooms;
  try {
    log(`starting ${nodes} nodes of ${versions.old.name} behind ${balancer}`);
    cluster = await Cluster.start({ nodes, balancer, settings, bin: versions.old.bin });
    rooms = await Rooms.start({ url: cluster.url, people, perSecond: MESSAGES_A_SECOND });
    const course = new Course({
      ...{ cluster, rooms, log },
      newBin: versions.new.bin,
      besideMs: seconds * 1000,
      comers: people,
    });
    const migrations = [await newestMigration(cluster)];
    const load = await underLoad({ cluster, rooms, course, rate, screens, warmUp, folder, log });
    const talk = await rooms.end();
    migrations.push(await newestMigration(cluster));
    const { migrates } = versions;
    const result = figuresOf({ ...load, talk, course, folder, rate, migrations, migrates });
    kept = !result.passed;
    const asked = { nodes, balancer, rate, screens, people, seconds, warmUp };
    return { ...result, from: versions.old.name, to: versions.new.name, ...asked };
  } finally {
    await rooms?.stop();
    await cluster?.stop();
    if (kept) log(`the histories stay in ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  }
}

/** A session of the chaos harness whose only fault is the course: its report, and when it started and ended. */
async function underLoad({ cluster, rooms, course, rate, screens, warmUp, folder, log }) {
  const { Session } = await import(new URL('session.js', CHAOS));
  const { askLedger } = await import(new URL('ask-ledger.js', CHAOS));
  const times = {};
  const upgrade = {
    name: 'upgrade',
    isKill: false,
    async strike({ crowd }) {
      await pause(warmUp * 1000);
      // What it left unanswered is answered first.
      crowd.pause();
      await crowd.wait('all is answered after the warm-up', () => crowd.pending === 0, RUNNING_DOWN_MS);
      times.startedAt = monotonicMs();
      crowd.go(MIX);
      rooms.talk();
      await course.run();
      times.endedAt = monotonicMs();
      return true;
    },
  };
  const site = {
    ...{ url: cluster.url, controllersUrl: cluster.url, screensUrl: cluster.url },
    faults: [upgrade],
    heal: async () => {},
    screenClockMs: () => 0,
    facts: () =>
      askLedger({ sql: (text) => cluster.postgres.ask({ url: cluster.settings.DATABASE_URL }, text) }),
    output: () => cluster.nodes.map(({ name, output }) => `${name}:\n${output}`).join('\n'),
  };
  const load = {
    ...{ perSecond: rate, mix: MIX, shapes: shapesOf(screens), screensAProcess: SCREENS_A_PROCESS },
    convergeMs: RUNNING_DOWN_MS,
  };
  const report = await new Session({ site, folder, seed: 1, runs: 1, ...load, log }).run();
  return { report, ...times };
}

function shapesOf(screens) {
  return Array.from({ length: screens }, (_, place) => {
    const [kind, window] = KINDS[place % KINDS.length];
    return { kind, policy: 'at-least-once', window, inMemory: true };
  });
}

async function newestMigration(cluster) {
  const url = cluster.settings.DATABASE_URL;
  const [row] = await cluster.postgres.ask({ url }, 'select max(name) as name from schema_migrations');
  return row.name;
}

function figuresOf({ report, startedAt, endedAt, talk, course, folder, ...drilled }) {
  const { migrations } = drilled;
  const clients = readClients(folder, startedAt);
  const waits = {
    ...waitsOf(clients),
    awayInRooms: longest(talk.waits.away),
    said: longest(talk.waits.said),
    heard: longest(talk.waits.heard),
  };
  const pace = paceOf(clients, endedAt ?? monotonicMs());
  const { failures, slow } = judgeDrill({ report, talk, course, waits, pace, ...drilled });
  const { lost, twice, outOfOrder, other } = report.unfinished ? NOT_JUDGED : report.faults.upgrade;
  const before = course.shares[0]?.connections ?? {};
  return {
    passed: failures.length + slow.length === 0,
    failures,
    slow,
    commands: { accepted: report.accepted, ran: report.runsOnScreens, lost, twice, outOfOrder, other },
    acceptedPerSecond: pace,
    ended: report.ended,
    rooms: {
      said: talk.said,
      lost: talk.unanswered + talk.missing,
      twice: talk.twice,
      outOfOrder: talk.outOfOrder,
    },
    migrations,
    beside: course.beside,
    waitsMs: waits,
    connections: Object.values(before).reduce((sum, count) => sum + count, 0),
    shares: course.shares,
  };
}
