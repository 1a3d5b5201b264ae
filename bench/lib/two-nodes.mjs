import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createScreen, serve, signUp } from './bongsu.mjs';
import { freePort, start, stop } from './processes.mjs';
import { startRedis } from './redis.mjs';

const LOOP_DELAY = new URL('loop-delay.mjs', import.meta.url).href;
const SETTINGS = {
  MAX_CONNECTIONS_PER_USER: '100000',
  ROOMS_PER_MINUTE: '1000000',
  JOINS_PER_MINUTE: '1000000',
};
const LANES = 8;

/** Runs `work` with two nodes on a fresh database and a fresh Redis; `profiled` is the place of the node with a CPU profile. */
export async function withTwoNodes({ postgres, cpuProfile, profiled = 1, bin }, work) {
  const folder = mkdtempSync(join(tmpdir(), 'bongsu-bench-'));
  const [database, redis] = await Promise.all([postgres.freshDatabase(), startRedis()]);
  const nodes = [];
  try {
    for (const place of [0, 1]) {
      const settings = {
        ...SETTINGS,
        NODE_NAME: `node-${place}`,
        PORT: String(await freePort()),
        DATA_DIR: folder,
        DATABASE_URL: database.url,
        REDIS_URL: redis.url,
      };
      const profile = place === profiled ? cpuProfile : undefined;
      nodes.push(await serve(settings, { preload: LOOP_DELAY, cpuProfile: profile, bin }));
    }
    return await work({ nodes, database, redis, postgres });
  } finally {
    const signal = cpuProfile === undefined ? 'SIGKILL' : 'SIGTERM';
    await Promise.all(nodes.map(({ child }) => stop(child, signal)));
    await redis.stop();
    await database.drop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** How late the node's event loop was since this was asked last, in milliseconds. */
export async function loopDelay({ child }) {
  child.send({ loopDelay: true });
  const [{ loopDelay: figures }] = await once(child, 'message');
  return figures;
}

/** `people` people, and screens of theirs. */
export async function populate(url, { people, screens }) {
  const tokens = await makeAll(people, async () => (await signUp(url)).accessToken);
  const made = await makeAll(screens, async (place) => {
    const owner = place % people;
    const { screen, credential } = await createScreen(url, tokens[owner], `Screen ${place}`);
    return { screenId: screen.screenId, screenToken: credential.accessToken, owner };
  });
  return { tokens, screens: made };
}

async function makeAll(count, make) {
  const made = [];
  const lane = async () => {
    while (made.length < count) {
      const place = made.push(undefined) - 1;
      made[place] = await make(place);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return made;
}

/** A process of `script`, which gets `options` first; `next(name)` resolves with its next report of that name. */
export function startReporter(script, options) {
  const child = start(process.execPath, [script], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  const reports = [];
  let wake = () => {};
  child.on('message', (report) => {
    reports.push(report);
    wake();
  });
  child.on('exit', () => wake());
  child.send(options);
  return {
    tell: (told) => child.send(told),
    stop: () => stop(child, 'SIGKILL'),
    async next(name) {
      for (;;) {
        const place = reports.findIndex((report) => report[name] !== undefined);
        if (place >= 0) return reports.splice(place, 1)[0][name];
        if (child.exitCode !== null) throw new Error(`${script} ended with ${child.exitCode}`);
        await new Promise((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
