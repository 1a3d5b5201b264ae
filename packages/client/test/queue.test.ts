import 'fake-indexeddb/auto';
import type { Accepted, Answer, Command, TriggerInput } from '@bongsu/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { type Client, type ConnectOptions, connect, type RestoredCommand } from '../src/client.js';
import { indexedDbStore } from '../src/indexed-db-store.js';
import type { QueueContent } from '../src/journal.js';
import { memoryStore, type ScreenStore } from '../src/screen-store.js';
import { next } from './support/events.js';
import { FakeClock } from './support/fake-clock.js';
import { TabLocks } from './support/locks.js';
import { failure, ScriptedServer, type ServerLink } from './support/scripted-server.js';

const target = { screenId: 'scr_1' };
const NOWHERE = 'http://127.0.0.1:9';
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  return new Promise((resolve, reject) => {
    const check = async () =>
      (await condition()) ? resolve() : setImmediate(() => void check().catch(reject));
    void check().catch(reject);
  });
}

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

async function contentOf(store: ScreenStore): Promise<QueueContent> {
  return ((await store.get('queue')) ?? { version: 1, waiting: [], open: [] }) as QueueContent;
}

type OnTrigger = (payload: TriggerInput, ack: (answer: Answer<Accepted>) => void, link: ServerLink) => void;

/** A server that accepts each id once, and knows the end of those in `ended`. */
async function makeServer(onTrigger?: OnTrigger) {
  const server = await new ScriptedServer().start();
  cleanups.push(() => server.stop());
  server.ready = { userId: 'u1' };
  const seen: TriggerInput[] = [];
  const accepted = new Map<string, Accepted>();
  const ended = new Map<string, Command['status']>();
  const accept = ({ id }: TriggerInput): Answer<Accepted> => {
    const known = accepted.get(id);
    const seq = accepted.size + 1;
    const stream = 'screen:scr_1';
    const fresh = {
      id,
      status: 'accepted' as const,
      stream,
      seq,
      epoch: 'e1',
      acceptedAt: 1,
      duplicate: false,
    };
    if (!known) accepted.set(id, fresh);
    return { success: true, ...(known ? { ...known, duplicate: true } : fresh) };
  };
  server.onLink = (link) => {
    link.on('trigger', (payload, ack = () => {}) => {
      seen.push(payload);
      if (onTrigger) onTrigger(payload, ack, link);
      else ack(accept(payload));
    });
    link.on('status', ({ ids }, ack) => {
      const items = ids.map((id) => {
        if (!accepted.has(id)) return { id, status: 'unknown' as const };
        const status = ended.get(id) ?? 'accepted';
        return { id, type: 'trigger', target, status, acceptedAt: 1, deliveries: [] };
      });
      ack?.({ success: true, items });
    });
  };
  return { server, seen, accepted, ended, accept };
}

function start(url: string, store: ScreenStore, options: Partial<ConnectOptions> = {}): Client {
  const made = connect({ url, token: 't', random: () => 0.5, queue: store, ...options });
  // One that was killed never gets its last write.
  cleanups.push(() => void made.close());
  return made;
}

/** Its process was killed: nothing that it does from now on reaches the store. */
function killable(inner: ScreenStore) {
  let dead = false;
  const store: ScreenStore = {
    ...inner,
    set: (key, value) => (dead ? new Promise(() => {}) : inner.set(key, value)),
  };
  return {
    store,
    kill: () => {
      dead = true;
    },
  };
}

describe('a persisted queue', () => {
  const stores = {
    memoryStore: () => memoryStore(),
    indexedDbStore: () => ({ ...indexedDbStore(`queue-${Math.random()}`) }),
  };
  for (const [name, makeStore] of Object.entries(stores)) {
    it(`[CL12] after a crash the next client sends what waits: same ids, same order, before new ones (${name})`, async () => {
      const { name: _, ...inner } = makeStore();
      const first = killable(inner);
      const crashed = start(NOWHERE, first.store);
      for (const action of ['a', 'b', 'c']) void rejection(crashed.trigger(target, action));
      await until(async () => (await contentOf(inner)).waiting.length === 3);
      const ids = (await contentOf(inner)).waiting.map(({ id }) => id);
      first.kill();
      const { server, seen } = await makeServer();
      const client = start(server.url, inner);
      const restored = next(client, 'restored');
      const fourth = client.trigger(target, 'd');
      expect((await restored).map(({ id, command }) => [id, command?.action])).toEqual([
        [ids[0], 'a'],
        [ids[1], 'b'],
        [ids[2], 'c'],
      ]);
      await fourth;
      expect(seen.map(({ action }) => action)).toEqual(['a', 'b', 'c', 'd']);
      expect(seen.slice(0, 3).map(({ id }) => id)).toEqual(ids);
      const answers = await Promise.all((await restored).map(({ accepted }) => accepted));
      expect(answers.map(({ seq }) => seq)).toEqual([1, 2, 3]);
    });
  }

  it('[CL12] id and timestamp are durable before the first transmission', async () => {
    const store = memoryStore();
    const atArrival: unknown[] = [];
    const { server, accept } = await makeServer(async (payload, ack) => {
      atArrival.push((await contentOf(store)).waiting.map(({ id, timestamp }) => ({ id, timestamp })));
      ack(accept(payload));
    });
    const client = start(server.url, store);
    const early = await client.trigger(target, 'while-offline');
    const { id } = await client.trigger(target, 'online');
    expect(atArrival).toMatchObject([[{ id: early.id }], [{ id }]]);
    expect(JSON.stringify(atArrival)).not.toContain('null');
    for (const [stored] of atArrival as { timestamp?: number }[][])
      expect(stored?.timestamp).toBeGreaterThan(0);
  });

  it('[CL12] one whose ack was lost in the crash is sent with its first id and timestamp, and accepted once', async () => {
    const inner = memoryStore();
    const first = killable(inner);
    let die = true;
    const { server, seen, accepted, accept } = await makeServer((payload, ack, link) => {
      const answer = accept(payload);
      if (!die) return ack(answer);
      die = false;
      first.kill();
      link.conn.close();
    });
    const crashed = start(server.url, first.store);
    void rejection(crashed.trigger(target, 'go'));
    await until(() => !die);
    void crashed.close();
    const client = start(server.url, inner);
    const [left] = await next(client, 'restored');
    expect(await left?.accepted).toMatchObject({ duplicate: true, seq: 1 });
    expect(accepted.size).toBe(1);
    expect(new Set(seen.map(({ id, timestamp }) => `${id} ${timestamp}`)).size).toBe(1);
  });

  it('[CL12] what an earlier process left too long ago is rejected, and told: doubtful only if it may have been sent', async () => {
    const store = memoryStore();
    const clock = new FakeClock();
    const body = JSON.stringify({ target, action: 'go' });
    const old = { type: 'trigger' as const, body, expiresAt: clock.now() - 1 };
    await store.set('queue', {
      version: 1,
      waiting: [
        { ...old, id: 'unsent' },
        { ...old, id: 'sent', timestamp: 1 },
      ],
      open: [],
    } satisfies QueueContent);
    const { server, seen } = await makeServer();
    const client = start(server.url, store, { clock });
    const left = await next(client, 'restored');
    const errors = left.map(({ accepted }) => rejection(accepted));
    await client.online();
    expect(await Promise.all(errors)).toMatchObject([
      { id: 'unsent', code: 'UNAVAILABLE', definite: true },
      { id: 'sent', code: 'INDETERMINATE', definite: false },
    ]);
    expect(seen).toEqual([]);
    await client.close();
    expect((await contentOf(store)).waiting).toEqual([]);
  });

  it('[CL12] close keeps what waits for the next client, and says that it may yet run', async () => {
    const store = memoryStore();
    const client = start(NOWHERE, store);
    const command = rejection(client.trigger(target, 'go'));
    await until(async () => (await contentOf(store)).waiting.length === 1);
    await client.close();
    expect(await command).toMatchObject({ code: 'INDETERMINATE', definite: false });
    expect((await contentOf(store)).waiting).toHaveLength(1);
    const { server, seen } = await makeServer();
    const [left] = await next(start(server.url, store), 'restored');
    await left?.accepted;
    expect(seen).toHaveLength(1);
  });

  it('[CL12] the end of a login empties the queue, and nothing of one account is sent by another', async () => {
    const store = memoryStore();
    const { server, seen } = await makeServer((_payload, _ack, link) => {
      link.emit('session-closing', { code: 'TOKEN_REVOKED', reason: 'gone', reconnect: false });
      link.disconnect(true);
    });
    const revoked = start(server.url, store);
    expect(await rejection(revoked.trigger(target, 'go'))).toMatchObject({ code: 'TOKEN_REVOKED' });
    await revoked.close();
    expect((await contentOf(store)).waiting).toEqual([]);
    const offline = start(NOWHERE, store);
    void rejection(offline.trigger(target, 'mine'));
    await until(async () => (await contentOf(store)).waiting.length === 1);
    await offline.close();
    expect(await contentOf(store)).toMatchObject({ userId: 'u1', waiting: [{}] });
    server.ready = { userId: 'u2' };
    seen.length = 0;
    const other = start(server.url, store);
    const [left] = await next(other, 'restored');
    expect(await rejection(left?.accepted as Promise<unknown>)).toMatchObject({ code: 'AUTH_ERROR' });
    await other.online();
    await other.close();
    expect([seen, (await contentOf(store)).waiting]).toEqual([[], []]);
  });

  it('[CL21] the queue of an account that signed out on the way is emptied, its open commands too', async () => {
    const store = memoryStore();
    let isLost = false;
    const { server, seen, accept } = await makeServer((payload, ack, link) => {
      if (payload.action !== 'lost') return ack(accept(payload));
      isLost = true;
      server.ready = { userId: 'u2' };
      link.conn.close();
    });
    const client = start(server.url, store);
    await client.trigger(target, 'open');
    expect(await rejection(client.trigger(target, 'lost'))).toMatchObject({ code: 'AUTH_ERROR' });
    await client.close();
    expect(isLost && seen.map(({ action }) => action)).toEqual(['open', 'lost']);
    expect(await contentOf(store)).toEqual({ version: 1, userId: 'u2', waiting: [], open: [] });
  });

  it('[CL12] a store that fails is told of, and the command goes out all the same', async () => {
    const inner = memoryStore();
    const full: ScreenStore = { ...inner, set: () => Promise.reject(new Error('disk full')) };
    const { server } = await makeServer();
    const client = start(server.url, full);
    const fault = next(client, 'queue-fault');
    await client.trigger(target, 'go');
    expect((await fault).error).toMatchObject({ message: 'disk full' });
    const unreadable: ScreenStore = { ...inner, get: () => Promise.reject(new Error('torn')) };
    const second = start(server.url, unreadable);
    expect((await next(second, 'queue-fault')).error).toMatchObject({ message: 'torn' });
    await second.trigger(target, 'go');
  });

  it('[CL13] of two tabs one owns the queue; the other sends from memory, and takes over what the owner left', async () => {
    const { name: _, ...values } = indexedDbStore(`tabs-${Math.random()}`);
    const store = { ...values, name: 'tabs' };
    const locks = new TabLocks();
    const { server, seen } = await makeServer();
    const owner = start(NOWHERE, store, { locks });
    void rejection(owner.trigger(target, 'of-owner'));
    await until(async () => (await contentOf(store)).waiting.length === 1);
    const second = start(server.url, store, { locks });
    await second.trigger(target, 'of-second');
    expect((await contentOf(store)).waiting).toHaveLength(1);
    const restored = next(second, 'restored');
    await owner.close();
    await Promise.all((await restored).map(({ accepted }) => accepted));
    expect(seen.map(({ action }) => action)).toEqual(['of-second', 'of-owner']);
    await second.close();
    expect((await contentOf(store)).waiting).toEqual([]);
  });

  it('[CL13] without navigator.locks the clients of one process take turns all the same', async () => {
    const store = { ...memoryStore(), name: `process-${Math.random()}` };
    const { server } = await makeServer();
    const owner = start(NOWHERE, store);
    void rejection(owner.trigger(target, 'left'));
    await until(async () => (await contentOf(store)).waiting.length === 1);
    const second = start(server.url, store);
    await second.trigger(target, 'go');
    const restored = next(second, 'restored');
    await owner.close();
    expect(await restored).toHaveLength(1);
  });

  it('[CL14] executed of an earlier process: restored from the queue, or by track', async () => {
    const store = memoryStore();
    const { server, ended } = await makeServer();
    const first = start(server.url, store);
    const { id } = await first.trigger(target, 'go');
    const unasked = await first.trigger(target, 'other');
    await first.close();
    ended.set(id, 'executed');
    const client = start(server.url, store);
    const restored = await next(client, 'restored');
    expect(restored.map((left: RestoredCommand) => [left.id, left.command])).toEqual([
      [id, undefined],
      [unasked.id, undefined],
    ]);
    const [one] = await Promise.all(restored.map(({ accepted }) => accepted));
    expect(await one?.executed).toMatchObject({ id, status: 'executed' });
    await client.close();
    expect((await contentOf(store)).open.map((open) => open.id)).toEqual([unasked.id]);
    const plain = connect({ url: server.url, token: 't' });
    cleanups.push(() => plain.close());
    expect(await plain.track(id)).toMatchObject({ id, status: 'executed' });
    expect(await rejection(plain.track(crypto.randomUUID()))).toMatchObject({ code: 'NOT_FOUND' });
  });

  it('[CL14] track waits for the end of one that is still open, and a poll finds it', async () => {
    const clock = new FakeClock();
    const { server, ended, accept } = await makeServer();
    accept({ id: 'known' } as TriggerInput);
    const client = connect({ url: server.url, token: 't', clock });
    cleanups.push(() => client.close());
    await client.online();
    const outcome = client.track('known');
    await client.status(['known']);
    ended.set('known', 'superseded');
    clock.advance(15_000);
    expect((await outcome).status).toBe('superseded');
  });

  it('[CL8] many open commands are asked for page after page, and 10,000 are no reason to give one up', async () => {
    const { server, accept } = await makeServer();
    let [under, most, asked] = [0, 0, 0];
    server.onLink = (link) => {
      link.on('status', ({ ids }, ack) => {
        under += 1;
        most = Math.max(most, under);
        asked += ids.length;
        setImmediate(() => {
          under -= 1;
          const status = asked < 12_000 ? 'accepted' : 'executed';
          const items = ids.map((id) => ({
            id,
            type: 'trigger',
            target,
            status,
            acceptedAt: 1,
            deliveries: [],
          }));
          ack?.({ success: true, items: items as Command[] });
        });
      });
    };
    const client = connect({ url: server.url, token: 't' });
    cleanups.push(() => client.close());
    const ids = Array.from({ length: 12_000 }, (_, n) => `id-${n}`);
    for (const id of ids) accept({ id } as TriggerInput);
    // Before the connection: all are asked for at once when it is there.
    const outcomes = ids.map((id) => client.track(id));
    for (const outcome of outcomes) void rejection(outcome);
    expect(await outcomes.at(-1)).toMatchObject({ id: 'id-11999', status: 'executed' });
    expect([most, asked]).toEqual([1, 12_000]);
    const first = await Promise.race([rejection(outcomes[0] as Promise<unknown>), client.status(['x'])]);
    expect(first).toHaveLength(1);
  });

  it('[CL14] tells how it ended, with the reason: partial, dead, expired, superseded, cancelled', async () => {
    const { server, accept } = await makeServer();
    const client = connect({ url: server.url, token: 't' });
    cleanups.push(() => client.close());
    const delivery = { screenId: 'scr_1', attempts: 1, executedAt: null, error: null };
    const ends = {
      dead: { ...delivery, status: 'dead', reason: 'lost', error: 'gone' },
      expired: { ...delivery, status: 'expired' },
      superseded: { ...delivery, status: 'superseded' },
      cancelled: { ...delivery, status: 'cancelled' },
    } as const;
    server.onLink = (link) => {
      link.on('status', ({ ids }, ack) => {
        const items = ids.map((id) => {
          const deliveries = id === 'partial' ? [ends.dead, ends.expired] : [ends[id as 'dead']];
          const base = { id, type: 'trigger', target, acceptedAt: 1 };
          return { ...base, status: id as 'dead' | 'partial', deliveries };
        });
        ack?.({ success: true, items });
      });
    };
    server.cut();
    const ids = ['dead', 'expired', 'superseded', 'cancelled', 'partial'];
    for (const id of ids) accept({ id } as TriggerInput);
    const outcomes = await Promise.all(ids.map((id) => client.track(id)));
    expect(outcomes.map(({ status }) => status)).toEqual(ids);
    expect(outcomes[0]?.deliveries).toMatchObject([{ status: 'dead', reason: 'lost', error: 'gone' }]);
    expect(outcomes[4]?.deliveries.map(({ status }) => status)).toEqual(['dead', 'expired']);
  });
});

describe('the order of waiting commands', () => {
  it('[CL15] one that is refused for now is not overtaken by later ones for its target', async () => {
    let refusals = 2;
    const { server, seen, accept } = await makeServer((payload, ack) => {
      if (payload.action === 'a' && refusals-- > 0) return ack(failure('UNAVAILABLE', { retryable: true }));
      ack(accept(payload));
    });
    const client = connect({ url: server.url, token: 't', random: () => 0.5 });
    cleanups.push(() => client.close());
    await client.online();
    const first = client.trigger(target, 'a');
    await until(() => seen.length === 1);
    // Its refusal is here once a later question is answered.
    await client.status(['x']);
    const rest = [client.trigger(target, 'b'), client.trigger(target, 'c')];
    const other = client.trigger({ screenId: 'scr_2' }, 'elsewhere');
    await other;
    expect(seen.map(({ action }) => action)).not.toContain('b');
    await Promise.all([first, ...rest]);
    const order = seen.map(({ action }) => action).filter((action) => action !== 'elsewhere');
    expect(order).toEqual(['a', 'a', 'a', 'b', 'c']);
  });

  it('[CL15] one whose timestamp is too old goes first, and is stamped anew within half of the retention', async () => {
    const clock = new FakeClock();
    const store = memoryStore();
    const body = (action: string) => JSON.stringify({ target, action });
    const left = { type: 'trigger' as const, expiresAt: clock.now() + 60_000 };
    await store.set('queue', {
      version: 1,
      waiting: [
        { ...left, id: 'too-old', body: body('x'), firstTimestamp: clock.now() - 3_600_001, timestamp: 1 },
        { ...left, id: 'old', body: body('a'), firstTimestamp: clock.now() - 3_000_000, timestamp: 1 },
        { ...left, id: 'fresh', body: body('b') },
      ],
      open: [],
    } satisfies QueueContent);
    const { server, seen, accept } = await makeServer((payload, ack) => {
      if (payload.timestamp === 1) ack(failure('REQUEST_EXPIRED', { details: { serverTime: clock.now() } }));
      else ack(accept(payload));
    });
    const client = start(server.url, store, { clock, retentionMs: 7_200_000 });
    const restored = await next(client, 'restored');
    const [tooOld, ...others] = restored.map(({ accepted }) => accepted);
    const refused = rejection(tooOld as Promise<unknown>);
    await Promise.all(others);
    expect(await refused).toMatchObject({ code: 'REQUEST_EXPIRED', definite: false });
    expect(seen.map(({ action }) => action)).toEqual(['x', 'a', 'a', 'b']);
    expect(new Set(seen.filter(({ action }) => action === 'a').map(({ id }) => id)).size).toBe(1);
  });

  it('[CL15] the age of an id is counted by the server’s clock, whatever this machine’s clock does', async () => {
    const store = memoryStore();
    const first = killable(store);
    // Right, and two days ahead when the command was first sent.
    const [right, ahead] = [new FakeClock(), new FakeClock()];
    right.time = Date.now();
    ahead.time = right.time + 2 * 86_400_000;
    let isMute = true;
    const { server, seen } = await makeServer((_payload, ack) => {
      if (!isMute) ack(failure('REQUEST_EXPIRED', { details: { serverTime: right.now() } }));
    });
    const crashed = start(server.url, first.store, { clock: ahead, queueTtlMs: 5 * 86_400_000 });
    void rejection(crashed.trigger(target, 'go'));
    await until(() => seen.length === 1);
    first.kill();
    void crashed.close();
    isMute = false;
    right.advance(13 * 3_600_000);
    const [left] = await next(start(server.url, store, { clock: right }), 'restored');
    const refused = { code: 'REQUEST_EXPIRED', definite: false };
    expect(await rejection(left?.accepted as Promise<unknown>)).toMatchObject(refused);
    expect(seen).toHaveLength(2);
  });

  it('[CL7] the queue is bounded in bytes too', async () => {
    const away = connect({ url: NOWHERE, token: 't', maxQueuedBytes: 1_000 });
    cleanups.push(() => away.close());
    void rejection(away.trigger(target, 'go', 'x'.repeat(900)));
    const refused = await rejection(away.trigger(target, 'go', 'x'.repeat(100)));
    expect(refused).toMatchObject({ code: 'BUSY', definite: true });
  });

  it('[CL7] REQUEST_EXPIRED again and again slows down instead of giving up before queueTtlMs', async () => {
    let refusals = 6;
    const { server, seen, accept } = await makeServer((payload, ack) => {
      if (refusals-- > 0) ack(failure('REQUEST_EXPIRED'));
      else ack(accept(payload));
    });
    const client = connect({ url: server.url, token: 't', random: () => 0 });
    cleanups.push(() => client.close());
    await client.trigger(target, 'go');
    expect(seen).toHaveLength(7);
  });
});

describe('cancel', () => {
  /** A client whose command is under way, and how the server answers it and a DELETE. */
  async function underWay(status: number, code: string) {
    let answer: ((given: Answer<Accepted>) => void) | undefined;
    let link: ServerLink | undefined;
    const made = await makeServer((_payload, ack, from) => {
      answer = ack;
      link = from;
    });
    made.server.onHttp = () => (status === 200 ? {} : { status, body: failure(code) });
    const client = connect({ url: made.server.url, token: 't', random: () => 0.5 });
    cleanups.push(() => client.close());
    await client.online();
    const command = client.trigger(target, 'go');
    const failed = rejection(command);
    await until(() => answer !== undefined);
    const [sent] = made.seen;
    const cancelled = client.cancel(sent?.id ?? '');
    const reply = (given: Answer<Accepted>) => answer?.(given);
    return { ...made, client, command, failed, cancelled, reply, cut: () => link?.conn.close(), sent };
  }

  it('[CL16] waits for the answer to what is under way, and then has the server cancel it', async () => {
    const { server, client, command, cancelled, reply, accept, sent } = await underWay(200, '');
    await client.status(['x']);
    expect(server.calls).toEqual([]);
    reply(accept(sent as TriggerInput));
    await cancelled;
    expect(await command).toMatchObject({ id: sent?.id, status: 'accepted' });
    expect(server.calls.map(({ path }) => path)).toEqual([`/api/commands/${sent?.id}`]);
  });

  it('[CL16] what the server refuses meanwhile is not sent again, and needs no cancelling', async () => {
    const { server, failed, cancelled, reply, seen } = await underWay(200, '');
    reply(failure('BUSY', { retryable: true }));
    await cancelled;
    expect(await failed).toMatchObject({ code: 'CONFLICT', definite: true });
    expect([server.calls, seen.length]).toEqual([[], 1]);
  });

  it('[CL16] never says NOT_FOUND of what may yet arrive', async () => {
    const { failed, cancelled, cut, seen, client } = await underWay(404, 'NOT_FOUND');
    const refused = rejection(cancelled);
    cut();
    expect(await refused).toMatchObject({ code: 'INDETERMINATE' });
    expect(await failed).toMatchObject({ code: 'CONFLICT', definite: false });
    await client.online();
    await client.status(['x']);
    expect(seen).toHaveLength(1);
  });

  it('[CL16] takes back what was not sent, and asks the server for the rest', async () => {
    const store = memoryStore();
    const offline = start(NOWHERE, store);
    const waiting = rejection(offline.trigger(target, 'go'));
    await until(async () => (await contentOf(store)).waiting.length === 1);
    const [stored] = (await contentOf(store)).waiting;
    await offline.cancel(stored?.id ?? '');
    expect(await waiting).toMatchObject({ code: 'CONFLICT', definite: true });
    await offline.close();
    expect((await contentOf(store)).waiting).toEqual([]);
    const { server } = await makeServer();
    const tokens = ['old', 'new'];
    server.onHttp = ({ headers }) =>
      headers.authorization === 'Bearer old'
        ? { status: 401, body: failure('TOKEN_EXPIRED') }
        : { status: 409, body: failure('CONFLICT') };
    const client = connect({ url: server.url, token: () => tokens.shift() ?? 'new' });
    cleanups.push(() => client.close());
    await client.online();
    tokens.unshift('old');
    expect(await rejection(client.cancel('some-id'))).toMatchObject({ code: 'CONFLICT' });
    expect(server.calls.map(({ path }) => path)).toEqual(Array(2).fill('/api/commands/some-id'));
  });
});
