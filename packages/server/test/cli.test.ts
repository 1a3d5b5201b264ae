import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BongsuProcesses } from './support/bongsu-processes.js';
import { runInProcess } from './support/command-line.js';

let folder: string;
let processes: BongsuProcesses;
const bongsu = (args: string[], env: Record<string, string> = {}) => processes.run(args, env);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bongsu-cli-'));
  processes = new BongsuProcesses(folder);
});
afterEach(async () => {
  await processes.killAll();
  await rm(folder, { recursive: true, force: true });
});

describe('bongsu', () => {
  it('[DEP1] serve lists every fault of the settings and exits with 2', async () => {
    const { code, err } = await bongsu(['serve'], { PORT: 'abc', JWT_SECRET: 'short', DRAIN_SECONDS: '-1' })
      .ended;
    expect(code).toBe(2);
    for (const name of ['PORT', 'JWT_SECRET', 'DRAIN_SECONDS'])
      expect(err).toMatch(new RegExp(`^  ${name}: must`, 'm'));
    expect(err).toContain('3 settings are wrong');
  });

  it('[DEP1] config check answers JSON, with the same exit code', async () => {
    const { code, out } = await runInProcess(['config', 'check', '--json'], { PORT: 'abc', PROT: '1' });
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      faults: [{ name: 'PORT', example: '8080' }],
      warnings: ['PROT is not a setting. Did you mean PORT?'],
    });
  });

  it.each([[[]], [['--json']]])('[DEP1] config print %j masks secrets', async (flags) => {
    const env = {
      DATABASE_URL: 'postgresql://u:hunter2@h/db',
      METRICS_TOKEN: 'hunter2hunter2hunter2',
      PORT: '8080',
    };
    const { code, out, err } = await runInProcess(['config', 'print', ...flags], env);
    expect(code).toBe(0);
    expect(out).toContain('8080');
    expect(out).toContain('***');
    expect(out + err).not.toContain('hunter2');
  });

  it('[DEP1] a file .env is read, and the environment wins over it', async () => {
    await writeFile(join(folder, '.env'), 'SERVICE_NAME=from-file\nPORT=1234\n');
    const { out } = await bongsu(['config', 'print'], { PORT: '8080' }).ended;
    expect(out).toContain('SERVICE_NAME=from-file');
    expect(out).toContain('PORT=8080');
  });

  it.each([[['dance']], [['serve', '--fast']], [['config']], [[]]])(
    '[DEP1] %j is bad use: exit 2',
    async (args) => {
      expect((await runInProcess(args, {})).code).toBe(2);
    },
  );

  it('[DEP1] --help and --version exit with 0', async () => {
    expect((await runInProcess(['--help'], {})).code).toBe(0);
    expect((await bongsu(['--version']).ended).out).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  it('[DEP1] migrate up, then status, on an embedded database', async () => {
    const up = await bongsu(['migrate', 'up', '--json', '--yes', '--quiet']).ended;
    expect(up).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(up.out).applied).toBeGreaterThan(0);
    const status = JSON.parse((await bongsu(['migrate', 'status', '--json']).ended).out);
    expect(status.pending).toEqual([]);
    expect(status.applied).toHaveLength(JSON.parse(up.out).applied);
    expect(status.applied[0]).toMatchObject({ number: 1, name: '0001_ledger' });
  });
});

describe('serve', () => {
  it('[SIG10] stops on SIGTERM with 0, and its log has no secret', async () => {
    const log = join(folder, 'log/all.log');
    await processes.prepareData();
    const server = bongsu(['serve'], { LOG_FILE: log });
    await server.shows('First administrator');
    server.child.kill('SIGTERM');
    const { code } = await server.ended;
    expect(code).toBe(0);
    const text = await readFile(log, 'utf8');
    expect(text).toContain('"Stopped"');
    expect(text).not.toContain((await readFile(join(folder, 'data/secrets/jwt-secret'), 'utf8')).trim());
  });

  it('[ND46] bongsu drain stops the server beside it, waits for its end, and finds none afterwards', async () => {
    await processes.prepareData();
    const server = bongsu(['serve']);
    await server.shows('First administrator');
    const drained = await bongsu(['drain', '--json']).ended;
    expect(drained).toMatchObject({ code: 0 });
    expect(JSON.parse(drained.out)).toEqual({
      node: expect.any(String),
      pid: server.child.pid,
      connections: 0,
      ms: expect.any(Number),
    });
    expect((await server.ended).code).toBe(0);
    const nobody = await bongsu(['drain']).ended;
    expect(nobody).toMatchObject({ code: 1, err: expect.stringContaining('No server of these settings') });
  });

  it('[OBS1] a port in use ends with one clear line and 1', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await processes.prepareData();
    const { code, err } = await bongsu(['serve'], { PORT: String(port) }).ended;
    other.close();
    expect(code).toBe(1);
    expect(err).toMatch(
      new RegExp(`^bongsu: Port ${port} .* is in use .* PORT=${port + 1} bongsu serve$`, 'm'),
    );
  });

  it('[OBS1] a data folder in use ends with one clear line and 1', async () => {
    await processes.prepareData();
    await bongsu(['serve']).shows('is ready');
    const { code, err } = await bongsu(['serve']).ended;
    expect(code).toBe(1);
    expect(err).toMatch(/^bongsu: .*data/m);
  });

  it('[OBS1] a data folder that cannot be made ends with one clear line and 1', async () => {
    await writeFile(join(folder, 'file'), '');
    const { code, err } = await bongsu(['serve'], { DATA_DIR: join(folder, 'file') }).ended;
    expect(code).toBe(1);
    expect(err).toMatch(/^bongsu: .*DATA_DIR=.* bongsu serve$/m);
  });

  it('[SIG10] an uncaught error is logged with its stack, and the process ends in order with 1', async () => {
    // Node itself raises it: a module that is loaded before the server throws once it has been told to.
    const bomb = join(folder, 'bomb.mjs');
    await writeFile(bomb, `process.on('SIGUSR2', () => { throw new Error('planted fault'); });`);
    await processes.prepareData();
    const server = bongsu(['serve'], { NODE_OPTIONS: `--import=${bomb}` });
    await server.shows('is ready');
    server.child.kill('SIGUSR2');
    const { code, out } = await server.ended;
    expect(code).toBe(1);
    expect(out).toMatch(/"level":"fatal".*planted fault.*"stack":.*bomb\.mjs/);
    expect(out).toContain('"Stopped"');
  });
});
