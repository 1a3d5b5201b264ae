import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { describe, expect, inject, it } from 'vitest';
import { missingPrograms } from './support/on-path.js';

const DRILL = fileURLToPath(new URL('../../../bench/upgrade-drill.mjs', import.meta.url));
const PACKAGE = fileURLToPath(new URL('../', import.meta.url));
const missing = missingPrograms('haproxy', 'redis-server', 'openssl');
const LONGEST_MS = 300_000;

async function drill(...flags: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, [DRILL, ...flags], {
    env: { PATH, HOME },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const text = { out: '', err: '' };
  for (const name of ['out', 'err'] as const) {
    child[name === 'out' ? 'stdout' : 'stderr'].on('data', (chunk: Buffer) => {
      text[name] += chunk.toString();
    });
  }
  const [code] = await once(child, 'close');
  return { code, ...text };
}

describe('npm run upgrade-drill', () => {
  it.skipIf(inject('postgresUrl') === '' || missing.length > 0)(
    '[ND81] [ND82] nothing is lost or comes twice while nodes are replaced, and while one comes and goes',
    async () => {
      const flags = ['--nodes', '2', '--rate', '20', '--seconds', '1', '--warm-up', '5', '--people', '10'];
      const { out, err } = await drill(...flags, '--old', PACKAGE, '--new', PACKAGE, '--json');
      expect(out, err).not.toBe('');
      const figures = JSON.parse(out);
      // How long somebody waited is for the drill to judge: other tests run beside this one.
      expect({ ...figures, err }).toMatchObject({
        failures: [],
        commands: { lost: 0, twice: 0, outOfOrder: 0, other: 0 },
        rooms: { lost: 0, twice: 0, outOfOrder: 0 },
      });
      expect(figures.commands.accepted).toBeGreaterThan(200);
      expect(figures.rooms.said).toBeGreaterThan(0);
      const steps = figures.shares.map(({ what }: { what: string }) => what);
      expect(steps).toEqual([
        'before',
        'node-1 replaced',
        'node-2 replaced',
        'node-3 added',
        '10 more came',
        'node-3 taken away',
      ]);
      const { connections: last } = figures.shares.at(-1);
      expect(Object.keys(last)).toEqual(['node-1', 'node-2']);
    },
    LONGEST_MS,
  );

  it.each([
    ['--nodes', '1'],
    ['--rate', 'many'],
    ['--balancer', 'apache'],
    ['--old', '/nowhere', '--from', 'HEAD'],
    ['--faster'],
  ])('[ND81] %j %j is bad use: exit 2', async (...flags) => {
    expect(await drill(...flags)).toMatchObject({ code: 2, out: '' });
  });
});
