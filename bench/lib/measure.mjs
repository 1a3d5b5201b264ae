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
export async function measureBongsu({ postgres, controllers, load, cpuProfile, bin }) {
  const folder = mkdtempSync(join(tmpdir(), 'bongsu-bench-'));
  const database = await postgres?.freshDatabase();
  const settings = {
    PORT: String(await freePort()),
    DATA_DIR: folder,
    ...(database === undefined ? {} : { DATABASE_URL: database.url }),
  };
  const server = await serve(settings, { core: CORES.server, cpuProfile, bin });
  try {
    const people = await populate(server.url, controllers);
    return await measure(server, { ...load, people }, postgres);
  } finally {
    await stop(server.child, cpuProfile === undefined ? 'SIGKILL' : 'SIGTERM');
    await database?.drop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same against bare Socket.IO. `relay`: it also carries each command to its screen and the outcome back. */
export async function measureBare({ controllers, load, relay = false }) {
  const PORT = String(await freePort());
  const url = `http://127.0.0.1:${PORT}`;
  const child = start(process.execPath, [...NODE_FLAGS, PEER], {
    core: CORES.server,
    env: { PATH: process.env.PATH, PORT, RELAY: relay ? '1' : '0' },
    stdio: ['ignore', 'inherit', 'inherit'],
  });
  try {
    await until('bare Socket.IO answers', () =>
      fetch(url).then(
        () => true,
        () => false,
      ),
    );
    const people = Array.from({ length: controllers }, (_, n) => ({
      token: 'none',
      userId: `user-${n}`,
      screenId: `screen-${n}`,
      screenToken: 'none',
    }));
    return await measure({ url, pid: child.pid }, { ...load, people });
  } finally {
    await stop(child, 'SIGKILL');
  }
}

/** Drives the load from its own process and reads the CPU of server and PostgreSQL over exactly the measured time. */
async function measure({ url, pid }, options, postgres) {
  const child = start(process.execPath, [LOAD], {
    core: CORES.others,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  child.send({ url, ...options });
  const usage = async () => [await cpuSeconds(pid), (await postgres?.cpuSeconds()) ?? 0];
  let before = [0, 0];
  const patienceMs = 1000 * (options.warmUpSeconds + options.seconds + 60);
  const figures = await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('the load did not end in time')), patienceMs);
    child.on('exit', (code) => reject(new Error(`the load ended with ${code}`)));
    child.on('message', async ({ measuring, measured }) => {
      if (measuring) before = await usage();
      if (measured === undefined) return;
      // On a busy machine the load is gone before the next line has its answer.
      child.removeAllListeners('exit');
      const [used, usedByPostgres] = (await usage()).map((now, place) => now - before[place]);
      const perThousand = (seconds) => round((seconds * 1e6) / Math.max(1, measured.commands));
      clearTimeout(timer);
      resolve({
        ...measured,
        serverCpuMsPer1000: perThousand(used),
        ...(postgres === undefined ? {} : { postgresCpuMsPer1000: perThousand(usedByPostgres) }),
        serverCpuShare: round(used / options.seconds),
        serverRssMiB: Math.round(await residentMiB(pid)),
      });
    });
  });
  await stop(child);
  const refused = Object.values(figures.refusals).reduce((total, count) => total + count, 0);
  if (refused > 0) throw new Error(`void: ${JSON.stringify(figures.refusals)} refusals`);
  return figures;
}
