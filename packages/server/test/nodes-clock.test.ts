import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nextEvent, send, trigger, World } from '@bongsu/conformance';
import type { Health, NodeInfo } from '@bongsu/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ALGORITHM } from './support/algorithm.js';
import { BongsuProcesses } from './support/bongsu-processes.js';
import { describeNodes } from './support/nodes.js';
import { ADMIN, startTwoNodes, type TwoNodes } from './support/two-nodes.js';

const SHIFT_MS = 600_000;
const LEASE_MS = 15_000;
const SHIFT_CLOCK = new URL('./support/shift-clock.mjs', import.meta.url).href;

describeNodes('a node whose clock is wrong', () => {
  let nodes: TwoNodes;
  let folder: string;
  let processes: BongsuProcesses;

  beforeAll(async () => {
    nodes = await startTwoNodes();
    folder = await mkdtemp(join(tmpdir(), 'bongsu-clock-'));
    processes = new BongsuProcesses(folder);
  });
  afterAll(async () => {
    await processes?.killAll();
    await nodes?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const startShifted = async (name: string, shiftMs: number) => {
    const { config } = nodes.a;
    const node = processes.run(['serve'], {
      DATABASE_URL: config.DATABASE_URL?.reveal() ?? '',
      REDIS_URL: nodes.redis.url,
      ...{ NODE_NAME: name, DATA_DIR: config.DATA_DIR, JWT_ALG: ALGORITHM, LOG_LEVEL: 'info' },
      NODE_OPTIONS: `--import ${SHIFT_CLOCK}?${shiftMs}`,
    });
    const url = (await node.shows(/http:\/\/127\.0\.0\.1:\d+/)).replace(/\/$/, '');
    await node.shows('is ready');
    return { node, world: new World({ url, admin: ADMIN }) };
  };

  it.each([
    ['ahead of', SHIFT_MS],
    ['behind', -SHIFT_MS],
  ])(
    '[ND35] ten minutes %s the others goes by the database in all that it promises, and says so',
    async (where, shiftMs) => {
      const right = nodes.a.world;
      const { node, world: wrong } = await startShifted(`wrong-${shiftMs}`, shiftMs);
      const said = `The clock of this machine is 600 s ${where} the database's`;
      await node.shows(said);
      const health = (await wrong.http.get('/api/health')).body as Health;
      expect(health).toMatchObject({
        status: 'degraded',
        checks: { clock: { status: 'degraded', message: expect.stringContaining(said) } },
      });
      expect((await wrong.http.get('/api/health/ready')).status).toBe(200);

      // Its lease counts on every node, and it takes theirs for live.
      for (const world of [right, wrong]) {
        const { items } = (await world.http.get('/api/nodes', await world.admin())).body as {
          items: NodeInfo[];
        };
        const own = items.find(({ name }) => name === `wrong-${shiftMs}`);
        expect(items.map(({ name }) => name)).toEqual(expect.arrayContaining(['node-a', 'node-b']));
        expect(own?.leaseUntil).toBeGreaterThan(Date.now() - LEASE_MS);
        expect(own?.leaseUntil).toBeLessThan(Date.now() + 2 * LEASE_MS);
      }

      // Tokens of either count at the other, and a stamp by the right time is fresh.
      const there = await wrong.signUp();
      const here = await right.signUp();
      const atWrong = await wrong.sockets.connect({ token: here.accessToken });
      const atRight = await right.sockets.connect({ token: there.accessToken });
      for (const { ready } of [atWrong, atRight])
        expect(Math.abs(ready.serverTime - Date.now())).toBeLessThan(5000);
      const device = await right.device(here);
      const [late, soon] = [
        trigger(device.screenId, { ttlMs: 60_000 }),
        trigger(device.screenId, { ttlMs: 500 }),
      ];
      const told: unknown[] = [];
      atWrong.socket.on('command-status', (status) => told.push(status));
      for (const command of [soon, late])
        expect(await send(atWrong.socket, 'trigger', command)).toMatchObject({ success: true });
      // A node decides nothing of screens that are away in its first 15 s: it may not know yet who else lives.
      const over = { id: soon.id, status: 'expired' };
      await expect.poll(() => told, { timeout: 30_000 }).toEqual([expect.objectContaining(over)]);
      const executed = nextEvent(atWrong.socket, 'command-status');
      const screen = await wrong.connectScreen(device, () => ({ status: 'executed' }));
      expect(await executed).toMatchObject({ id: late.id, status: 'executed' });
      expect(screen.entries.map(({ id }) => id)).toEqual([late.id]);
      wrong.sockets.closeAll();
      right.sockets.closeAll();
    },
  );
});
