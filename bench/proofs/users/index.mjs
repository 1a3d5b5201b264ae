import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { call, createScreen, NODE_FLAGS, SERVER, serve } from '../../lib/bongsu.mjs';
import { idMaker } from '../../lib/ids.mjs';
import { startPostgres } from '../../lib/postgres.mjs';
import { freePort, start, stop, until } from '../../lib/processes.mjs';
import { percentile, round } from '../../lib/statistics.mjs';
import { Wire } from '../../lib/wire.mjs';

export const description =
  '1,000 people log in, refresh and connect at once from one address with the limits that everybody has: all are in within 120 s, screens work on meanwhile, and 200 screens with expired tokens come back';

const PEOPLE = 1000;
const WITHIN_SECONDS = 120;
const PASSWORD = 'correct horse battery';
/** Each may make a hundred calls a minute. */
const OWNERS = 10;
const SCREENS_EACH = 25;
const WORKING_OWNERS = 2;
const RETURNING = 200;
const COMMAND_EVERY_MS = 20;
const QUIET_MS = 5000;
const EXPIRED_MS = 16 * 60_000;
const CROWD = fileURLToPath(new URL('crowd.mjs', import.meta.url));
const CLOCK = new URL('clock.mjs', import.meta.url).href;
const SERVER_CODE = new URL('../../../packages/server/dist/', import.meta.url);
const run = promisify(execFile);

/** Both profiles, one morning each. */
export async function prove({ profiles = ['embedded', 'postgres'], log }) {
  const figures = {};
  for (const profile of profiles) {
    figures[profile] = await morning(profile, log);
    log(`${profile}: ${JSON.stringify(figures[profile])}`);
  }
  return { passed: Object.values(figures).every(isGood), figures };
}

function isGood({ crowd, work, back }) {
  const isWhole = work.lost + work.refused + work.closed === 0 && work.executed > 0;
  const areIn = crowd.people === PEOPLE && crowd.allInSeconds <= WITHIN_SECONDS;
  return areIn && isWhole && back.screens === RETURNING && back.toldExpired === RETURNING;
}

async function morning(profile, log) {
  const folder = mkdtempSync(join(tmpdir(), `bongsu-users-${profile}-`));
  const postgres = profile === 'postgres' ? await startPostgres() : undefined;
  const database = await postgres?.freshDatabase();
  const settings = {
    PORT: String(await freePort()),
    DATA_DIR: join(folder, 'data'),
    ...(database === undefined ? {} : { DATABASE_URL: database.url }),
  };
  const server = await serve(settings, { preload: CLOCK, lifted: false });
  const crowds = [];
  try {
    await importPeople(settings, folder);
    const owners = await Promise.all(names('owner', OWNERS).map((email) => logIn(server.url, email)));
    const screens = await makeScreens(server.url, owners);
    log(`${profile}: ${PEOPLE} people and ${screens.length} screens are there`);
    const work = await Work.start(server.url, screens.slice(0, WORKING_OWNERS * SCREENS_EACH));
    await waitQuietly();
    const quiet = work.take();
    await lagOf(server.url);
    const crowd = await comes(crowds, {
      people: { url: server.url, emails: names('user', PEOPLE), password: PASSWORD },
    });
    const eventLoopP99Ms = await lagOf(server.url);
    const busy = await work.end();
    log(`${profile}: all in after ${crowd.allInSeconds} s`);
    server.child.send({ aheadMs: EXPIRED_MS });
    await once(server.child, 'message');
    const credentials = screens.slice(-RETURNING).map(({ credential }) => credential);
    const back = await comes(crowds, { screens: { url: server.url, credentials } });
    return {
      crowd: { ...crowd, withinSeconds: WITHIN_SECONDS },
      eventLoopP99Ms,
      work: { screens: WORKING_OWNERS * SCREENS_EACH, quietP95Ms: quiet.p95Ms, ...busy },
      back,
      setting: { nodeFlags: NODE_FLAGS, limits: 'as they are by default' },
    };
  } finally {
    for (const crowd of crowds) await stop(crowd, 'SIGKILL');
    await stop(server.child, 'SIGKILL');
    await postgres?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const names = (kind, count) => Array.from({ length: count }, (_, n) => `${kind}-${n}@example.com`);
const waitQuietly = () => new Promise((resolve) => setTimeout(resolve, QUIET_MS));

/** With one hash for all, for making a thousand takes as long as checking them. */
async function importPeople(settings, folder) {
  const { ARGON2_COST, Passwords } = await import(new URL('identity/passwords/passwords.js', SERVER_CODE));
  const passwords = new Passwords(
    { cost: ARGON2_COST, concurrency: 1, maxQueued: 1 },
    { monotonic: () => performance.now() },
  );
  const passwordHash = await passwords.hash(PASSWORD);
  const lines = [...names('owner', OWNERS), ...names('user', PEOPLE)].map((email) =>
    JSON.stringify({ email, username: 'Somebody', passwordHash }),
  );
  const file = join(folder, 'people.jsonl');
  writeFileSync(file, lines.join('\n'));
  const { PATH, HOME } = process.env;
  const env = { PATH, HOME, LOG_LEVEL: 'warn', ...settings };
  const { stdout } = await run(process.execPath, [SERVER, 'user', 'import', file, '--json'], { env });
  const { imported } = JSON.parse(stdout);
  if (imported !== lines.length) throw new Error(`only ${imported} were imported`);
}

function logIn(url, email) {
  return call(url, 'POST', '/api/auth/login', { body: { email, password: PASSWORD } });
}

async function makeScreens(url, owners) {
  const lanes = owners.map(async ({ accessToken }) => {
    const screens = [];
    for (let n = 0; n < SCREENS_EACH; n += 1) {
      const made = await createScreen(url, accessToken, `Screen ${n}`);
      screens.push({ ...made, ownerToken: accessToken });
    }
    return screens;
  });
  return (await Promise.all(lanes)).flat();
}

/** A process of its own, so that the crowd does not slow what is measured here. */
async function comes(crowds, options) {
  const child = start(process.execPath, [CROWD], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  crowds.push(child);
  child.send(options);
  const ended = once(child, 'exit').then(([code]) =>
    Promise.reject(new Error(`the crowd ended with ${code}`)),
  );
  const [{ done }] = await Promise.race([once(child, 'message'), ended]);
  ended.catch(() => {});
  return done;
}

/** P99 of the server's event loop delay since the last time it was asked. */
async function lagOf(url) {
  const text = await fetch(`${url}/metrics`).then((answer) => answer.text());
  const [, seconds] = /^nodejs_eventloop_lag_p99_seconds(?:\{[^}]*\})? (\S+)$/m.exec(text) ?? [];
  if (seconds === undefined) throw new Error('the server tells no event loop delay');
  return round(Number(seconds) * 1000, 1);
}

/** Commands at a steady pace to screens that execute them, from a socket of each owner. */
class Work {
  #sentAt = new Map();
  #latencies = [];
  #executed = new Set();
  #refused = 0;
  #closed = 0;
  #sent = 0;
  #unanswered = 0;
  #wires = [];
  #newId = idMaker();
  #timer;

  static async start(url, screens) {
    const work = new Work();
    const controllers = new Map();
    for (const { ownerToken, screen, credential } of screens) {
      if (!controllers.has(ownerToken))
        controllers.set(ownerToken, await Wire.connect(url, { token: ownerToken }));
      const auth = { token: credential.accessToken, screenId: screen.screenId };
      work.#wires.push(await Wire.connect(url, auth, { onEvent: (...event) => work.#execute(...event) }));
    }
    work.#wires.push(...controllers.values());
    for (const wire of work.#wires) {
      wire.onClose = () => {
        work.#closed += 1;
      };
    }
    let n = 0;
    work.#timer = setInterval(() => {
      const { ownerToken, screen } = screens[n % screens.length];
      n += 1;
      work.#send(controllers.get(ownerToken), screen.screenId);
    }, COMMAND_EVERY_MS);
    return work;
  }

  #send(controller, screenId) {
    const id = this.#newId();
    this.#sentAt.set(id, performance.now());
    this.#sent += 1;
    this.#unanswered += 1;
    const command = `{"id":"${id}","timestamp":${Date.now()},"target":{"screenId":"${screenId}"},"action":"show","notify":"none"}`;
    controller.send('trigger', command, (answer) => {
      this.#unanswered -= 1;
      if (!answer.includes('"success":true')) this.#refused += 1;
    });
  }

  #execute(_name, { id, stream, seq }, answer) {
    if (answer === undefined) return;
    const sentAt = this.#sentAt.get(id);
    if (sentAt !== undefined && !this.#executed.has(id)) this.#latencies.push(performance.now() - sentAt);
    this.#executed.add(id);
    answer(`{"status":"executed","stream":"${stream}","seq":${seq}}`);
  }

  /** Latencies since the last time. */
  take() {
    const sorted = this.#latencies.splice(0).sort((a, b) => a - b);
    return { p50Ms: round(percentile(sorted, 0.5), 1), p95Ms: round(percentile(sorted, 0.95), 1) };
  }

  async end() {
    clearInterval(this.#timer);
    const isSettled = () => this.#unanswered === 0 && this.#executed.size + this.#refused >= this.#sent;
    await until('all commands are executed', isSettled, 30_000).catch(() => undefined);
    const figures = {
      sent: this.#sent,
      executed: this.#executed.size,
      lost: this.#sent - this.#refused - this.#executed.size,
      refused: this.#refused,
      closed: this.#closed,
      ...this.take(),
    };
    for (const wire of this.#wires) {
      wire.onClose = () => {};
      wire.close();
    }
    return figures;
  }
}
