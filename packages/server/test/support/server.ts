import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, describe, inject } from 'vitest';
import { type App, createApp, type Overrides } from '../../src/app.js';
import { type Config, formatFault, loadConfig, withGeneratedSecrets } from '../../src/config.js';
import { ALGORITHM } from './algorithm.js';
import { holdCompiledEngine } from './compiled-engine.js';
import { BEHIND_BALANCER, NODES, startBalancerOf } from './entrance.js';
import { QUICK_HASHES } from './password-cost.js';
import { createPgliteFolder } from './pglite-databases.js';
import { createPostgresDatabase } from './postgres-databases.js';
import { startRedis } from './redis.js';

export type Profile = 'embedded' | 'postgres';

export interface ServerOptions {
  profile: Profile;
  /** Environment variables over the test's defaults. */
  settings?: Record<string, string>;
  overrides?: Overrides;
}

/** Where a server keeps its data, so that another one can be started on the same. */
export interface Storage {
  settings: Record<string, string>;
  remove(): Promise<void>;
}

export interface RunningServer {
  url: string;
  app: App;
  config: Config;
  /** Stops this server; the data stay for `start` on the same storage. */
  stop(): Promise<void>;
}

/** Limits are lifted, since tests are faster than people; a test of limits sets its own. */
const DEFAULTS = {
  PORT: '0',
  NODE_ENV: 'test',
  LOG_LEVEL: 'silent',
  DRAIN_SECONDS: '5',
  RATE_LIMIT_PER_MINUTE: '100000',
  JWT_ALG: ALGORITHM,
};

export async function makeStorage(profile: Profile): Promise<Storage> {
  const folder =
    profile === 'embedded' ? await createPgliteFolder(true) : await mkdtemp(join(tmpdir(), 'bongsu-test-'));
  const removeFolder = () => rm(folder, { recursive: true, force: true });
  if (profile === 'embedded') return { settings: { DATA_DIR: folder }, remove: removeFolder };
  const fresh = await createPostgresDatabase(inject('postgresUrl'), true);
  return {
    settings: { DATA_DIR: folder, DATABASE_URL: fresh.url },
    remove: async () => {
      await fresh.drop();
      await removeFolder();
    },
  };
}

export async function readConfig(settings: Record<string, string>): Promise<Config> {
  const loaded = loadConfig({ ...DEFAULTS, ...settings });
  if (!loaded.ok) throw new Error(loaded.faults.map(formatFault).join('\n'));
  return withGeneratedSecrets(loaded.settings);
}

export async function startOn(
  storage: Storage,
  options: Omit<ServerOptions, 'profile'> = {},
): Promise<RunningServer> {
  const config = await readConfig({ ...storage.settings, ...options.settings });
  if (!config.DATABASE_URL) await holdCompiledEngine();
  const app = createApp(config, { passwordCost: QUICK_HASHES, ...options.overrides });
  await app.start();
  return { url: app.url, app, config, stop: () => app.stop() };
}

export type StartServer = (
  options?: Omit<ServerOptions, 'profile'>,
  storage?: Storage,
) => Promise<RunningServer>;

/**
 * Runs the suite against real servers, once a profile. What a test starts is stopped after it, what `beforeAll` starts after
 * the suite; a server that does not stop fails it.
 */
export function describeEachServer(
  title: string,
  suite: (start: StartServer, profile: Profile) => void,
): void {
  for (const profile of ['embedded', 'postgres'] as const) {
    describeServer(profile, title, (start) => suite(start, profile));
  }
}

/** As describeEachServer, for what needs one profile only. */
export function describeServer(profile: Profile, title: string, suite: (start: StartServer) => void): void {
  const absent = profile === 'postgres' && inject('postgresUrl') === '';
  describe.skipIf(absent)(`${title} (${profile})`, () => suite(starter(profile)));
}

function starter(profile: Profile): StartServer {
  const ofSuite: (() => Promise<void>)[] = [];
  const ofTest: (() => Promise<void>)[] = [];
  let current = ofSuite;
  beforeEach(() => {
    current = ofTest;
  });
  afterEach(async () => {
    current = ofSuite;
    await runAll(ofTest);
  });
  afterAll(() => runAll(ofSuite));
  return async (options = {}, given) => {
    const storage = given ?? (await makeStorage(profile));
    if (!given) current.push(storage.remove);
    const server = await (profile === 'postgres' && BEHIND_BALANCER
      ? startManyAsOne(storage, options)
      : startOn(storage, options));
    current.push(server.stop);
    return server;
  };
}

/** `npm run prove -- cluster`: the same suite, whose server is several nodes behind a balancer. */
async function startManyAsOne(storage: Storage, options: Omit<ServerOptions, 'profile'>) {
  const redis = await startRedis();
  const stops: (() => Promise<void>)[] = [redis.remove];
  const stop = async () => {
    for (const each of stops.splice(0).reverse()) await each();
  };
  try {
    const servers: RunningServer[] = [];
    for (const name of NODES) {
      const own = { ...BEHIND_BALANCER, ...options.settings, REDIS_URL: redis.url, NODE_NAME: name };
      const server = await startOn(storage, { ...options, settings: own });
      stops.push(server.stop);
      servers.push(server);
    }
    const [first] = servers;
    if (!first) throw new Error('No node was started');
    const balancer = await startBalancerOf(servers);
    stops.push(balancer.stop);
    return { ...first, url: balancer.url, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function runAll(cleanUps: (() => Promise<void>)[]): Promise<void> {
  for (let next = cleanUps.pop(); next; next = cleanUps.pop()) await next();
}
