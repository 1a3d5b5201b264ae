import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { call } from './bongsu.mjs';
import { CORES } from './measure.mjs';
import { residentMiB, start, stop } from './processes.mjs';
import { percentile, round } from './statistics.mjs';
import { Wire } from './wire.mjs';

const CROWD = fileURLToPath(new URL('room-crowd.mjs', import.meta.url));
export const ADMIN = { email: 'admin@example.com', password: 'a beacon on the ridge' };
/** As the console asks for them. */
const PAGE = 100;
const PROBE_MS = 20;
const TURNS = 5;

/** What an administrator's console sees of a server with many rooms: their lists by page, and the events of its socket. */
export async function visitConsole({ url, pid }, { tokens, rooms, seats }) {
  const { accessToken: token } = await call(url, 'POST', '/api/auth/login', { body: ADMIN });
  const heard = [];
  const wire = await Wire.connect(url, { token }, { onEvent: (name) => heard.push(name) });
  const crowd = start(process.execPath, [CROWD], {
    core: CORES.others,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const answer = async () => {
    const [message] = await Promise.race([
      once(crowd, 'message'),
      once(crowd, 'exit').then(([code]) => Promise.reject(new Error(`the crowd ended with ${code}`))),
    ]);
    return message;
  };
  try {
    crowd.send({ url, tokens, rooms, seats });
    await answer();
    const idle = await probeWhile(url, () => pause(2000));
    const pages = [];
    const busy = await probeWhile(url, async () => {
      for (let turn = 0; turn < TURNS; turn += 1) pages.push(...(await readAll(url, token)));
    });
    const over = answer();
    crowd.send({});
    const { said, closed } = await over;
    const listed = pages.reduce((total, { items }) => total + items, 0) / TURNS;
    if (listed !== rooms || closed > 0 || said === 0) {
      throw new Error(
        `void: ${listed} of ${rooms} rooms were listed, ${closed} sockets closed, ${said} messages`,
      );
    }
    return {
      rooms,
      sockets: rooms * seats,
      pageMs: percentiles(pages.map(({ ms }) => ms)),
      otherRequestsMs: { without: idle, whilePaging: busy },
      eventsOfTheConsole: heard.length,
      serverRssMiB: Math.round(await residentMiB(pid)),
    };
  } finally {
    wire.close();
    await stop(crowd, 'SIGKILL');
  }
}

/** All pages of everybody's rooms. */
async function readAll(url, token) {
  const pages = [];
  let cursor;
  do {
    const startedAt = performance.now();
    const after = cursor === undefined ? '' : `&cursor=${cursor}`;
    const page = await call(url, 'GET', `/api/rooms?all=true&limit=${PAGE}${after}`, { token });
    pages.push({ ms: performance.now() - startedAt, items: page.items.length });
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined);
  return pages;
}

/** How long the smallest request takes meanwhile: whatever blocks the server delays it. */
async function probeWhile(url, work) {
  const times = [];
  let isOver = false;
  const probing = (async () => {
    while (!isOver) {
      const startedAt = performance.now();
      await (await fetch(`${url}/health/live`)).text();
      times.push(performance.now() - startedAt);
      await pause(PROBE_MS);
    }
  })();
  await work();
  isOver = true;
  await probing;
  return percentiles(times);
}

function percentiles(times) {
  const sorted = times.sort((a, b) => a - b);
  return {
    p50: round(percentile(sorted, 0.5)),
    p95: round(percentile(sorted, 0.95)),
    max: round(sorted.at(-1)),
  };
}
