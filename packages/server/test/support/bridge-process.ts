import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { RedisServer } from '../../src/platform/ephemeral/redis-server.js';

const DIST = new URL('../../dist/platform/', import.meta.url).href;
const PROGRAM = `
  const [{ systemClock }, { RedisEphemeral }, { silentLog }, { Metrics }, { Breakers }] = await Promise.all(
    ['clock.js', 'ephemeral/redis.js', 'log.js', 'metrics.js', 'resilience/breakers.js'].map((file) => import('${DIST}' + file)),
  );
  const { own, home } = JSON.parse(process.argv[1]);
  const metrics = new Metrics();
  const base = { clock: systemClock, log: silentLog, metrics };
  await RedisEphemeral.open(
    { server: own, prefix: 'bongsu' },
    { ...base, breakers: new Breakers(base) },
    { redis: { server: home, prefix: 'bongsu' }, region: 'far' },
  );
  const told = setInterval(async () => {
    if (!(await metrics.text()).includes('bongsu_bridge_leads 1')) return;
    clearInterval(told);
    console.log('leads');
  }, 50);
`;

export interface Carrier {
  /** Resolves once it carries. */
  leads: Promise<unknown>;
  kill(signal: NodeJS.Signals): void;
  end(): Promise<void>;
}

/** What a node of region `far` has of Redis, in a process of its own. */
export function startCarrier(own: RedisServer, home: RedisServer): Carrier {
  const child = spawn(
    process.execPath,
    ['--input-type=module', '--eval', PROGRAM, JSON.stringify({ own, home })],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const ended = once(child, 'exit');
  return {
    leads: Promise.race([
      once(child.stdout, 'data'),
      ended.then(() => Promise.reject(new Error('The carrier ended'))),
    ]),
    kill: (signal) => void child.kill(signal),
    end: async () => {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
