import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { call, createScreen, serve, signUp } from './bongsu.mjs';
import { idMaker } from './ids.mjs';
import { CORES } from './measure.mjs';
import { freePort, start, stop, until } from './processes.mjs';
import { round } from './statistics.mjs';
import { Wire } from './wire.mjs';

const SCREENS = fileURLToPath(new URL('screens.mjs', import.meta.url));
const IN_FLIGHT = 200;

/** Runs `work` with a fresh server, one person and `count` screens of theirs; on the embedded database without `postgres`. */
export async function withCrowd({ postgres, count, bin }, work) {
  const folder = mkdtempSync(join(tmpdir(), 'bongsu-bench-'));
  const database = await postgres?.freshDatabase();
  const settings = {
    PORT: String(await freePort()),
    DATA_DIR: folder,
    ...(database ? { DATABASE_URL: database.url } : {}),
  };
  const server = await serve(settings, { core: CORES.server, bin });
  try {
    const { accessToken: token } = await signUp(server.url);
    const screens = [];
    for (let n = 0; n < count; n += 1) {
      const { screen, credential } = await createScreen(server.url, token, `Screen ${n}`);
      screens.push({ screenId: screen.screenId, screenToken: credential.accessToken });
    }
    return await work({ server, database, token, screens });
  } finally {
    await stop(server.child, 'SIGKILL');
    await database?.drop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Accepts `each` triggers for each of the screens, which are away. */
export async function sendTriggers({ server, token, screens }, each) {
  const wire = await Wire.connect(server.url, { token });
  const newId = idMaker();
  const targets = screens.flatMap(({ screenId }) => Array(each).fill(screenId));
  const lane = async () => {
    for (let screenId = targets.pop(); screenId !== undefined; screenId = targets.pop()) {
      const command = `{"id":"${newId()}","timestamp":${Date.now()},"target":{"screenId":"${screenId}"},"action":"show-order","data":{"table":4,"order":"4711"},"notify":"none"}`;
      const answer = await new Promise((resolve) => wire.send('trigger', command, resolve));
      if (!answer.includes('"success":true')) throw new Error(`not accepted: ${answer}`);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
  wire.close();
}

/** The process of screens; `next(name)` resolves with its next report of that name. */
export function startScreens(options) {
  const child = start(process.execPath, [SCREENS], {
    core: CORES.others,
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const reports = [];
  let wake = () => {};
  child.on('message', (report) => {
    reports.push(report);
    wake();
  });
  child.on('exit', () => wake());
  child.send(options);
  return {
    leave: () => child.send('leave'),
    again: () => child.send('again'),
    stop: () => stop(child, 'SIGKILL'),
    async next(name) {
      for (;;) {
        const fault = reports.find((report) => report.fault !== undefined);
        if (fault) throw new Error(`out of order: ${fault.fault}`);
        const place = reports.findIndex((report) => report[name] !== undefined);
        if (place >= 0) return reports.splice(place, 1)[0][name];
        if (child.exitCode !== null) throw new Error(`the screens ended with ${child.exitCode}`);
        await new Promise((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

/** Resolves when the ledger holds every receipt. */
export function allSettled({ server, token, database }, postgres) {
  return until('all receipts are written', async () => {
    if (!postgres) return isAllServed(server, token);
    const waiting = await postgres.ask(
      database,
      'select 1 from streams s join screen_sessions h on h.stream_id = s.id where h.acked_seq < s.last_seq limit 1',
    );
    return waiting.length === 0;
  });
}

async function isAllServed(server, token) {
  for (let path = '/api/screens'; path; ) {
    const { items, nextCursor } = await call(server.url, 'GET', path, { token });
    if (items.some(({ pending }) => pending > 0)) return false;
    path = nextCursor && `/api/screens?cursor=${encodeURIComponent(nextCursor)}`;
  }
  return true;
}

/** Since the last time, and for each of `count`. Only PostgreSQL counts them; the embedded profile runs the same ones. */
export async function statementsOf({ database }, postgres, count) {
  if (!postgres) return {};
  const statements = countStatements(await postgres.takeStatements(database));
  const total = Object.values(statements).reduce((sum, calls) => sum + calls, 0);
  return { statements, statementsEach: round(total / count, 3) };
}

/** Calls by function of the ledger, and of everything else together. */
function countStatements(statements) {
  const calls = {};
  for (const { query, calls: count } of statements) {
    const name = /from (\w+)\(/.exec(query)?.[1] ?? 'other';
    calls[name] = (calls[name] ?? 0) + count;
  }
  return calls;
}
