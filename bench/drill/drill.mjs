import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Cluster } from '../lib/cluster.mjs';
import { Course } from './course.mjs';
import { Rooms } from './rooms.mjs';
import { longest, readWaits } from './waits.mjs';

const CHAOS = new URL('../../packages/server/dist/chaos/', import.meta.url);

const SCREENS = [8, 32, 8, 32, 8, 32, 8, 32, 8, 32].map((window) => ({
  kind: 'sdk',
  policy: 'at-least-once',
  window,
}));
/** No trouble but the upgrade; navigates may be superseded, as ever. */
const MIX = { failing: 0, silent: 0, expiring: 0, navigates: 0.1, cancels: 0 };
const MESSAGES_A_SECOND = 20;
/** Screens are machines of their own: what they write must not wait for the disk of the database. */
const MEMORY = '/dev/shm';
const RUNNING_DOWN_MS = 120_000;
const LONGEST_WAIT_MS = 3000;
const NOT_JUDGED = { lost: '?', twice: '?', outOfOrder: '?', other: '?' };

/** A rolling upgrade under load, judged by what the clients saw. Everything that it starts it stops. */
export async function drill({ versions, nodes, balancer, rate, seconds, people, settings, log }) {
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
    const report = await underLoad({ cluster, rooms, course, rate, folder, log });
    const talk = await rooms.end();
    migrations.push(await newestMigration(cluster));
    const result = judge({ report, talk, course, folder, rate, seconds });
    kept = !result.passed;
    return { ...result, from: versions.old.name, to: versions.new.name, migrations, nodes, balancer, rate };
  } finally {
    await rooms?.stop();
    await cluster?.stop();
    if (kept) log(`the histories stay in ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  }
}

/** A session of the chaos harness whose only fault is the course. */
async function underLoad({ cluster, rooms, course, rate, folder, log }) {
  const { Session } = await import(new URL('session.js', CHAOS));
  const { askLedger } = await import(new URL('ask-ledger.js', CHAOS));
  const upgrade = {
    name: 'upgrade',
    isKill: false,
    async strike() {
      rooms.talk();
      await course.run();
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
  const load = { perSecond: rate, mix: MIX, shapes: SCREENS, convergeMs: RUNNING_DOWN_MS };
  return new Session({ site, folder, seed: 1, runs: 1, ...load, log }).run();
}

async function newestMigration(cluster) {
  const url = cluster.settings.DATABASE_URL;
  const [row] = await cluster.postgres.ask({ url }, 'select max(name) as name from schema_migrations');
  return row.name;
}

const describe = ({ invariant, subject, detail }) => `${invariant}: ${subject}: ${detail}`;

function judge({ report, talk, course, folder, rate, seconds }) {
  const { lost, twice, outOfOrder, other } = report.unfinished ? NOT_JUDGED : report.faults.upgrade;
  const waits = {
    ...readWaits(folder),
    awayInRooms: longest(talk.waits.away),
    said: longest(talk.waits.said),
    heard: longest(talk.waits.heard),
  };
  const [{ connections: before }] = course.shares;
  const failures = [
    // What was not asked for to the end is not judged.
    ...(report.unfinished ? [`not finished: ${report.unfinished}`] : report.examples.map(describe)),
    ...course.faults,
    ...[...new Set(talk.faults)],
    ...[talk.missing, talk.twice, talk.outOfOrder].flatMap((count, n) =>
      count === 0
        ? []
        : [`${count} messages of rooms ${['were missed', 'came twice', 'came out of order'][n]}`],
    ),
    ...(course.besideSeconds >= seconds ? [] : [`both versions served for ${course.besideSeconds} s only`]),
    ...(course.taken > 0 ? [] : ['the node that was added got no connections']),
  ];
  const slow = [
    ...Object.entries(waits).flatMap(([name, { most }]) =>
      most <= LONGEST_WAIT_MS ? [] : [`${name}: somebody waited ${most} ms`],
    ),
    // Told to who was away for longer than a seat is kept.
    ...(talk.gaps === 0 ? [] : [`${talk.gaps} times somebody in a room was away for too long`]),
  ];
  return {
    passed: failures.length + slow.length === 0,
    failures,
    slow,
    commands: { accepted: report.accepted, ran: report.runsOnScreens, lost, twice, outOfOrder, other, rate },
    rooms: { said: talk.said, missed: talk.missing, twice: talk.twice, outOfOrder: talk.outOfOrder },
    besideSeconds: Math.round(course.besideSeconds),
    waitsMs: waits,
    connections: Object.values(before).reduce((sum, count) => sum + count, 0),
    shares: course.shares,
  };
}
