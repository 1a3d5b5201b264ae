import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LIFTED, NODE_FLAGS, SERVER, serve, signUp } from '../../lib/bongsu.mjs';
import { startPostgres } from '../../lib/postgres.mjs';
import { freePort, stop, until } from '../../lib/processes.mjs';
import { seededRandom } from '../../lib/random.mjs';
import { Crowd, MAX_USERS } from './crowd.mjs';
import { Ledger } from './ledger.mjs';

export const description =
  '500 rooms of people who join, leave, reload, lose their sockets, are kicked, signal and talk: each listener hears every coming and going once, no room is ever over its size, and what the server holds is in the end what it held at the start';

const PEOPLE = 50;
const GRACE_MS = 15_000;
const EMPTY_GRACE_SECONDS = 5;
const SETTINGS = {
  ROOM_EMPTY_GRACE_SECONDS: String(EMPTY_GRACE_SECONDS),
  ROOMS_PER_MINUTE: '1000000',
  JOINS_PER_MINUTE: '1000000',
};
const CENSUS = new URL('census.mjs', import.meta.url).href;
/**
 * What comes with time alone (buffers, prepared statements, ids that are remembered for a while), and no more: one entry left behind for
 * every fifth room is too much.
 */
const allowedFor = (rooms) => {
  const entries = Math.max(30, Math.round(rooms / 5));
  return { heapMiB: 10, rssShare: 0.25, mapEntries: entries, setEntries: entries };
};
/** Code that has run and caches that are full are no leak: the start is after a first, shorter round. */
const WARM_UP_SHARE = 0.2;
/** Of each login is kept when its use was last written, from when it is a minute old. */
const WARM_UP_AT_LEAST_SECONDS = 75;

export async function prove({
  seed,
  seconds = 600,
  rooms = 500,
  rate = 250,
  profiles = ['postgres'],
  bin = SERVER,
  log,
}) {
  const figures = {};
  for (const profile of profiles) {
    figures[profile] = await churn({ profile, seed, seconds, rooms, rate, bin, log });
  }
  return { passed: Object.values(figures).every(isGood), figures };
}

function isGood({ faults, grown, allowed, rowsAtEnd, done }) {
  const hasWorked = ['joins', 'returns', 'reloads', 'kicks', 'signals', 'messages'].every(
    (what) => done[what] > 0,
  );
  const isBack = Object.entries(allowed).every(([what, most]) => grown[what] <= most);
  return hasWorked && faults === 0 && isBack && Object.values(rowsAtEnd).every((count) => count === 0);
}

async function churn({ profile, seed, seconds, rooms, rate, bin, log }) {
  const folder = mkdtempSync(join(tmpdir(), `bongsu-churn-${profile}-`));
  const postgres = profile === 'postgres' ? await startPostgres() : undefined;
  const database = await postgres?.freshDatabase();
  let server;
  try {
    const PORT = String(await freePort());
    const settings = { ...SETTINGS, PORT, DATA_DIR: join(folder, 'data') };
    const where = database ? { DATABASE_URL: database.url } : {};
    server = await serve({ ...settings, ...where }, { preload: CENSUS, bin });
    const people = [];
    for (let n = 0; n < PEOPLE; n += 1) people.push(await signUp(server.url));
    const rows = () => livingRows(postgres, database);
    const round = (name, length, ledger) =>
      playRound({ url: server.url, people, rooms, rate, seed, name, seconds: length, ledger, rows });
    await round('warm-up', Math.max(WARM_UP_AT_LEAST_SECONDS, seconds * WARM_UP_SHARE), new Ledger());
    const start = await census(server);
    log(`${profile}: at the start ${JSON.stringify(start)}`);
    const ledger = new Ledger();
    const most = await round('churn', seconds, ledger);
    const end = await census(server);
    log(`${profile}: at the end ${JSON.stringify(end)}`);
    return {
      ...ledger,
      most,
      start,
      end,
      grown: growth(start, end),
      allowed: allowedFor(rooms),
      rowsAtEnd: await rows(),
      setting: {
        rooms,
        maxUsers: MAX_USERS,
        people: PEOPLE,
        seconds,
        verbsPerSecond: rate,
        lifted: { ...LIFTED, ...SETTINGS },
        nodeFlags: NODE_FLAGS,
      },
    };
  } finally {
    if (server) await stop(server.child, 'SIGKILL');
    await postgres?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Rooms are opened, churned and ended, until nothing of them is left. */
async function playRound({ url, people, rooms, rate, seed, name, seconds, ledger, rows }) {
  const crowd = new Crowd({ url, people, rooms, random: seededRandom(seed), ledger, name });
  await crowd.open();
  await crowd.churn({ seconds, perSecond: rate });
  const most = await rows();
  await crowd.emptyAll();
  await until('every seat has ended', () => crowd.isAlone, GRACE_MS + 30_000, 100).catch(() => {});
  crowd.checkAlone();
  await crowd.closeAll();
  const isOver = async () => Object.values(await rows()).every((count) => count === 0);
  await until('every room is closed', isOver, EMPTY_GRACE_SECONDS * 1000 + 60_000, 500).catch(() => {});
  // Without PostgreSQL nobody sees the rows from outside: the time of the empty rooms has to be enough.
  await new Promise((resolve) => setTimeout(resolve, EMPTY_GRACE_SECONDS * 1000 + 6000));
  return most;
}

async function livingRows(postgres, database) {
  if (!postgres) return {};
  const [counted] = await postgres.ask(
    database,
    `select (select count(*)::int from rooms where status = 'open') as rooms,
       (select count(*)::int from room_participants where left_at is null) as participants`,
  );
  return counted;
}

async function census({ child, output }) {
  if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the server ended:\n${output()}`);
  child.send({ census: true });
  const [answer] = await once(child, 'message');
  return answer.census;
}

function growth(start, end) {
  const by = (name) => Math.round((end[name] - start[name]) * 10) / 10;
  return {
    heapMiB: by('heapMiB'),
    rssShare: Math.round((100 * (end.rssMiB - start.rssMiB)) / start.rssMiB) / 100,
    maps: by('maps'),
    mapEntries: by('mapEntries'),
    sets: by('sets'),
    setEntries: by('setEntries'),
  };
}
