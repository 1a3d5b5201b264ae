import 'fake-indexeddb/auto';
import { type ChildProcess, spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Receipt, TriggerEntry } from '@bongsu/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { indexedDbStore } from '../src/indexed-db-store.js';
import { type Screen, type ScreenOptions, screen } from '../src/screen.js';
import { memoryStore, type ScreenStore } from '../src/screen-store.js';
import { next } from './support/events.js';
import { failure, ScriptedServer, type ServerLink } from './support/scripted-server.js';

const STREAM = 'screen:scr_1';
const credential = { screenId: 'scr_1', accessToken: 'access', refreshToken: 'refresh', expiresIn: 900 };
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function until(condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const check = () => (condition() ? resolve() : setImmediate(check));
    check();
  });
}

function entry(seq: number, prev: number, extra: Partial<TriggerEntry> = {}): TriggerEntry {
  const place = { stream: STREAM, seq, prev, epoch: 'e1', attempt: 1, acceptedAt: 0 };
  return {
    type: 'trigger',
    action: `a${seq}`,
    id: `id-${seq}`,
    from: { userId: 'u', username: 'U' },
    ...place,
    ...extra,
  };
}

async function serve(): Promise<{ server: ScriptedServer; links: ServerLink[] }> {
  const server = await new ScriptedServer().start();
  cleanups.push(() => server.stop());
  const links: ServerLink[] = [];
  server.onLink = (link) => links.push(link);
  return { server, links };
}

function run(url: string, options: Partial<ScreenOptions> = {}): Screen {
  const made = screen({ url, store: memoryStore(), credential, random: () => 0.5, ...options });
  cleanups.push(() => made.close());
  return made;
}

/** A handler whose ends are the test's to give. */
function gated() {
  const log: string[] = [];
  const ends: ((error?: Error) => void)[] = [];
  const onTrigger = ({ action }: { action: string }) => {
    log.push(action);
    return new Promise<void>((resolve, reject) => ends.push((error) => (error ? reject(error) : resolve())));
  };
  return { log, ends, onTrigger };
}

describe('a screen with a window', () => {
  it('[CL18] announces window, ackTimeoutMs and one instanceId; handlers run one at a time', async () => {
    const { server, links } = await serve();
    const { log, ends, onTrigger } = gated();
    const made = run(server.url, { onTrigger, window: 32, ackTimeoutMs: 600_000 });
    await next(made, 'ready');
    const receipts: Receipt[] = [];
    for (let seq = 1; seq <= 32; seq += 1) {
      links[0]?.emit('trigger', entry(seq, seq - 1), (receipt) => receipts.push(receipt));
    }
    for (let seq = 1; seq <= 32; seq += 1) {
      await until(() => ends.length === seq);
      expect(log).toHaveLength(seq);
      ends[seq - 1]?.();
    }
    await until(() => receipts.length === 32);
    expect(receipts).toEqual(log.map((_, at) => ({ status: 'executed', stream: STREAM, seq: at + 1 })));
    const back = next(made, 'ready');
    server.cut();
    await back;
    expect(server.handshakes).toMatchObject([
      { window: 32, ackTimeoutMs: 600_000 },
      { window: 32, resume: { epoch: 'e1', streams: { [STREAM]: 32 } } },
    ]);
    expect(new Set(server.handshakes.map(({ instanceId }) => instanceId)).size).toBe(1);
  });

  it('[CL18] after a failed receipt the rest of the window is dropped, and runs when it is sent anew', async () => {
    const { server, links } = await serve();
    const { log, ends, onTrigger } = gated();
    const made = run(server.url, { onTrigger, window: 4 });
    await next(made, 'ready');
    const receipts: Receipt[] = [];
    const send = (seq: number, prev: number) =>
      links[0]?.emit('trigger', entry(seq, prev), (receipt) => receipts.push(receipt));
    for (const seq of [1, 2, 3]) send(seq, seq - 1);
    await until(() => ends.length === 1);
    ends[0]?.(new Error('not now'));
    await until(() => receipts.length === 1);
    // What the server sends once the failed one is due again.
    for (const seq of [1, 2, 3]) send(seq, seq - 1);
    for (const at of [1, 2, 3]) {
      await until(() => ends.length === at + 1);
      ends[at]?.();
    }
    await until(() => receipts.length === 4);
    expect(log).toEqual(['a1', 'a1', 'a2', 'a3']);
    expect(receipts.map(({ status, seq }) => [status, seq])).toEqual([
      ['failed', 1],
      ['executed', 1],
      ['executed', 2],
      ['executed', 3],
    ]);
  });

  it('[CL18] one that the server gave up meanwhile ends quietly, and what comes after it runs once', async () => {
    const { server, links } = await serve();
    const { log, ends, onTrigger } = gated();
    const made = run(server.url, { onTrigger, window: 2 });
    await next(made, 'ready');
    const receipts: (number | undefined)[] = [];
    const send = (seq: number, prev: number) =>
      links[0]?.emit('trigger', entry(seq, prev), (receipt) => receipts.push(receipt.seq));
    send(1, 0);
    send(2, 1);
    await until(() => ends.length === 1);
    // dead{no-receipt}: the second goes out anew, behind nothing.
    send(2, 0);
    ends[0]?.();
    await until(() => ends.length === 2);
    ends[1]?.();
    await until(() => receipts.length === 3);
    expect(log).toEqual(['a1', 'a2']);
    expect(receipts).toEqual([1, 2, 2]);
  });

  it('[CL18] a socket that closes while a start is written forgets the entry, under either policy', async () => {
    const { server, links } = await serve();
    const inner = memoryStore();
    let pass = () => {};
    let held = false;
    const store: ScreenStore = {
      ...inner,
      set: async (key, value) => {
        if (key === STREAM && !held) {
          held = true;
          await new Promise<void>((resolve) => {
            pass = resolve;
          });
        }
        await inner.set(key, value);
      },
    };
    const log: number[] = [];
    const made = run(server.url, {
      store,
      policy: 'at-most-once',
      onTrigger: ({ seq }) => void log.push(seq),
    });
    await next(made, 'ready');
    links[0]?.emit('trigger', entry(1, 0), () => {});
    await until(() => held);
    const back = next(made, 'ready');
    server.cut();
    await back;
    pass();
    const receipt = await new Promise((resolve) => links[1]?.emit('trigger', entry(1, 0), resolve));
    expect([log, receipt]).toEqual([[1], { status: 'executed', stream: STREAM, seq: 1 }]);
  });

  it('[CL4] a requeued entry is known over reloads of a browser', async () => {
    const { server, links } = await serve();
    const name = `requeue-${Math.random()}`;
    const log: string[] = [];
    const onTrigger = ({ id }: TriggerEntry) => void log.push(id);
    const first = run(server.url, { store: indexedDbStore(name), onTrigger });
    await next(first, 'ready');
    await new Promise((resolve) => links[0]?.emit('trigger', entry(1, 0), resolve));
    await first.close();
    const second = run(server.url, { store: indexedDbStore(name), onTrigger });
    await next(second, 'ready');
    const requeued = entry(2, 0, { id: 'id-b', requeueOf: 'id-1' });
    const receipt = await new Promise((resolve) => links[1]?.emit('trigger', requeued, resolve));
    expect([log, receipt]).toEqual([['id-1'], { status: 'executed', stream: STREAM, seq: 2 }]);
  });
});

describe('a screen process that is killed', () => {
  const root = fileURLToPath(new URL('../../../', import.meta.url));
  const script = `
    import { appendFileSync } from 'node:fs';
    import { screen } from '@bongsu/client';
    import { fileStore } from '@bongsu/client/file-store';
    const { url, folder, credential, policy, hang } = JSON.parse(process.argv[1]);
    screen({
      url, credential, policy, window: 8, store: fileStore(folder + '/screen.json'),
      onTrigger: async ({ seq }) => {
        appendFileSync(folder + '/log', seq + '\\n');
        if (seq === hang) await new Promise(() => {});
      },
    });
  `;

  for (const policy of ['at-least-once', 'at-most-once'] as const) {
    it(`[CL2] between start and end of an entry of its window: ${policy}`, async () => {
      const folder = mkdtempSync(join(tmpdir(), 'bongsu-killed-'));
      cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
      appendFileSync(join(folder, 'log'), '');
      const log = () => readFileSync(join(folder, 'log'), 'utf8').split('\n').filter(Boolean).map(Number);
      const server = await new ScriptedServer().start();
      cleanups.push(() => server.stop());
      let receipts: Receipt[] = [];
      server.onLink = (link, { resume }) => {
        receipts = [];
        const done = resume?.streams[STREAM] ?? 0;
        for (let seq = done + 1; seq <= 5; seq += 1) {
          const sent = entry(seq, seq === done + 1 ? 0 : seq - 1);
          link.emit('trigger', sent, (receipt) => {
            receipts.push(receipt);
            // The refused one has ended: the rest of the window goes out anew.
            if (receipt.status !== 'failed') return;
            for (let later = seq + 1; later <= 5; later += 1) {
              link.emit('trigger', entry(later, later === seq + 1 ? 0 : later - 1), (other) =>
                receipts.push(other),
              );
            }
          });
        }
      };
      const spawnScreen = (hang: number): ChildProcess => {
        const told = JSON.stringify({ url: server.url, folder, credential, policy, hang });
        const child = spawn(process.execPath, ['--input-type=module', '-e', script, told], { cwd: root });
        cleanups.push(() => child.kill('SIGKILL'));
        return child;
      };
      const first = spawnScreen(3);
      await until(() => log().includes(3));
      first.kill('SIGKILL');
      await new Promise((resolve) => first.once('exit', resolve));
      const linked = server.handshakes.length;
      spawnScreen(0);
      await until(() => server.handshakes.length > linked && receipts.some(({ seq }) => seq === 5));
      expect(server.handshakes.at(-1)?.resume?.streams).toEqual({ [STREAM]: 2 });
      expect(log()).toEqual(policy === 'at-least-once' ? [1, 2, 3, 3, 4, 5] : [1, 2, 3, 4, 5]);
      const [third] = receipts;
      if (policy === 'at-most-once')
        expect(third).toMatchObject({ status: 'failed', error: 'interrupted', retryable: false, seq: 3 });
      else expect(third).toMatchObject({ status: 'executed', seq: 3 });
    });
  }
});

describe('report and forget', () => {
  it('[CL19] report tells the latest page of each display, waits for the connection, and rejects what is refused', async () => {
    const { server } = await serve();
    const told: unknown[] = [];
    server.onLink = (link) => {
      link.on('report', (payload, ack) => {
        told.push(payload);
        const { url } = payload;
        if (url === '/bad') ack?.(failure('VALIDATION_ERROR'));
        else if (told.length === 1) ack?.(failure('UNAVAILABLE', { retryable: true, retryAfterMs: 1 }));
        else ack?.({ success: true });
      });
    };
    const made = run(server.url, {});
    const older = made.report('/old');
    await Promise.all([older, made.report('/new'), made.report('/side', 1)]);
    expect(told).toContainEqual({ url: '/new', displayIndex: 0 });
    expect(told).toContainEqual({ url: '/side', displayIndex: 1 });
    expect(told).not.toContainEqual({ url: '/old', displayIndex: 0 });
    await expect(made.report('/bad')).rejects.toMatchObject({ code: 'VALIDATION_ERROR' });
    await made.close();
    await expect(made.report('/late')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('[CL20] forget drops the credential and the place, and the next start pairs anew', async () => {
    const { server, links } = await serve();
    const store = memoryStore();
    const made = run(server.url, { store, onTrigger: () => {} });
    await next(made, 'ready');
    await new Promise((resolve) => links[0]?.emit('trigger', entry(1, 0), resolve));
    expect(await store.get(STREAM)).toMatchObject({ done: 1 });
    await made.forget();
    expect([await store.get('credential'), await store.get(STREAM)]).toEqual([undefined, undefined]);
    const again = screen({ url: server.url, store });
    expect((await next(again, 'state')).error?.code).toBe('AUTH_ERROR');
  });
});
