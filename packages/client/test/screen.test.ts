import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Entry, HandshakeInput, Receipt } from '@bongsu/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { fileStore } from '../src/file-store.js';
import { pair } from '../src/pairing.js';
import { type Screen, type ScreenOptions, screen } from '../src/screen.js';
import { memoryStore, type ScreenStore } from '../src/screen-store.js';
import { next } from './support/events.js';
import { TabLocks } from './support/locks.js';
import { failure, type HttpReply, ScriptedServer, type ServerLink } from './support/scripted-server.js';

const STREAM = 'screen:scr_1';
const credential = { screenId: 'scr_1', accessToken: 'access', refreshToken: 'refresh', expiresIn: 900 };
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function entry(seq: number, extra: Partial<Entry> = {}): Entry {
  return {
    type: 'trigger',
    action: `a${seq}`,
    id: `id-${seq}`,
    stream: STREAM,
    seq,
    prev: 0,
    epoch: 'e1',
    attempt: 1,
    acceptedAt: 0,
    from: { userId: 'u', username: 'U' },
    ...extra,
  } as Entry;
}

function until(condition: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const check = () => (condition() ? resolve() : setImmediate(check));
    check();
  });
}

/** A server with one inbox: sends the oldest unanswered entry, and the next after its receipt. */
async function inbox(count = 0) {
  const server = await new ScriptedServer().start();
  cleanups.push(() => server.stop());
  const receipts: Receipt[] = [];
  const links: ServerLink[] = [];
  const state = { acked: 0, entries: Array.from({ length: count }, (_, at) => entry(at + 1)) };
  const pump = (link: ServerLink) => {
    const oldest = state.entries[state.acked];
    if (!oldest) return;
    link.emit(oldest.type as 'trigger', oldest as Entry & { type: 'trigger' }, (receipt) => {
      receipts.push(receipt);
      if (receipt.status === 'executed' || receipt.retryable === false) state.acked += 1;
      pump(link);
    });
  };
  server.onLink = (link, { resume }: HandshakeInput) => {
    links.push(link);
    const done = resume?.epoch === (server.ready.epoch ?? 'e1') ? (resume?.streams[STREAM] ?? 0) : 0;
    state.acked = Math.max(state.acked, done);
    pump(link);
  };
  const all = (wanted: number) => until(() => receipts.length >= wanted);
  return { server, receipts, links, state, all };
}

function run(url: string, options: Partial<ScreenOptions> = {}): Screen {
  const made = screen({ url, store: memoryStore(), credential, random: () => 0.5, ...options });
  cleanups.push(() => made.close());
  return made;
}

describe('a screen', () => {
  it('[CL1] runs entries one at a time, in order, and answers each with its place', async () => {
    const { server, receipts, all } = await inbox(3);
    const log: string[] = [];
    run(server.url, {
      onTrigger: async ({ action }) => {
        log.push(`begin ${action}`);
        await new Promise(setImmediate);
        log.push(`end ${action}`);
      },
    });
    await all(3);
    expect(log).toEqual(['begin a1', 'end a1', 'begin a2', 'end a2', 'begin a3', 'end a3']);
    expect(receipts).toEqual([1, 2, 3].map((seq) => ({ status: 'executed', stream: STREAM, seq })));
  });

  it('[CL1] serves triggers and navigates, and refuses what it has no handler for', async () => {
    const { server, receipts, state, all } = await inbox();
    state.entries = [entry(1), entry(2, { type: 'navigate', url: '/menu' } as Partial<Entry>)];
    const urls: string[] = [];
    run(server.url, { onNavigate: ({ url }) => urls.push(url) });
    await all(2);
    expect(urls).toEqual(['/menu']);
    expect(receipts[0]).toMatchObject({ status: 'failed', retryable: false });
  });

  it('[CL1] reports what a handler throws, cut to 500 characters, and whether to try again', async () => {
    const { server, receipts, all } = await inbox(1);
    const faults = [
      new Error('x'.repeat(900)),
      'plain',
      Object.assign(new Error('no'), { retryable: false }),
    ];
    run(server.url, {
      onTrigger: () => {
        throw faults.shift();
      },
    });
    await all(3);
    const place = { stream: STREAM, seq: 1 };
    expect(receipts).toEqual([
      { status: 'failed', error: 'x'.repeat(500), retryable: true, ...place },
      { status: 'failed', error: 'plain', retryable: true, ...place },
      { status: 'failed', error: 'no', retryable: false, ...place },
    ]);
  });

  it('[CL2] an entry that ends after its connection is answered on the next, without running again', async () => {
    const { server, receipts, links, all } = await inbox(1);
    let runs = 0;
    let finish = () => {};
    const begun = new Promise<void>((resolve) => {
      run(server.url, {
        onTrigger: () => {
          runs += 1;
          resolve();
          return new Promise<void>((done) => {
            finish = done;
          });
        },
      });
    });
    await begun;
    server.cut();
    // On the new connection the same entry waits behind its own first run.
    await until(() => links.length === 2);
    finish();
    await all(1);
    expect(runs).toBe(1);
    expect(receipts).toEqual([{ status: 'executed', stream: STREAM, seq: 1 }]);
  });

  it('[CL2] a restart from a file goes on where it stopped, and says so in the handshake', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bongsu-screen-'));
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    const path = join(folder, 'screen.json');
    const { server, state, all } = await inbox(2);
    const log: number[] = [];
    const options = { onTrigger: ({ seq }: Entry) => void log.push(seq) };
    const first = run(server.url, { ...options, store: fileStore(path) });
    await all(2);
    await first.close();
    // The server lost both receipts; the place says it all the same.
    state.acked = 0;
    state.entries.push(entry(3));
    const second = screen({ url: server.url, ...options, store: fileStore(path) });
    cleanups.push(() => second.close());
    await all(3);
    expect(log).toEqual([1, 2, 3]);
    expect(server.handshakes.map(({ resume }) => resume)).toEqual([
      undefined,
      { epoch: 'e1', streams: { [STREAM]: 2 } },
    ]);
    const [one, two] = server.handshakes.map(({ instanceId }) => instanceId);
    expect(one).not.toBe(two);
  });

  for (const policy of ['at-least-once', 'at-most-once'] as const) {
    it(`[CL2] ${policy} after a crash in the middle of an entry`, async () => {
      const { server, receipts, all } = await inbox(2);
      const store = memoryStore();
      const crashed = crashing(store);
      const begun = new Promise<void>((resolve) => {
        run(server.url, {
          store: crashed.store,
          policy,
          onTrigger: () => {
            crashed.die();
            resolve();
            return new Promise(() => {});
          },
        }).close = async () => {};
      });
      await begun;
      await server.stop();
      await server.start();
      const log: number[] = [];
      run(server.url, { store, policy, onTrigger: ({ seq }) => void log.push(seq) });
      await all(2);
      expect(log).toEqual(policy === 'at-least-once' ? [1, 2] : [2]);
      const interrupted = {
        status: 'failed',
        error: 'interrupted',
        retryable: false,
        stream: STREAM,
        seq: 1,
      };
      if (policy === 'at-most-once') expect(receipts[0]).toEqual(interrupted);
      else expect(receipts[0]).toMatchObject({ status: 'executed', seq: 1 });
    });
  }

  it('[CL3] after a restored server takes its place and knows repeats by id', async () => {
    const { server, state, receipts, all } = await inbox(2);
    const log: string[] = [];
    const made = run(server.url, { onTrigger: ({ id }) => void log.push(id) });
    await all(2);
    server.ready = { epoch: 'e2', streams: { [STREAM]: { lastSeq: 3, acked: 1, recovered: false } } };
    state.acked = 0;
    state.entries = [entry(2, { epoch: 'e2', id: 'id-2' }), entry(3, { epoch: 'e2', id: 'id-new' })];
    const back = next(made, 'ready');
    server.cut();
    await back;
    await all(4);
    expect(log).toEqual(['id-1', 'id-2', 'id-new']);
    expect(receipts.map(({ status }) => status)).toEqual(Array(4).fill('executed'));
  });

  it('[CL1] forgets entries that had not begun when their socket closed', async () => {
    const { server, links } = await inbox();
    const log: number[] = [];
    let finish = () => {};
    const made = run(server.url, {
      onTrigger: ({ seq }) => {
        log.push(seq);
        return new Promise<void>((done) => {
          finish = done;
        });
      },
    });
    const answered: number[] = [];
    await next(made, 'ready');
    for (const seq of [1, 2, 3]) {
      const sent = entry(seq, { prev: seq - 1 }) as Entry & { type: 'trigger' };
      links[0]?.emit('trigger', sent, () => answered.push(seq));
    }
    await until(() => log.length > 0);
    const back = next(made, 'ready');
    server.cut();
    await back;
    const receipt = next(made, 'receipt');
    finish();
    await receipt;
    await made.close();
    expect([log, answered]).toEqual([[1], []]);
  });

  it('[CL5] runs nothing it could not write down first', async () => {
    const { server, receipts, all } = await inbox(1);
    const store = memoryStore();
    let full = true;
    const faulty: ScreenStore = {
      ...store,
      set: async (key, value) => {
        if (key === STREAM && full) throw new Error('disk full');
        await store.set(key, value);
      },
    };
    const log: number[] = [];
    const made = run(server.url, { store: faulty, onTrigger: ({ seq }) => void log.push(seq) });
    await next(made, 'store-fault');
    expect(log).toEqual([]);
    full = false;
    await all(2);
    expect(log).toEqual([1]);
    expect(receipts.at(-1)?.status).toBe('executed');
  });

  it('[CL5] a stored place that cannot be understood fails the entry, not the process', async () => {
    const { server, receipts, all } = await inbox(1);
    const store = memoryStore();
    await store.set(STREAM, { epoch: 'e1', done: 0 });
    const log: number[] = [];
    run(server.url, { store, policy: 'at-most-once', onTrigger: ({ seq }) => void log.push(seq) });
    await all(1);
    expect(receipts).toMatchObject([{ status: 'failed', retryable: true }]);
    expect(log).toEqual([]);
  });

  it('[CL9] of two tabs with one store only one is the screen; the other takes over when it goes', async () => {
    const { server } = await inbox();
    const locks = new TabLocks();
    const store = { ...memoryStore(), name: `tab-${server.url}` };
    const first = run(server.url, { store, locks });
    await next(first, 'state', ({ state }) => state === 'online');
    const second = run(server.url, { store, locks });
    expect((await next(second, 'state')).state).toBe('standby');
    expect(server.handshakes).toHaveLength(1);
    const online = next(second, 'state', ({ state }) => state === 'online');
    await first.close();
    await online;
  });

  it('[CL9] stays closed when another device took over with its credential', async () => {
    const { server } = await inbox();
    server.onLink = (link) => {
      link.emit('session-closing', { code: 'REPLACED', reason: 'other', reconnect: false });
      link.disconnect(true);
    };
    const made = run(server.url, { onCode: () => {} });
    const { closing } = await next(made, 'state', ({ state }) => state === 'closed');
    expect(closing?.code).toBe('REPLACED');
    expect(server.handshakes).toHaveLength(1);
  });
});

/** A store that stops at a moment, as a killed process does. */
function crashing(inner: ScreenStore) {
  let dead = false;
  const store: ScreenStore = {
    get: inner.get,
    set: (key, value) => (dead ? new Promise(() => {}) : inner.set(key, value)),
    delete: inner.delete,
  };
  return {
    store,
    die: () => {
      dead = true;
    },
  };
}

describe('pairing', () => {
  async function office(replies: HttpReply[], pairing: object = {}) {
    const server = await new ScriptedServer().start();
    cleanups.push(() => server.stop());
    let made = 0;
    server.onHttp = ({ path, body }) => {
      if (path === '/api/screens/pairings') {
        made += 1;
        const fresh = { pairingId: `p${made}`, pairingSecret: `s${made}`, code: `CODE-${made}` };
        return { body: { ...fresh, expiresIn: 60, intervalMs: 1, ...pairing } };
      }
      const [, id] = /pairings\/p(\d+)\/token$/.exec(path) ?? [];
      if (id === undefined || body?.pairingSecret !== `s${id}`)
        return { status: 404, body: failure('NOT_FOUND') };
      return replies.shift() ?? { body: credential };
    };
    return server;
  }

  it('[CL10] shows the code, waits for the claim through refusals for now, and gives the credential', async () => {
    const server = await office([
      { status: 202, body: { status: 'pending' } },
      { status: 429, body: failure('RATE_LIMIT', { retryable: true, retryAfterMs: 2 }) },
      { status: 502, body: 'proxy' },
    ]);
    const codes: string[] = [];
    expect(await pair({ url: server.url, onCode: ({ code }) => codes.push(code) })).toEqual(credential);
    expect(codes).toEqual(['CODE-1']);
  });

  it('[CL10] shows a new code when the old one is over', async () => {
    const closed = await office([{ status: 410, body: failure('PAIRING_CLOSED') }]);
    const codes: string[] = [];
    await pair({ url: closed.url, onCode: ({ code }) => codes.push(code) });
    expect(codes).toEqual(['CODE-1', 'CODE-2']);
    const shown = new AbortController();
    const short = await office([], { expiresIn: 0 });
    const given = pair({
      url: short.url,
      signal: shown.signal,
      onCode: ({ code }) => code === 'CODE-3' && shown.abort(new Error('seen')),
    });
    await expect(given).rejects.toThrow('seen');
  });

  it('[CL10] a screen without a credential pairs, keeps it, and pairs anew when it is revoked', async () => {
    const server = await office([]);
    const store = memoryStore();
    const codes: string[] = [];
    const made = screen({
      url: server.url,
      store,
      onCode: ({ code }) => codes.push(code),
      random: () => 0.5,
    });
    cleanups.push(() => made.close());
    await next(made, 'ready');
    expect(made.screenId).toBe('scr_1');
    expect(await store.get('credential')).toMatchObject({ screenId: 'scr_1', refreshToken: 'refresh' });
    const answer = server.onHttp;
    server.onHttp = (call) =>
      call.path === '/api/auth/refresh' ? { status: 401, body: failure('TOKEN_REVOKED') } : answer(call);
    server.onLink = (link) => {
      link.emit('session-closing', { code: 'TOKEN_REVOKED', reason: 'gone', reconnect: false });
      link.disconnect(true);
      server.onLink = () => {};
    };
    const again = next(made, 'state', ({ state }) => state === 'pairing');
    const back = next(made, 'ready');
    server.cut();
    await back;
    await again;
    await next(made, 'ready');
    expect(codes).toEqual(['CODE-1', 'CODE-2']);
  });

  it('[CL10] a screen with no credential and no way to show a code closes with AUTH_ERROR', async () => {
    const made = screen({ url: 'http://127.0.0.1:9', store: memoryStore() });
    expect((await next(made, 'state')).error?.code).toBe('AUTH_ERROR');
  });
});
