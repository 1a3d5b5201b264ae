import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import type { RedisControl } from '../src/chaos/cluster-faults.js';
import { ClusterSite } from '../src/chaos/cluster-site.js';
import { runChaos } from '../src/chaos/index.js';
import { makeOwnDatabase } from '../src/chaos/own-database.js';
import { SHAPES } from '../src/chaos/population.js';
import { freePort } from '../src/chaos/processes.js';
import { Session } from '../src/chaos/session.js';
import { BongsuProcesses } from './support/bongsu-processes.js';
import { runInProcess } from './support/command-line.js';
import { memoryLog } from './support/memory-log.js';
import { describeWithRedis, startRedis, type ThrowAwayRedis } from './support/redis.js';

/** A few seconds of what `npm run prove -- chaos` does for minutes. */
const SHORT = [
  'server-kill',
  'kill-after-settle',
  'screens-lost-to-client',
  'screen-kill-after-run',
  'screens-fail',
];
const LONGEST_MS = 240_000;

describe.each(['embedded', 'postgres'])('chaos, %s', (profile) => {
  const databaseUrl = inject('postgresUrl');
  it.skipIf(profile === 'postgres' && databaseUrl === '')(
    '[MSG5] [BEY6] nothing is lost, run twice or out of order under a short matrix of faults',
    async () => {
      const said: string[] = [];
      const report = await runChaos({
        seed: 20261121,
        runs: SHORT.length,
        faults: SHORT,
        ...(profile === 'postgres' ? { databaseUrl } : {}),
        environment: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '' },
        log: memoryLog(),
        say: (line) => said.push(line),
      });
      const found = report.violations > 0 ? said : [];
      expect({ ...report, found }).toMatchObject({ violations: 0, examples: [], found: [] });
      expect(report.runs).toBe(SHORT.length);
      expect(Object.keys(report.faults).sort()).toEqual([...SHORT].sort());
    },
    LONGEST_MS,
  );
});

/** On two nodes without a balancer, so that what controllers send to screens always goes from one to the other. */
const SHORT_OF_NODES = ['node-kill-screens', 'redis-kill', 'partition-controllers-redis-both'];

describeWithRedis('chaos, 2 nodes', () => {
  const databaseUrl = inject('postgresUrl');
  it.skipIf(databaseUrl === '')(
    '[BEY3] [BEY6] nothing is lost, run twice or out of order under a few faults of several nodes',
    async () => {
      const folder = await mkdtemp(join(tmpdir(), 'bongsu-chaos-nodes-'));
      const redis = await startRedis();
      const postgres = await makeOwnDatabase(databaseUrl, memoryLog());
      const site = await ClusterSite.prepare({
        ...{ folder, postgres, nodes: 2, redis: redisControl(redis) },
        environment: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '' },
      });
      const said: string[] = [];
      try {
        await site.start();
        const log = (line: string) => said.push(line);
        const shapes = SHAPES.slice(0, 4);
        const session = new Session({ site, folder, seed: 20261122, faults: SHORT_OF_NODES, shapes, log });
        const report = await session.run();
        const found = report.violations > 0 ? said : [];
        expect({ ...report, found }).toMatchObject({ violations: 0, examples: [], found: [] });
        expect(Object.keys(report.faults).sort()).toEqual([...SHORT_OF_NODES].sort());
        const { crossed, stayed } = site.crossing;
        expect(crossed).toBeGreaterThan(0.4 * (crossed + stayed));
      } finally {
        await site.close();
        await postgres.drop();
        await redis.remove();
        await rm(folder, { recursive: true, force: true });
      }
    },
    LONGEST_MS,
  );
});

function redisControl({ url, stop, start, command, freeze, thaw }: ThrowAwayRedis): RedisControl {
  let runs = true;
  return {
    ...{ url, freeze, thaw },
    async kill() {
      runs = false;
      await stop();
    },
    async restart() {
      if (!runs) await start();
      runs = true;
    },
    async flush() {
      await command('flushall');
    },
  };
}

describe('bongsu chaos', () => {
  let folder: string;
  let processes: BongsuProcesses;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bongsu-chaos-test-'));
    processes = new BongsuProcesses(folder);
  });
  afterEach(async () => {
    await processes.killAll();
    await rm(folder, { recursive: true, force: true });
  });

  it.each([
    [['--runs', 'many']],
    [['--runs', '0']],
    [['--faults', 'meteor']],
    [['--url', 'ftp://example.org', '--token', 't']],
    [['--url', 'http://127.0.0.1:1']],
    [['--fault-command', 'kill=true']],
    [['--url', 'http://127.0.0.1:1', '--token', 't', '--fault-command', 'nameless']],
  ])('[BEY6] %j is bad use: exit 2', async (flags) => {
    expect(await runInProcess(['chaos', ...flags], {})).toMatchObject({ code: 2, out: '' });
  });

  it('[BEY6] hurts a deployment by the commands that it was given, and leaves no screen behind', async () => {
    await processes.prepareData();
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    const server = processes.run(['serve'], {
      PORT: String(port),
      LOG_LEVEL: 'error',
      RATE_LIMIT_PER_MINUTE: '100000',
      COMMAND_RATE_PER_MINUTE: '1000000',
    });
    await server.shows('Bongsu is ready');
    const { accessToken } = await post(url, '/api/auth/signup', {
      email: 'owner@example.com',
      password: 'correct horse battery',
      username: 'Owner',
    });
    const flags = [
      '--url',
      url,
      '--token',
      accessToken,
      '--runs',
      '2',
      '--faults',
      'nudge,screens-reset',
      '--json',
    ];
    const { PATH = '' } = process.env;
    const ended = await runInProcess(['chaos', ...flags, '--fault-command', 'nudge=true'], { PATH });
    expect(ended).toMatchObject({ code: 0 });
    const report = JSON.parse(ended.out);
    expect(report).toMatchObject({
      violations: 0,
      runs: 2,
      faults: { nudge: { runs: 1 }, 'screens-reset': { runs: 1 } },
    });
    const headers = { authorization: `Bearer ${accessToken}` };
    const screens = await fetch(`${url}/api/screens`, { headers });
    expect(await screens.json()).toMatchObject({ items: [] });
  }, 120_000);
});

async function post(url: string, path: string, body: object): Promise<{ accessToken: string }> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
  return (await response.json()) as { accessToken: string };
}
