import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { call, createScreen, serve, signUp } from '../../lib/bongsu.mjs';
import { monotonicMs, readHistory } from '../../lib/history.mjs';
import { startPostgres } from '../../lib/postgres.mjs';
import { freePort, start, stop, until } from '../../lib/processes.mjs';
import { seededRandom } from '../../lib/random.mjs';
import { median, round } from '../../lib/statistics.mjs';
import { atTheKill, check, violationsOf } from './checker.mjs';

export const description =
  'kill -9 of the server in full flight: nothing acknowledged is lost, nothing runs twice';

const CONTROLLER_PROCESSES = 2;
const CONTROLLERS_EACH = 3;
const SCREEN_PROCESSES = 3;
const SCREENS_EACH = 2;
const IN_FLIGHT = 8;
const LEAST = { accepted: 200, unsettled: 10, unanswered: 1 };
const SLOWEST_EXECUTION_MS = 6;
/** A kill that does not count is tried again; three times as many tries as kills are enough for any machine. */
const TRIES_PER_KILL = 3;
const CONVERGE_MS = 60_000;
const STATUS_PAGE = 100;

/** Both profiles, `kills` counted kills each. */
export async function prove({ seed, kills = 50, profiles = ['embedded', 'postgres'], log }) {
  const figures = {};
  let passed = true;
  for (const profile of profiles) {
    const result = await proveProfile({ profile, seed, kills, log });
    figures[profile] = result;
    passed &&= result.violations === 0 && result.kills >= kills;
  }
  return { passed, figures };
}

async function proveProfile({ profile, seed, kills, log }) {
  const folder = mkdtempSync(join(tmpdir(), `bongsu-kill-${profile}-`));
  const postgres = profile === 'postgres' ? await startPostgres() : undefined;
  const database = await postgres?.freshDatabase();
  const settings = {
    PORT: String(await freePort()),
    DATA_DIR: join(folder, 'data'),
    ...(database === undefined ? {} : { DATABASE_URL: database.url }),
  };
  const run = new Run({ folder, settings, random: seededRandom(seed), seed, log, profile });
  let kept = true;
  try {
    await run.setUp();
    while (run.unfinished === undefined && run.counted.length < kills && run.tries < kills * TRIES_PER_KILL) {
      await run.cycle();
    }
    const result = await run.judge();
    kept = result.violations > 0;
    return result;
  } finally {
    await run.tearDown();
    await postgres?.stop();
    if (kept) log(`the history stays in ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  }
}

class Run {
  counted = [];
  discounted = {};
  tries = 0;
  /** Why the last cycle did not converge: then the history so far is judged, which names what is missing. */
  unfinished;
  /** The last report of each process. */
  controllers = [];
  screens = [];
  faults = [];
  #asked = new Map();

  constructor(options) {
    Object.assign(this, options);
    this.startedAt = monotonicMs();
  }

  async setUp() {
    this.server = await serve(this.settings);
    const { url } = this.server;
    this.url = url;
    const owner = await signUp(url);
    const screens = [];
    for (let n = 0; n < SCREEN_PROCESSES * SCREENS_EACH; n += 1) {
      screens.push((await createScreen(url, owner.accessToken, `Screen ${n}`)).credential);
    }
    const people = [];
    for (let n = 0; n < CONTROLLER_PROCESSES * CONTROLLERS_EACH; n += 1) {
      const { user, accessToken: token } = await signUp(url);
      for (const { screenId } of screens) {
        const path = `/api/screens/${screenId}/controllers/${user.userId}`;
        await call(url, 'PUT', path, { token: owner.accessToken });
      }
      people.push({ name: `c${n}`, token });
    }
    this.startScreens(screens);
    this.startControllers(people, screens);
    await this.allOnline();
  }

  startScreens(credentials) {
    for (let n = 0; n < SCREEN_PROCESSES; n += 1) {
      const screens = credentials.slice(n * SCREENS_EACH, (n + 1) * SCREENS_EACH).map((credential) => ({
        credential,
        storePath: join(this.folder, `store-${credential.screenId}.json`),
        historyPath: join(this.folder, `screen-${credential.screenId}.jsonl`),
      }));
      const options = {
        url: this.url,
        screens,
        seed: this.seed + 1000 * (n + 1),
        slowestMs: SLOWEST_EXECUTION_MS,
      };
      this.screens.push({
        ...this.fork('screen.mjs', options),
        histories: screens.map(({ historyPath }) => historyPath),
      });
    }
  }

  startControllers(people, screens) {
    for (let n = 0; n < CONTROLLER_PROCESSES; n += 1) {
      const mine = people.slice(n * CONTROLLERS_EACH, (n + 1) * CONTROLLERS_EACH);
      const historyPath = join(this.folder, `controllers-${n}.jsonl`);
      const options = {
        url: this.url,
        people: mine,
        screenIds: screens.map(({ screenId }) => screenId),
        inFlight: IN_FLIGHT,
        seed: this.seed + 100 * (n + 1),
        historyPath,
      };
      const names = mine.map(({ name }) => name);
      this.controllers.push({ ...this.fork('controller.mjs', options), histories: [historyPath], names });
    }
  }

  fork(file, options) {
    const path = fileURLToPath(new URL(file, import.meta.url));
    const child = start(process.execPath, [path, JSON.stringify(options)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    const state = { accepted: 0, pending: 0, connected: 0, executed: 0, online: 0 };
    child.on('message', (message) => {
      if (message.fault) this.faults.push(message.fault);
      else if (message.told) this.#asked.get(message.told)?.(message.items);
      else Object.assign(state, message);
    });
    child.on('exit', (code, signal) => {
      if (!this.ending) this.faults.push(`${file} ended with ${code ?? signal}`);
    });
    return { child, state };
  }

  sum(processes, field) {
    return processes.reduce((total, { state }) => total + state[field], 0);
  }

  tell(processes, message) {
    for (const { child } of processes) child.send(message);
  }

  wait(what, check, timeoutMs) {
    return until(
      what,
      () => {
        if (this.faults.length > 0) throw new Error(this.faults.join('\n'));
        return check();
      },
      timeoutMs,
      2,
    ).catch((error) => {
      throw new Error(`${error.message}\n${this.standing()}\n${this.server.output()}`);
    });
  }

  standing() {
    return JSON.stringify({
      controllers: this.controllers.map(({ state }) => state),
      screens: this.screens.map(({ state }) => state),
    });
  }

  allOnline() {
    return this.wait('everybody is online', () => {
      const connected = this.sum(this.controllers, 'connected');
      const online = this.sum(this.screens, 'online');
      return (
        connected === CONTROLLER_PROCESSES * CONTROLLERS_EACH && online === SCREEN_PROCESSES * SCREENS_EACH
      );
    });
  }

  /** Load, kill at a moment that the seed chooses, restart, converge. */
  async cycle() {
    this.tries += 1;
    const since = monotonicMs();
    const before = this.sum(this.controllers, 'accepted');
    const enough = LEAST.accepted + this.random.between(10, 150);
    this.tell(this.controllers, 'go');
    await this.wait('enough is accepted', () => this.sum(this.controllers, 'accepted') - before >= enough);
    await new Promise((resolve) => setTimeout(resolve, this.random.between(0, 25)));
    const at = monotonicMs();
    await stop(this.server.child, 'SIGKILL');
    this.tell(this.controllers, 'pause');
    this.server = await serve(this.settings);
    await this.allOnline();
    const back = monotonicMs();
    await this.converged().catch((error) => {
      this.log(error.message);
      this.unfinished = error.message.split('\n')[0];
    });
    this.record({ since, at, back, done: monotonicMs() });
  }

  /** All answered, and everything that was acknowledged has been executed. */
  async converged() {
    await this.wait(
      'every command is answered',
      () => this.sum(this.controllers, 'pending') === 0,
      CONVERGE_MS,
    );
    const acknowledged = new Set(
      this.records(this.controllers)
        .filter(({ kind }) => kind === 'ok')
        .map(({ id }) => id),
    );
    this.acknowledged = acknowledged.size;
    await this.wait(
      'all is executed',
      () => this.sum(this.screens, 'executed') >= acknowledged.size,
      CONVERGE_MS,
    );
  }

  record({ since, at, back, done }) {
    const controllers = this.records(this.controllers);
    const screens = this.histories();
    const found = atTheKill({ controllers, screens, since, at });
    const short = Object.keys(LEAST).filter((name) => found[name] < LEAST[name]);
    for (const name of short) this.discounted[name] = (this.discounted[name] ?? 0) + 1;
    if (short.length === 0) {
      this.counted.push({
        ...found,
        readyMs: this.server.readyMs,
        awayMs: back - at,
        convergeMs: done - back,
      });
    }
    const verdict =
      short.length === 0 ? `kill ${this.counted.length}` : `does not count (${short.join(', ')})`;
    this.log(`${this.profile} ${verdict}: ${JSON.stringify(found)}, ${round((done - since) / 1000, 1)} s`);
  }

  records(processes) {
    return processes.flatMap(({ histories }) => histories.flatMap(readHistory));
  }

  histories() {
    return this.screens.flatMap(({ histories }) => histories.map(readHistory));
  }

  async judge() {
    const controllers = this.records(this.controllers);
    const said = await this.ask(controllers);
    const verdict = check({ controllers, screens: this.histories(), said });
    const oks = controllers.filter(({ kind }) => kind === 'ok');
    const transmissions = controllers.filter(({ kind }) => kind === 'invoke').length;
    return {
      violations: violationsOf(verdict),
      ...(this.unfinished === undefined ? {} : { unfinished: this.unfinished }),
      verdict: Object.fromEntries(Object.entries(verdict).map(([name, ids]) => [name, ids.length])),
      examples: Object.values(verdict).flat().slice(0, 5),
      kills: this.counted.length,
      killsThatDidNotCount: this.discounted,
      commands: new Set(controllers.map(({ id }) => id)).size,
      acknowledged: new Set(oks.map(({ id }) => id)).size,
      transmissions,
      repeatsAnsweredAlike: oks.filter(({ duplicate }) => duplicate).length,
      refused: controllers.filter(({ kind, retryable }) => kind === 'fail' && !retryable).length,
      executed: this.histories().flat().length,
      askedOfTheServer: said.length,
      perKill: this.perKill(),
      seconds: round((monotonicMs() - this.startedAt) / 1000, 1),
    };
  }

  perKill() {
    const of = (name) => this.counted.map((kill) => kill[name]);
    const least = (name) => Math.min(...of(name));
    return {
      acceptedAtLeast: least('accepted'),
      unsettledAtLeast: least('unsettled'),
      unansweredAtLeast: least('unanswered'),
      readyMsMedian: Math.round(median(of('readyMs'))),
      awayMsMedian: Math.round(median(of('awayMs'))),
      convergeMsMedian: Math.round(median(of('convergeMs'))),
    };
  }

  /** What the server says of every acknowledged command, asked by its own sender; receipts are given a moment to be written. */
  async ask(records) {
    const senderOf = new Map();
    for (const { kind, id, transmission } of records) {
      if (kind === 'ok') senderOf.set(id, transmission.split(':')[0]);
    }
    if (this.unfinished !== undefined) return [];
    let open = [...senderOf.keys()];
    const said = new Map();
    await this.wait(
      'the server says executed of all',
      async () => {
        for (const { id, status } of await this.askOnce(open, senderOf)) said.set(id, status);
        open = open.filter((id) => said.get(id) !== 'executed');
        return open.length === 0;
      },
      CONVERGE_MS,
    ).catch((error) => this.log(error.message));
    return [...senderOf.keys()].map((id) => ({ id, status: said.get(id) ?? 'unknown' }));
  }

  async askOnce(ids, senderOf) {
    const items = [];
    for (const process of this.controllers) {
      for (const name of process.names) {
        const mine = ids.filter((id) => senderOf.get(id) === name);
        for (let from = 0; from < mine.length; from += STATUS_PAGE) {
          items.push(...(await this.askPage(process, name, mine.slice(from, from + STATUS_PAGE))));
        }
      }
    }
    return items;
  }

  askPage({ child }, name, ids) {
    const ask = `${name}-${this.#asked.size}`;
    return new Promise((resolve) => {
      this.#asked.set(ask, resolve);
      child.send({ ask, name, ids });
    });
  }

  async tearDown() {
    this.ending = true;
    for (const { child } of [...this.controllers, ...this.screens]) {
      if (child.connected) child.send('end');
    }
    await Promise.all([...this.controllers, ...this.screens].map(({ child }) => ended(child)));
    if (this.server) await stop(this.server.child, 'SIGKILL');
  }
}

async function ended(child) {
  const patience = setTimeout(() => child.kill('SIGKILL'), 5000);
  if (child.exitCode === null && child.signalCode === null) {
    await new Promise((resolve) => child.once('exit', resolve));
  }
  clearTimeout(patience);
}
