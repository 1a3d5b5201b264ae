import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { missingPrograms } from './support/on-path.js';

const SCRIPT = fileURLToPath(new URL('../../../scripts/cluster.mjs', import.meta.url));
const missing = missingPrograms('haproxy', 'redis-server', 'openssl');

describe.skipIf(missing.length > 0 || inject('postgresUrl') === '')('npm run cluster', () => {
  let folder: string;
  let child: ChildProcess;
  let output: string;
  beforeEach(() => {
    // Short, as it becomes the path of a socket.
    folder = mkdtempSync(join(tmpdir(), 'b-'));
    // PostgreSQL is another user's.
    chmodSync(folder, 0o755);
    output = '';
    // A group of its own, as a terminal gives it.
    child = spawn(process.execPath, [SCRIPT, '--nodes', '2', '--port', '0'], {
      env: { ...process.env, TMPDIR: folder },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk) => {
        output += chunk;
      });
  });
  afterEach(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill('SIGTERM');
      await once(child, 'exit');
    }
    rmSync(folder, { recursive: true, force: true });
  });

  /** As Ctrl-C does: all of the group hear it. Answers the exit code. */
  const interrupt = async () => {
    const ended = once(child, 'exit');
    process.kill(-(child.pid ?? 0), 'SIGINT');
    const [code] = await ended;
    return code as number | null;
  };

  it('[DEP3] [SCL1] says where everything is, and after Ctrl-C nothing of it is left', async () => {
    await expect.poll(() => output, { timeout: 60_000 }).toContain('Stop it with Ctrl-C');
    const nodes = [...output.matchAll(/node-\d: {2}(\S+) /g)].map(([, url = '']) => url);
    expect(nodes).toHaveLength(2);
    const [, balancer = ''] = /is ready: {2}(\S+)/.exec(output) ?? [];
    for (const url of [balancer, ...nodes]) expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    expect(output).toMatch(/http\S+\/setup#\S+/);
    const ports = new Set(
      [...output.matchAll(/(?:127\.0\.0\.1|localhost):(\d+)/g)].map(([, port]) => Number(port)),
    );
    // The balancer's two, the nodes', PostgreSQL's and Redis's.
    expect(ports.size).toBe(6);
    expect(await interrupt(), output).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
    for (const port of ports) expect(await listens(port), String(port)).toBe(false);
  });

  it('[DEP3] [BEY5] a node that is killed is started again, at its address', async () => {
    await expect.poll(() => output, { timeout: 60_000 }).toContain('Stop it with Ctrl-C');
    const [, url = '', pid] = /node-2: {2}(\S+) .* pid (\d+)/.exec(output) ?? [];
    process.kill(Number(pid), 'SIGKILL');
    await expect.poll(() => output, { timeout: 60_000 }).toMatch(/node-2 is back: {2}\S+ {2}pid \d+/);
    expect((await fetch(`${url}/health/ready`)).status).toBe(200);
    expect(child.exitCode).toBe(null);
    // While it is being started again Ctrl-C ends it too.
    process.kill(Number(/is back: .* pid (\d+)/.exec(output)?.[1]), 'SIGKILL');
    await expect.poll(() => output.match(/starting it again/g)?.length, { timeout: 60_000 }).toBe(2);
    expect(await interrupt(), output).toBe(0);
    await expect(fetch(url)).rejects.toThrow();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('[DEP3] Ctrl-C while it starts leaves nothing either', async () => {
    // Its folder, and in that the one of PostgreSQL at least.
    await expect
      .poll(() => readdirSync(folder, { recursive: true }).length, { timeout: 60_000 })
      .toBeGreaterThan(1);
    expect(await interrupt(), output).toBe(0);
    expect(readdirSync(folder)).toEqual([]);
  });
});

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1');
  const answer = await new Promise<boolean>((resolve) => {
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
  });
  socket.destroy();
  return answer;
}
