import { fileURLToPath } from 'node:url';
import { start, stop, until } from './processes.mjs';

/** Of this tree. */
export const SERVER = fileURLToPath(new URL('../../packages/server/bin/bongsu.js', import.meta.url));

/** What every bench and proof lifts; they say so beside their figures. */
export const LIFTED = {
  RATE_LIMIT_ENABLED: 'false',
  MAX_PENDING_PER_SCREEN: '1000000',
  MAX_CONCURRENT_SESSIONS: '1000',
  ACCESS_TOKEN_EXPIRE_MINUTES: '1440',
  SESSION_TIMEOUT_MINUTES: '1440',
};

/** As `npm start` runs it (docs/decisions/0034); the peers get the same. */
export const NODE_FLAGS = ['--max-semi-space-size=32'];

const READY_MS = 120_000;
/** A node that does not answer is asked again. */
const READY_ANSWER_MS = 5000;

/**
 * `bongsu serve` as a process of its own, of this tree or of the one that `bin` is in; resolves when it is ready.
 * @param options.lifted false for a server with the limits that everybody has
 */
export async function serve(settings, { core, cpuProfile, preload, bin = SERVER, lifted = true } = {}) {
  const { PATH, HOME, TMPDIR } = process.env;
  const port = settings.PORT;
  const url = `http://127.0.0.1:${port}`;
  const profiling = cpuProfile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${cpuProfile}`];
  // Loaded before it, and spoken to by messages.
  const loading = preload === undefined ? [] : ['--import', preload];
  const child = start(process.execPath, [...NODE_FLAGS, ...profiling, ...loading, bin, 'serve'], {
    core,
    env: {
      PATH,
      HOME,
      ...(TMPDIR === undefined ? {} : { TMPDIR }),
      LOG_LEVEL: 'warn',
      ...(lifted ? LIFTED : {}),
      ...settings,
    },
    stdio: ['ignore', 'pipe', 'pipe', ...(preload === undefined ? [] : ['ipc'])],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output = (output + chunk).slice(-8000);
    });
  }
  const startedAt = performance.now();
  let last = '';
  const isReady = async () => {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`the server ended before it was ready:\n${output}`);
    }
    try {
      const answer = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(READY_ANSWER_MS) });
      last = await answer.text();
      return answer.ok;
    } catch (error) {
      last = String(error.cause ?? error);
      return false;
    }
  };
  await until('the server is ready', isReady, READY_MS, 20).catch(async (error) => {
    await stop(child, 'SIGKILL');
    throw new Error(`${error.message}; the last answer was ${last}\n${output}`, { cause: error });
  });
  return { child, url, pid: child.pid, readyMs: performance.now() - startedAt, output: () => output };
}

/** One JSON call. @throws with the answer's text when it is no success. */
export async function call(url, method, path, { token, body } = {}) {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}

let people = 0;

export async function signUp(url) {
  people += 1;
  const body = {
    email: `someone-${process.pid}-${people}@example.com`,
    password: `correct horse battery ${people}`,
    username: `Someone ${people}`,
  };
  return call(url, 'POST', '/api/auth/signup', { body });
}

export async function createScreen(url, token, name = 'Screen') {
  const { screen } = await call(url, 'POST', '/api/screens', { token, body: { name } });
  const path = `/api/screens/${screen.screenId}/credentials`;
  return { screen, credential: await call(url, 'POST', path, { token, body: {} }) };
}

/** `count` people, each with a screen of its own; a few at a time, for each costs an argon2 hash. */
export async function populate(url, count) {
  const made = [];
  const lanes = Array.from({ length: 4 }, async () => {
    while (made.length < count) {
      const place = made.push(undefined) - 1;
      const { accessToken, user } = await signUp(url);
      const { screen, credential } = await createScreen(url, accessToken);
      made[place] = {
        token: accessToken,
        userId: user.userId,
        screenId: screen.screenId,
        screenToken: credential.accessToken,
      };
    }
  });
  await Promise.all(lanes);
  return made;
}
