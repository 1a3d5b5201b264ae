import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, rename, rm, stat } from 'node:fs/promises';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { BongsuError } from '@bongsu/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { silentLog } from '../platform/log.js';
import {
  askControl,
  type ControlServer,
  controlPath,
  isListening,
  type RunOperation,
  serveControl,
} from './control.js';
import { type OperationDeps, runOperation } from './operations.js';

const mode = async (path: string) => (await stat(path)).mode & 0o777;

describe('control socket', () => {
  let folder: string;
  const servers: ControlServer[] = [];
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'bongsu-control-'));
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.close();
    await rm(folder, { recursive: true, force: true });
  });
  const serve = async (run: RunOperation, path?: string) => {
    const where = path ?? (await controlPath(folder));
    servers.push(await serveControl(where, run, silentLog));
    return where;
  };
  /** What comes back for raw bytes. */
  const sendRaw = async (path: string, bytes: string | Buffer) => {
    const socket = createConnection(path);
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk.toString();
    });
    socket.on('error', () => undefined);
    socket.end(bytes);
    await once(socket, 'close');
    return text;
  };

  it('[DEP1] answers its owner only, and a failure arrives as it was thrown', async () => {
    const path = await serve(async (op, input) => {
      if (op === 'double') return Number(input) * 2;
      throw new BongsuError('BUSY', { retryAfterMs: 7, details: { op } });
    });
    expect(await mode(path)).toBe(0o600);
    expect(path).toBe(join(folder, 'control.sock'));
    expect(await askControl(path, 'double', 21)).toBe(42);
    await expect(askControl(path, 'else', null)).rejects.toMatchObject({
      code: 'BUSY',
      retryAfterMs: 7,
      details: { op: 'else' },
    });
  });

  it('[ER14] a fault of ours is INTERNAL_ERROR without its text', async () => {
    const path = await serve(async () => {
      throw new Error('secret text');
    });
    const answer = await sendRaw(path, '{"op":"x"}\n');
    expect(JSON.parse(answer)).toMatchObject({ ok: false, error: { code: 'INTERNAL_ERROR' } });
    expect(answer).not.toContain('secret');
  });

  it.each([
    ['no JSON', 'hello\n'],
    ['null', 'null\n'],
    ['no name', '{"input":1}\n'],
    ['a name that is none', '{"op":7}\n'],
  ])('[ER13] %s is VALIDATION_ERROR, and the server goes on', async (_, line) => {
    const path = await serve(async () => 'done');
    expect(JSON.parse(await sendRaw(path, line))).toMatchObject({ error: { code: 'VALIDATION_ERROR' } });
    expect(await askControl(path, 'x', 1)).toBe('done');
  });

  it('[ER13] a request over 64 KiB is PAYLOAD_TOO_LARGE, one that never ends gets no answer', async () => {
    const path = await serve(async () => 'done');
    const large = JSON.stringify({ op: 'x', input: 'x'.repeat(65_536) });
    expect(await sendRaw(path, `${large}\n`)).toContain('PAYLOAD_TOO_LARGE');
    expect(await sendRaw(path, '{"op":')).toBe('');
    expect(await askControl(path, 'x', 1)).toBe('done');
  });

  it('[ER13] an answer over 16 MiB is PAYLOAD_TOO_LARGE', async () => {
    const path = await serve(async () => 'x'.repeat(17 * 1024 * 1024));
    await expect(askControl(path, 'x', 1)).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
  });

  it('[DEP1] a socket file that a killed process left is replaced', async () => {
    const path = await controlPath(folder);
    const left = createServer().listen(path);
    await once(left, 'listening');
    expect(await isListening(path)).toBe(true);
    // As kill -9 does: closed, and the file stays.
    await mkdir(join(folder, 'aside'));
    await rename(path, join(folder, 'aside/control.sock'));
    left.close();
    await once(left, 'close');
    await rename(join(folder, 'aside/control.sock'), path);
    expect(await isListening(path)).toBe(false);
    await serve(async () => 'new', path);
    expect(await askControl(path, 'x', 1)).toBe('new');
  });

  it('[DEP1] closing waits for what is under way, and nobody listens afterwards', async () => {
    let finish = () => {};
    let begin = () => {};
    const begun = new Promise<void>((started) => {
      begin = started;
    });
    const path = await serve(async () => {
      begin();
      await new Promise<void>((done) => {
        finish = done;
      });
      return 'done';
    });
    const answer = askControl(path, 'x', 1);
    await begun;
    const closing = servers.splice(0)[0]?.close();
    finish();
    expect(await answer).toBe('done');
    await closing;
    expect(await isListening(path)).toBe(false);
  });

  it('[DEP1] neither who says nothing nor who stays after the answer delays the close', async () => {
    const path = await serve(async () => 'done');
    const silent = createConnection(path);
    await once(silent, 'connect');
    const half = createConnection(path);
    half.write('{"op":');
    const staying = createConnection({ path, allowHalfOpen: true });
    staying.write('{"op":"x"}\n');
    expect(String(await once(staying, 'data'))).toBe('{"ok":true,"result":"done"}\n');
    const callers = [silent, half, staying];
    const closed = callers.map((socket) => once(socket.resume(), 'close'));
    await servers.splice(0)[0]?.close();
    // It may stay on its side for as long as it likes.
    staying.destroy();
    await Promise.all(closed);
  });

  it('[DEP1] who does not read the answer is left', async () => {
    const path = await serve(async () => 'x'.repeat(15 * 1024 * 1024));
    const caller = createConnection(path);
    caller.pause().write('{"op":"x"}\n');
    await once(caller, 'connect');
    // The server takes connections in their order, so it has that one.
    await expect(askControl(path, 'x', 1)).resolves.toHaveLength(15 * 1024 * 1024);
    await servers.splice(0)[0]?.close();
    caller.destroy();
  });

  it('[DEP1] where the path is too long for a socket it lies in a private folder, never in a foreign one', async () => {
    const deep = join(folder, 'x'.repeat(60), 'y'.repeat(60));
    const path = await controlPath(deep);
    expect(Buffer.byteLength(path)).toBeLessThanOrEqual(100);
    expect(await controlPath(deep)).toBe(path);
    expect(await mode(dirname(path))).toBe(0o700);
    await serve(async () => 'far', path);
    expect(await askControl(path, 'x', 1)).toBe('far');
    await chmod(dirname(path), 0o755);
    const other = await controlPath(deep);
    expect(dirname(other)).not.toBe(dirname(path));
    expect(await mode(dirname(other))).toBe(0o700);
    for (const made of [path, other]) await rm(dirname(made), { recursive: true });
  });
});

describe('operations', () => {
  const deps = { deadLetters: { getStats: async () => 'stats' } } as unknown as OperationDeps;

  it('[DEP1] only known ones are run, with input that fits', async () => {
    expect(await runOperation(deps, 'dlq.stats', {})).toBe('stats');
    for (const name of ['dlq.nothing', 'constructor', '__proto__', 'toString']) {
      expect(() => runOperation(deps, name, {})).toThrow(new BongsuError('NOT_FOUND'));
    }
    expect(() => runOperation(deps, 'dlq.requeue', { id: 'x' })).toThrow(
      expect.objectContaining({ code: 'VALIDATION_ERROR' }),
    );
  });
});
