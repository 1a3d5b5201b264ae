import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NODE_FLAGS, populate, serve } from './bongsu.mjs';
import { cpuSeconds, freePort, residentMiB, start, stop, until } from './processes.mjs';
import { round } from './statistics.mjs';

/** The server alone on one core; the load and PostgreSQL share the other. */
export const CORES = { server: 0, others: 1 };
const LOAD = fileURLToPath(new URL('load.mjs', import.meta.url));
const PEER = fileURLToPath(new URL('../peers/bare-socketio.mjs', import.meta.url));

/** One run against a fresh Bongsu: a fresh database and fresh people. `postgres` absent: the embedded profile. */
export function measureBongsu({ postgres, controllers, load, cpuProfile, bin }) {
  return withBongsu({ postgres, cpuProfile, bin }, async (server) => {
    const people = await populate(server.url, controllers);
    return await measure(server, LOAD, { ...load, people }, postgres);
  });
}

/** The same against bare Socket.IO. `relay`: it also carries each command to its screen and the outcome back. */
export function measureBare({ controllers, load, relay = false }) {
  return withPeer({ script: PEER, env: { RELAY: relay ? '1' : '0' } }, (server) => {
    const people = Array.from({ length: controllers }, (_, n) => ({
      token: 'none',
      userId: `user-${n}`,
      screenId: `screen-${n}`,
      screenToken: 'none',
    }));
    return measure(server, LOAD, { ...load, people });
  });
}

/** Runs `work` with a fresh Bongsu on the server's core. */
export async function withBongsu({ postgres, settings, cpuProfile, bin }, work) {
  const folder = mkdtempSync(join(tmpdir(), 'bongsu-bench-'));
  const database = await postgres?.freshDatabase();
  const all = {
    PORT: String(await freePort()),
    DATA_DIR: folder,
    ...(database === undefined ? {} : { DATABASE_URL: database.url }),
    ...settings,
  };
  let server;
  try {
    server = await serve(all, { core: CORES.server, cpuProfile, bin });
    return await work(server);
  } finally {
    if (server) await stop(server.child, cpuProfile === undefined ? 'SIGKILL' : 'SIGTERM');
    await database?.drop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Runs `work` with a peer on the same core. */
export async function withPeer({ script, env = {} }, work) {
  const PORT = String(await freePort());
  const url = `http://127.0.0.1:${PORT}`;
  const child = start(process.execPath, [...NODE_FLAGS, script], {
    core: CORES.server,
    env: { PATH: process.env.PATH, PORT, ...env },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  try {
    await until('bare Socket.IO answers', () =>
      fetch(url).then(
        () => true,
        () => false,
      ),
    );
    return await work({ url, pid: child.pid });
  } finally {
    await stop(child, 'SIGKILL');
  }
}

/**
 * Drives a load from its own process and reads the CPU of all three over exactly the measured time: until the load says `ended`, or
 * else its figures.
 */
export async function measure({ url, pid }, script, options, postgres) {
  const child = start(process.execPath, [script], {
    core: CORES.others,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  child.send({ url, ...options });
  const usage = () =>
    Promise.all([cpuSeconds(pid), postgres?.cpuSeconds() ?? 0, cpuSeconds(child.pid).catch(() => 0)]);
  let before = usage();
  let after;
  const patienceMs = 1000 * (options.warmUpSeconds + options.seconds + 120);
  const figures = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the load did not end in time')), patienceMs);
    child.on('exit', (code) => reject(new Error(`the load ended with ${code}`)));
    child.on('message', async ({ measuring, ended, measured }) => {
      if (measuring) before = usage();
      if (ended || measured) after ??= usage();
      if (measured === undefined) return;
      // On a busy machine the load is gone before the next line has its answer.
      child.removeAllListeners('exit');
      const first = await before;
      const [used, usedByPostgres, usedByLoad] = (await after).map((now, place) => now - first[place]);
      const perThousand = (seconds) => round((seconds * 1e6) / Math.max(1, measured.commands));
      clearTimeout(timer);
      resolve({
        ...measured,
        serverCpuMsPer1000: perThousand(used),
        ...(postgres === undefined ? {} : { postgresCpuMsPer1000: perThousand(usedByPostgres) }),
        serverCpuShare: round(used / options.seconds),
        loadCpuShare: round(Math.max(0, usedByLoad) / options.seconds),
        serverRssMiB: Math.round(await residentMiB(pid)),
      });
    });
  });
  await stop(child);
  const refused = Object.values(figures.refusals).reduce((total, count) => total + count, 0);
  if (refused > 0) throw new Error(`void: ${JSON.stringify(figures.refusals)} refusals`);
  return figures;
}
