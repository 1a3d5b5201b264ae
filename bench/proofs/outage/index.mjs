import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { screen } from '@bongsu/client';
import { fileStore } from '@bongsu/client/file-store';
import { io } from 'socket.io-client';
import { createScreen, serve, signUp } from '../../lib/bongsu.mjs';
import { monotonicMs } from '../../lib/history.mjs';
import { idMaker } from '../../lib/ids.mjs';
import { startPostgres } from '../../lib/postgres.mjs';
import { freePort, stop, until } from '../../lib/processes.mjs';
import { round } from '../../lib/statistics.mjs';

export const description =
  'the database goes away under load (PostgreSQL for 30 s, PGlite by the death of its thread): delivery goes on within 5 s, nothing is lost or run twice';

const AWAY_MS = 30_000;
const BACK_WITHIN_MS = 5000;
const SCREENS = 4;
const IN_FLIGHT = 8;
const LEAST_ACCEPTED = 500;
const PAUSE_MS = 20;
const THREAD_DIED = "PGlite's thread died";
const PRELOAD = new URL('../../../packages/server/chaos/preload.mjs', import.meta.url).href;

/** Both profiles, one outage each. */
export async function prove({ profiles = ['embedded', 'postgres'], log }) {
  const figures = {};
  for (const profile of profiles) {
    figures[profile] = await outage(profile, log);
    log(`${profile}: ${JSON.stringify(figures[profile])}`);
  }
  return { passed: Object.values(figures).every(isGood), figures };
}

function isGood({ lost, doubled, outOfOrder, serverDisagrees, otherRefusals, resumedMs, slowestScreenMs }) {
  const isWhole = lost + doubled + outOfOrder + serverDisagrees + otherRefusals === 0;
  return isWhole && resumedMs <= BACK_WITHIN_MS && slowestScreenMs <= BACK_WITHIN_MS;
}

async function outage(profile, log) {
  const folder = mkdtempSync(join(tmpdir(), `bongsu-outage-${profile}-`));
  const postgres = profile === 'postgres' ? await startPostgres() : undefined;
  const database = await postgres?.freshDatabase();
  const settings = {
    PORT: String(await freePort()),
    DATA_DIR: join(folder, 'data'),
    ...(database === undefined ? {} : { DATABASE_URL: database.url }),
  };
  const server = await serve(settings, { preload: PRELOAD });
  const load = new Load(server.url, folder);
  try {
    await load.start();
    await load.reaches(LEAST_ACCEPTED);
    log(`${profile}: ${load.accepted.size} accepted, the database goes away`);
    const away = postgres ? stopFor30Seconds(postgres) : killThread(server);
    const { goneAt, backAt } = await away;
    const resumed = await load.resumes(goneAt);
    await load.reaches(load.accepted.size + LEAST_ACCEPTED);
    await load.converges();
    return { ...load.verdict(await load.statuses()), ...load.times({ goneAt, backAt, ...resumed }) };
  } finally {
    await load.end();
    await stop(server.child, 'SIGKILL');
    await postgres?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Back is when it answers again. */
async function stopFor30Seconds(postgres) {
  await postgres.crash();
  const goneAt = monotonicMs();
  await pause(AWAY_MS);
  await postgres.restart();
  return { goneAt, backAt: monotonicMs() };
}

/** The server starts it anew by itself: that time counts. It is gone when the server says so. */
async function killThread(server) {
  const backAt = monotonicMs();
  server.child.send({ killPglite: true });
  await until('the server misses the thread', () => server.output().includes(THREAD_DIED), 10_000, 1);
  return { goneAt: monotonicMs(), backAt };
}

/** A controller that keeps commands in flight, each sent again under its id until it is accepted, and screens made with the SDK. */
class Load {
  /** By id, when it was first sent. */
  accepted = new Map();
  runs = [];
  refusals = {};
  #pending = 0;
  #issuing = true;
  #screens = [];
  #newId = idMaker();

  constructor(url, folder) {
    this.url = url;
    this.folder = folder;
  }

  async start() {
    const owner = await signUp(this.url);
    for (let n = 0; n < SCREENS; n += 1) {
      const { credential } = await createScreen(this.url, owner.accessToken, `Screen ${n}`);
      const store = fileStore(join(this.folder, `${credential.screenId}.json`));
      const onTrigger = ({ id, seq }) => {
        this.runs.push({ id, seq, screenId: credential.screenId, at: monotonicMs() });
      };
      this.#screens.push({
        screenId: credential.screenId,
        device: screen({ url: this.url, store, credential, onTrigger }),
      });
    }
    this.socket = io(this.url, {
      auth: { token: owner.accessToken },
      transports: ['websocket'],
      reconnectionDelay: 30,
      reconnectionDelayMax: 100,
    });
    this.socket.once('ready', () => {
      for (let n = 0; n < IN_FLIGHT; n += 1) void this.#keepSending(n);
    });
  }

  async #keepSending(lane) {
    for (let n = lane; this.#issuing; n += 1) {
      const { screenId } = this.#screens[n % SCREENS];
      this.#pending += 1;
      await this.#send({ id: this.#newId(), timestamp: Date.now(), target: { screenId }, action: 'show' });
      this.#pending -= 1;
      await pause(PAUSE_MS);
    }
  }

  async #send(command) {
    const sentAt = monotonicMs();
    for (;;) {
      const answer = await this.socket
        .timeout(60_000)
        .emitWithAck('trigger', command)
        .catch(() => ({ error: { code: 'NO_ANSWER', retryable: true } }));
      if (answer.success) {
        this.accepted.set(command.id, sentAt);
        return;
      }
      const { code, retryable, retryAfterMs } = answer.error;
      this.refusals[code] = (this.refusals[code] ?? 0) + 1;
      if (!retryable) return;
      await pause(Math.min(retryAfterMs ?? PAUSE_MS, 1000));
    }
  }

  reaches(count) {
    return until(`${count} are accepted`, () => this.accepted.size >= count, 60_000);
  }

  /** When the first of all screens, and when the last of them, ran something that was first sent after that. */
  async resumes(goneAt) {
    const isNew = ({ id }) => (this.accepted.get(id) ?? 0) > goneAt;
    const firstOf = ({ screenId }) => this.runs.find((run) => run.screenId === screenId && isNew(run))?.at;
    await until('every screen goes on', () => this.#screens.every(firstOf), 60_000);
    const times = this.#screens.map(firstOf);
    return { resumedAt: Math.min(...times), slowestAt: Math.max(...times) };
  }

  async converges() {
    this.#issuing = false;
    await until('every command is answered', () => this.#pending === 0, 60_000);
    await until('all is executed', () => this.#missing().length === 0, 60_000).catch(() => undefined);
  }

  #missing() {
    const ran = new Set(this.runs.map(({ id }) => id));
    return [...this.accepted.keys()].filter((id) => !ran.has(id));
  }

  /** What the server says that is not executed, after its receipts had time to be written. */
  async statuses() {
    let open = [...this.accepted.keys()];
    const ask = async () => {
      const left = [];
      for (let from = 0; from < open.length; from += 100) {
        const { items } = await this.socket.emitWithAck('status', { ids: open.slice(from, from + 100) });
        left.push(...items.filter(({ status }) => status !== 'executed').map(({ id }) => id));
      }
      open = left;
      return open.length === 0;
    };
    await until('the server says executed of all', ask, 30_000, 100).catch(() => undefined);
    return open;
  }

  verdict(notExecuted) {
    const inOrder = ({ screenId }) => {
      const seqs = this.runs.filter((run) => run.screenId === screenId).map(({ seq }) => seq);
      return seqs.every((seq, n) => n === 0 || seq > seqs[n - 1]);
    };
    const { UNAVAILABLE = 0, INDETERMINATE = 0, BUSY = 0, NO_ANSWER = 0, ...other } = this.refusals;
    return {
      lost: this.#missing().length,
      doubled: this.runs.length - new Set(this.runs.map(({ id }) => id)).size,
      outOfOrder: this.#screens.filter((each) => !inOrder(each)).length,
      serverDisagrees: notExecuted.length,
      otherRefusals: Object.keys(other).length,
      accepted: this.accepted.size,
      executed: this.runs.length,
      screens: SCREENS,
      refusals: { UNAVAILABLE, INDETERMINATE, BUSY, NO_ANSWER },
    };
  }

  times({ goneAt, backAt, resumedAt, slowestAt }) {
    return {
      awaySeconds: round(Math.max(0, backAt - goneAt) / 1000, 1),
      resumedMs: Math.round(resumedAt - backAt),
      slowestScreenMs: Math.round(slowestAt - backAt),
      atMostMs: BACK_WITHIN_MS,
    };
  }

  async end() {
    this.#issuing = false;
    this.socket?.disconnect();
    await Promise.all(this.#screens.map(({ device }) => device.close()));
  }
}
