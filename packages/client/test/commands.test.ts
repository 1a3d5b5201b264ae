import {
  type Accepted,
  type Answer,
  BongsuError,
  type CommandStatus,
  type TriggerInput,
} from '@bongsu/protocol';
import { afterEach, describe, expect, it } from 'vitest';
import { type Client, type ConnectOptions, connect } from '../src/client.js';
import { CommandError } from '../src/errors.js';
import { next } from './support/events.js';
import { FakeClock } from './support/fake-clock.js';
import { failure, ScriptedServer, type ServerLink } from './support/scripted-server.js';

const target = { screenId: 'scr_1' };
const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

function accepted(id: string, extra: Partial<Accepted> = {}): Answer<Accepted> {
  const stream = 'screen:scr_1';
  return {
    success: true,
    id,
    status: 'accepted',
    stream,
    seq: 1,
    epoch: 'e1',
    acceptedAt: 1,
    duplicate: false,
    ...extra,
  };
}

function ended(id: string, extra: Partial<CommandStatus> = {}): CommandStatus {
  return { id, screenId: 'scr_1', status: 'executed', attempt: 1, at: 2, ...extra };
}

type OnTrigger = (
  payload: TriggerInput,
  ack: (answer: Answer<Accepted>) => void,
  link: ServerLink,
  nth: number,
) => void;

/** A server that answers triggers as told, and a client on it. */
async function setUp(onTrigger: OnTrigger, options: Partial<ConnectOptions> = {}) {
  const server = await new ScriptedServer().start();
  cleanups.push(() => server.stop());
  const seen: TriggerInput[] = [];
  server.onLink = (link) => {
    link.on('trigger', (payload, ack) => {
      seen.push(payload);
      onTrigger(payload, ack ?? (() => {}), link, seen.length);
    });
  };
  const client: Client = connect({ url: server.url, token: 't', random: () => 0.5, ...options });
  cleanups.push(() => client.close());
  return { server, seen, client };
}

const rejection = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (error: unknown) => error,
  );

describe('commands', () => {
  it('[MSG3] trigger resolves on the ack, executed on the final status', async () => {
    const { client, seen } = await setUp((payload, ack, link) => {
      // The screen may be quicker than the ack.
      link.emit('command-status', ended(payload.id, { status: 'retrying', error: 'once' }));
      link.emit('command-status', ended(payload.id, { attempt: 2 }));
      ack(accepted(payload.id));
    });
    const command = await client.trigger(target, 'play', { clip: 7 }, { displayIndex: 2, notify: 'final' });
    expect(command).toMatchObject({ id: seen[0]?.id, status: 'accepted', seq: 1, stream: 'screen:scr_1' });
    expect(command).not.toHaveProperty('success');
    expect(await command.executed).toEqual({
      id: command.id,
      status: 'executed',
      deliveries: [ended(command.id, { attempt: 2 })],
    });
    expect(seen[0]).toEqual({
      id: command.id,
      timestamp: seen[0]?.timestamp,
      target,
      action: 'play',
      data: { clip: 7 },
      displayIndex: 2,
      notify: 'final',
    });
  });

  it('[MSG3] ids are UUIDv7, times the server’s, made at the first transmission', async () => {
    const { client, server, seen } = await setUp(({ id }, ack) => ack(accepted(id)));
    await client.online();
    server.ready = { serverTime: Date.now() + 600_000 };
    const offline = next(client, 'state', ({ state }) => state === 'offline');
    server.cut();
    await offline;
    const { id } = await client.trigger(target, 'go');
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    const timestamp = seen[0]?.timestamp ?? 0;
    expect(timestamp - Date.now()).toBeGreaterThan(590_000);
    expect(Number.parseInt(id.replace('-', '').slice(0, 12), 16)).toBe(timestamp);
  });

  it('[MSG3] a lost ack is asked for again with the same id and timestamp', async () => {
    const { client, seen } = await setUp(({ id }, ack, link, nth) => {
      if (nth === 1) link.conn.close();
      else ack(accepted(id, { duplicate: true }));
    });
    const data = { n: 1 };
    const command = client.trigger(target, 'go', data);
    data.n = 2;
    expect((await command).duplicate).toBe(true);
    expect(seen).toHaveLength(2);
    expect(seen[1]).toEqual(seen[0]);
    expect(seen[1]?.data).toEqual({ n: 1 });
  });

  it('[MSG3] commands called offline go out in order once online', async () => {
    const { client, seen } = await setUp(({ id }, ack) => ack(accepted(id)));
    await Promise.all(['a', 'b', 'c'].map((action) => client.trigger(target, action)));
    expect(seen.map(({ action }) => action)).toEqual(['a', 'b', 'c']);
  });

  it('[CL7] what is refused for now is sent again under the same id, after the wait that was asked for', async () => {
    const codes = ['BUSY', 'RATE_LIMIT', 'UNAVAILABLE', 'INDETERMINATE', 'INTERNAL_ERROR'];
    const { client, seen } = await setUp(({ id }, ack, _link, nth) => {
      const code = codes[nth - 1];
      ack(code ? failure(code, { retryable: true, retryAfterMs: 5 }) : accepted(id));
    });
    await client.trigger(target, 'go');
    expect(new Set(seen.map(({ id, timestamp }) => `${id} ${timestamp}`)).size).toBe(1);
    expect(seen).toHaveLength(6);
  });

  it('[CL7] REQUEST_EXPIRED is stamped anew by the server’s time, with the same id', async () => {
    const serverTime = Date.now() - 3_600_000;
    const { client, seen } = await setUp(({ id, timestamp }, ack) => {
      const fresh = Math.abs(timestamp - serverTime) < 300_000;
      ack(fresh ? accepted(id) : failure('REQUEST_EXPIRED', { details: { serverTime } }));
    });
    await client.trigger(target, 'go');
    expect(seen).toHaveLength(2);
    expect(seen[1]?.id).toBe(seen[0]?.id);
  });

  it('[CL7] rejects with the protocol’s error; definite unless a transmission is in doubt', async () => {
    const refused = await setUp((_payload, ack) =>
      ack(failure('SCREEN_NOT_FOUND', { details: { hint: 1 } })),
    );
    const plain = await rejection(refused.client.trigger(target, 'go'));
    expect(plain).toBeInstanceOf(CommandError);
    expect(plain).toMatchObject({ code: 'SCREEN_NOT_FOUND', definite: true, details: { hint: 1 } });
    const doubtful = await setUp((_payload, ack, link, nth) => {
      if (nth === 1) link.conn.close();
      else ack(failure('FORBIDDEN'));
    });
    const unsure = await rejection(doubtful.client.trigger(target, 'go'));
    expect(unsure).toMatchObject({ code: 'FORBIDDEN', definite: false, id: doubtful.seen[0]?.id });
  });

  it('[CL7] TOKEN_EXPIRED on a command renews the token on the live socket, then sends it again', async () => {
    let renewed: string | undefined;
    const given = ['old', 'new'];
    const { client, server } = await setUp(
      ({ id }, ack) => ack(renewed ? accepted(id) : failure('TOKEN_EXPIRED')),
      { token: () => given.shift() ?? 'later' },
    );
    const attach = server.onLink;
    server.onLink = (link, handshake) => {
      attach(link, handshake);
      link.on('auth-refresh', ({ token }, ack) => {
        renewed = token;
        ack?.({ success: true, expiresAt: 1 });
      });
    };
    await client.trigger(target, 'go');
    expect(renewed).toBe('new');
    expect(server.handshakes).toHaveLength(1);
  });

  it('[CL7] waits for a token that cannot be renewed yet', async () => {
    let failures = 5;
    let phase: 'good' | 'expired' | 'renewed' = 'good';
    const token = () => {
      if (phase === 'expired' && failures > 0)
        throw new BongsuError('UNAVAILABLE', { retryAfterMs: failures-- });
      if (phase === 'expired') phase = 'renewed';
      return 't';
    };
    const { client } = await setUp(
      ({ id }, ack) => {
        if (phase === 'good') phase = 'expired';
        ack(phase === 'renewed' ? accepted(id) : failure('TOKEN_EXPIRED'));
      },
      { token },
    );
    await client.trigger(target, 'go');
    expect(failures).toBe(0);
  });

  it('[CL7] gives up after queueTtlMs: UNAVAILABLE if it was never sent, INDETERMINATE if it was', async () => {
    const away = connect({ url: 'http://127.0.0.1:9', token: 't', queueTtlMs: 50 });
    cleanups.push(() => away.close());
    const unsent = await rejection(away.trigger(target, 'go'));
    expect(unsent).toMatchObject({ code: 'UNAVAILABLE', definite: true, id: undefined });
    const mute = await setUp(() => {});
    await mute.client.online();
    const sent = await rejection(mute.client.trigger(target, 'go', undefined, { queueTtlMs: 50 }));
    expect(sent).toMatchObject({ code: 'INDETERMINATE', definite: false, id: mute.seen[0]?.id });
  });

  it('[CL7] sends again under the same id after 15 s of silence on a live socket', async () => {
    const clock = new FakeClock();
    let second: (() => void) | undefined;
    const { client, seen } = await setUp(
      ({ id }, ack, _link, nth) => {
        if (nth === 1) second?.();
        else ack(accepted(id));
      },
      { clock },
    );
    const arrived = new Promise<void>((resolve) => {
      second = resolve;
    });
    const command = client.trigger(target, 'go');
    await arrived;
    clock.advance(15_000);
    await command;
    expect(seen[1]).toEqual(seen[0]);
  });

  it('[CL7] the queue is bounded, and what would break the connection is refused at once', async () => {
    const away = connect({ url: 'http://127.0.0.1:9', token: 't', maxQueued: 1 });
    const waiting = rejection(away.trigger(target, 'go'));
    expect(await rejection(away.trigger(target, 'go'))).toMatchObject({ code: 'BUSY', definite: true });
    const large = await rejection(away.trigger(target, 'go', 'x'.repeat(17_000)));
    expect(large).toMatchObject({ code: 'PAYLOAD_TOO_LARGE', definite: true });
    const long = await rejection(away.navigate(target, `/${'x'.repeat(70_000)}`));
    expect(long).toMatchObject({ code: 'PAYLOAD_TOO_LARGE', definite: true });
    const cycle: Record<string, unknown> = {};
    cycle.self = cycle;
    expect(await rejection(away.trigger(target, 'go', cycle))).toMatchObject({ code: 'VALIDATION_ERROR' });
    away.close();
    expect(await waiting).toMatchObject({ code: 'UNAVAILABLE', definite: true });
  });

  it('[CL7] a signal takes an unsent command back', async () => {
    const { client, seen, server } = await setUp(({ id }, ack) => ack(accepted(id)));
    await client.online();
    await server.stop();
    const stop = new AbortController();
    const command = rejection(client.trigger(target, 'never', undefined, { signal: stop.signal }));
    stop.abort(new Error('enough'));
    expect(await command).toEqual(new Error('enough'));
    expect(
      await rejection(client.trigger(target, 'never', undefined, { signal: stop.signal })),
    ).toBeDefined();
    await server.start();
    await client.trigger(target, 'go');
    expect(seen.map(({ action }) => action)).toEqual(['go']);
  });

  it('[CL21] what was called under one account is never sent by the next: it rejects, and so does what it asked for', async () => {
    let served = 0;
    const { client, seen, server } = await setUp(({ id, action }, ack, link) => {
      if (action !== 'lost') return ack(accepted(id));
      served += 1;
      // Accepted, and its ack lost; meanwhile the app signs somebody else in.
      server.ready = { userId: 'b' };
      link.conn.close();
    });
    server.ready = { userId: 'a' };
    await client.online();
    const open = await client.trigger(target, 'open');
    const offline = next(client, 'state', ({ state }) => state === 'offline');
    const lost = rejection(client.trigger(target, 'lost'));
    await offline;
    const unsent = rejection(client.trigger(target, 'unsent'));
    expect(await lost).toMatchObject({ code: 'AUTH_ERROR', definite: false, id: seen[1]?.id });
    expect(await unsent).toMatchObject({ code: 'AUTH_ERROR', definite: true });
    expect(await rejection(open.executed)).toMatchObject({ code: 'AUTH_ERROR' });
    await client.trigger(target, 'own');
    expect([served, seen.map(({ action }) => action)]).toEqual([1, ['open', 'lost', 'own']]);
  });

  it('[CL21] the same account sends what it called after each reconnect', async () => {
    const { client, seen, server } = await setUp(({ id }, ack, link, nth) => {
      if (nth === 1) link.conn.close();
      else ack(accepted(id, { duplicate: true }));
    });
    server.ready = { userId: 'a' };
    expect(await client.trigger(target, 'go')).toMatchObject({ duplicate: true });
    expect(seen[1]).toEqual(seen[0]);
  });

  it('[CL7] a queueTtlMs that no timer can hold is refused at once', async () => {
    for (const queueTtlMs of [Number.POSITIVE_INFINITY, Number.NaN, -1, 2 ** 31]) {
      expect(() => connect({ url: 'http://127.0.0.1:9', token: 't', queueTtlMs })).toThrow(
        /queueTtlMs must be/,
      );
    }
    const { client, seen } = await setUp(({ id }, ack) => ack(accepted(id)));
    const refused = client.trigger(target, 'go', undefined, { queueTtlMs: Number.POSITIVE_INFINITY });
    expect(await rejection(refused)).toMatchObject({ code: 'VALIDATION_ERROR', definite: true });
    expect(seen).toEqual([]);
  });

  it('[CL8] executed survives missed statuses: it asks after a reconnect', async () => {
    const { client, server } = await setUp(({ id }, ack, link) => {
      ack(accepted(id));
      setImmediate(() => link.conn.close());
    });
    const attach = server.onLink;
    server.onLink = (link, handshake) => {
      attach(link, handshake);
      link.on('status', ({ ids }, ack) => {
        const delivery = { screenId: 'scr_1', attempts: 4, executedAt: null, error: 'boom' };
        const items = ids.map((id) => ({
          id,
          type: 'trigger',
          target,
          status: 'dead' as const,
          acceptedAt: 1,
          deliveries: [{ ...delivery, status: 'dead' as const, reason: 'exhausted' as const }],
        }));
        ack?.({ success: true, items });
      });
    };
    const { id, executed } = await client.trigger(target, 'go');
    const delivery = {
      id,
      screenId: 'scr_1',
      status: 'dead',
      attempt: 4,
      at: 1,
      error: 'boom',
      reason: 'exhausted',
    };
    expect(await executed).toEqual({ id, status: 'dead', deliveries: [delivery] });
    expect(await client.status([id])).toMatchObject([{ id, status: 'dead' }]);
  });

  it('[CL8] a room command is executed when all its screens are, partial when they differ', async () => {
    const { client } = await setUp(({ id }, ack, link) => {
      ack(accepted(id, { screens: 2 }));
      link.emit('command-status', ended(id));
      link.emit('command-status', ended(id, { screenId: 'scr_2', status: 'expired' }));
    });
    const { executed } = await client.trigger({ roomId: 'lobby' }, 'go');
    expect((await executed).status).toBe('partial');
  });

  it('[CL8] executed rejects once the client is closed, and nobody is bothered who did not ask', async () => {
    const { client } = await setUp(({ id }, ack) => ack(accepted(id)));
    const { executed } = await client.trigger(target, 'go');
    await client.trigger(target, 'unasked');
    client.close();
    expect(await rejection(executed)).toMatchObject({ code: 'UNAVAILABLE' });
  });
});
