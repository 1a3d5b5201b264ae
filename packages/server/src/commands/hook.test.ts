import type { BongsuError, CommandHookBody } from '@bongsu/protocol';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  type CommandsHarness,
  commandsConfig,
  commandsHarness,
  connectScreen,
  emptyLedger,
  FakeScreen,
  SENDER,
  triggerTo,
} from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { fastClock } from '../../test/support/fast-clock.js';
import {
  type Answerer,
  allow,
  type HookReceiver,
  startHookReceiver,
} from '../../test/support/hook-receiver.js';
import { memoryLog } from '../../test/support/memory-log.js';
import { logRefusal } from '../gateway/reply.js';
import type { Database } from '../platform/database/database.js';
import { redact } from '../platform/log-redaction.js';
import { cleanMessage, type HookAnswer } from './hook.js';
import type { CommandsDeps } from './index.js';

const json =
  (status: number, body: unknown): Answerer =>
  (response) =>
    void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));

describeEachDatabase('the command hook', (open) => {
  let database: Database;
  let receiver: HookReceiver;
  let harness: CommandsHarness;
  const log = memoryLog();
  const harnesses: CommandsHarness[] = [];

  const start = async (overrides: Partial<CommandsDeps> = {}) => {
    const made = commandsHarness(database, {
      log,
      config: commandsConfig({ hook: receiver.config }),
      ...overrides,
    });
    harnesses.push(made);
    await made.commands.start();
    for (const screenId of ['scr_a', 'scr_b']) {
      const streamId = harness?.screens.get(screenId);
      if (streamId === undefined) await made.addScreen(screenId);
      else made.screens.set(screenId, streamId);
    }
    return made;
  };
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    log.lines.length = 0;
    await emptyLedger(database);
    receiver = await startHookReceiver();
    harness = await start();
  });
  afterEach(async () => {
    for (const made of harnesses.splice(0)) await made.commands.stop(AbortSignal.timeout(1000));
    harness = undefined as unknown as CommandsHarness;
    await receiver.close();
  });
  const storedIds = async () => {
    const rows = await database.query<{ id: string }>('select id from commands order by stream_id, seq');
    return rows.map(({ id }) => id);
  };
  const refusal = (command: object, made = harness) =>
    made.send('trigger', command).then(
      () => undefined,
      (error: { code: string; details?: unknown; retryAfterMs?: number }) => error,
    );

  it('[DL75] is asked before a command is stored, signed, with its id as the idempotency key', async () => {
    const storedThen: Promise<string[]>[] = [];
    receiver.answer = (response, hook) => {
      const stored = storedIds();
      storedThen.push(stored);
      // Answered at once, the command might be stored before it was looked.
      void stored.then(() => allow(response, hook));
    };
    const command = triggerTo('scr_a', { data: { table: 4, __proto__: null }, displayIndex: 2 });
    expect(await harness.send('trigger', command)).toMatchObject({ seq: 1, duplicate: false });
    const [hook] = receiver.received;
    expect(hook?.signed).toBe(true);
    expect(hook?.headers).toMatchObject({
      'bongsu-event': 'command',
      'idempotency-key': command.id,
      'content-type': 'application/json',
    });
    expect(Math.abs(Number(hook?.headers['bongsu-timestamp']) * 1000 - Date.now())).toBeLessThan(60_000);
    expect(hook?.body).toEqual({
      command: {
        id: command.id,
        type: 'trigger',
        target: { screenId: 'scr_a' },
        from: { userId: SENDER, username: 'Ada' },
        action: 'show',
        data: { table: 4 },
        displayIndex: 2,
      },
    });
    expect(await storedThen[0]).toEqual([]);
    expect(await storedIds()).toEqual([command.id]);
  });

  it('[DL76] 4xx refuses with the message of the answer, cleaned and cut, and nothing is stored', async () => {
    receiver.answer = json(409, { message: `No \u0007more ${'x'.repeat(600)}` });
    expect(await refusal(triggerTo('scr_a'))).toMatchObject({
      code: 'FORBIDDEN',
      details: { message: `No more ${'x'.repeat(492)}` },
    });
    expect(await storedIds()).toEqual([]);
  });

  it.each<[string, Answerer]>([
    ['no JSON', (response) => void response.writeHead(403).end('<html>')],
    ['null', json(400, null)],
    ['a message that is no text', json(422, { message: { secret: 1 } })],
    ['an empty message', json(404, { message: '\u0000\n' })],
  ])('[DL76] a refusal with %s is FORBIDDEN without details', async (_, answer) => {
    receiver.answer = answer;
    const error = await refusal(triggerTo('scr_a'));
    expect([error?.code, error?.details]).toEqual(['FORBIDDEN', undefined]);
  });

  it.each<[string, Answerer]>([
    ['500', json(500, {})],
    ['408', json(408, {})],
    ['425', json(425, {})],
    ['429', json(429, { message: 'slow down' })],
    ['a redirect', (response) => void response.writeHead(307, { location: receiver.url }).end()],
    ['304', (response) => void response.writeHead(304).end()],
    ['a connection that is reset', (response) => response.socket?.resetAndDestroy()],
    [
      '200 and then a reset',
      (response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('half', () => response.socket?.resetAndDestroy());
      },
    ],
  ])('[DL77] %s is a fault: UNAVAILABLE, and nothing is stored', async (_, answer) => {
    receiver.answer = answer;
    expect(await refusal(triggerTo('scr_a'))).toMatchObject({
      code: 'UNAVAILABLE',
      retryAfterMs: expect.any(Number),
    });
    expect(receiver.received).toHaveLength(1);
    expect(await storedIds()).toEqual([]);
  });

  it.each<[string, Answerer]>([
    ['never answers', () => undefined],
    [
      'never ends its answer',
      (response) => {
        response.writeHead(200, { 'content-length': '100' });
        response.write('…');
      },
    ],
  ])('[DL77] a hook that %s is a fault after 2 s', async (_, answer) => {
    const made = await start({ clock: fastClock(20) });
    receiver.answer = answer;
    const error = await refusal(triggerTo('scr_a'), made);
    expect(error).toMatchObject({
      code: 'UNAVAILABLE',
      cause: { message: 'The hook took longer than 2000 ms' },
    });
    expect(await storedIds()).toEqual([]);
    receiver.answer = allow;
    expect(await made.send('trigger', triggerTo('scr_a'))).toMatchObject({ seq: 1 });
  });

  it('[DL77] an answer of 10 MB costs 64 KiB: its status counts and the connection ends', async () => {
    let written = 0;
    let ended: Promise<unknown> = Promise.resolve();
    receiver.answer = (response) => {
      ended = new Promise((resolve) => response.once('close', resolve));
      response.writeHead(403, { 'content-length': String(10_000_000) });
      const more = () => {
        while (written < 10_000_000 && !response.destroyed) {
          written += 10_000;
          if (!response.write('"'.repeat(10_000))) return void response.once('drain', more);
        }
      };
      more();
    };
    const error = await refusal(triggerTo('scr_a'));
    expect([error?.code, error?.details]).toEqual(['FORBIDDEN', undefined]);
    await ended;
    expect(written).toBeLessThan(10_000_000);
  });

  it('[DL78] a known command is answered from the ledger without asking', async () => {
    const command = triggerTo('scr_a');
    const first = await harness.send('trigger', command);
    receiver.answer = json(403, {});
    expect(await harness.send('trigger', command)).toEqual({ ...first, duplicate: true });
    expect(await refusal({ ...command, action: 'other' })).toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
    expect(receiver.received).toHaveLength(1);
  });

  it('[DL78] copies of one command that come together share one call', async () => {
    const responses: (() => void)[] = [];
    receiver.answer = (response, hook) => void responses.push(() => allow(response, hook));
    const command = triggerTo('scr_a');
    const copies = Array.from({ length: 20 }, (_, n) =>
      harness.send('trigger', command, { socketId: `socket ${n}` }),
    );
    await receiver.got(1);
    for (const respond of responses) respond();
    const answers = await Promise.all(copies);
    expect(answers.filter(({ duplicate }) => !duplicate)).toHaveLength(1);
    expect(new Set(answers.map(({ seq }) => seq))).toEqual(new Set([1]));
    expect(receiver.received).toHaveLength(1);
  });

  it('[DL3] [DL75] hooks of one socket run side by side, and the commands keep their order', async () => {
    const responses: (() => void)[] = [];
    receiver.answer = (response, hook) =>
      void responses.push(() => (hook.body.command.action === 'no' ? json(403, {}) : allow)(response, hook));
    const commands = Array.from({ length: 6 }, (_, n) =>
      triggerTo(n % 2 === 0 ? 'scr_a' : 'scr_b', n === 2 ? { action: 'no' } : {}),
    );
    const answers = commands.map((command) => harness.send('trigger', command));
    await receiver.got(6);
    for (const respond of responses.reverse()) respond();
    const settled = await Promise.allSettled(answers);
    expect(settled.map(({ status }) => status === 'fulfilled')).toEqual([
      true,
      true,
      false,
      true,
      true,
      true,
    ]);
    const [a0, b0, , b1, a1, b2] = commands.map(({ id }) => id);
    expect(await storedIds()).toEqual([a0, a1, b0, b1, b2]);
  });

  it('[DL75] the other gates come first, and a refused hook leaves the nonce to the same id', async () => {
    const stale = triggerTo('scr_a', { timestamp: 0 });
    expect(await refusal(stale)).toMatchObject({ code: 'REQUEST_EXPIRED' });
    expect(await refusal(triggerTo('scr_none'))).toMatchObject({ code: 'SCREEN_NOT_FOUND' });
    const replayed = await start({ registerNonce: () => false });
    expect(await refusal(triggerTo('scr_a', { nonce: 'n' }), replayed)).toMatchObject({
      code: 'REPLAY_DETECTED',
    });
    const limited = await start({ limit: () => ({ allowed: false, retryAfterMs: 1 }) });
    expect(await refusal(triggerTo('scr_a'), limited)).toMatchObject({ code: 'RATE_LIMIT' });
    expect(receiver.received).toHaveLength(0);
  });

  it('[DL77] [DL72] five faults open the circuit: nobody is asked until the pause is over', async () => {
    let now = 1_800_000_000_000;
    const clock = { ...fastClock(1), monotonic: () => now };
    const made = await start({ clock });
    receiver.answer = json(500, {});
    for (let n = 0; n < 5; n += 1) await refusal(triggerTo('scr_a'), made);
    receiver.answer = allow;
    expect(await refusal(triggerTo('scr_a'), made)).toMatchObject({
      code: 'UNAVAILABLE',
      retryAfterMs: 10_000,
    });
    expect(receiver.received).toHaveLength(5);
    expect(await storedIds()).toEqual([]);
    now += 10_000;
    expect(await made.send('trigger', triggerTo('scr_a'))).toMatchObject({ seq: 1 });
    expect(receiver.received).toHaveLength(6);
  });

  it.each<[string, Partial<CommandsDeps>]>([
    ['the same receiver', {}],
    ['a hook in this process', { commandHook: () => ({ allow: true }) }],
  ])('[DL72] [DL80] a receiver that fails only events keeps no command from %s', async (_, overrides) => {
    const made = await start(overrides);
    receiver.answer = (response, { body }) => void response.writeHead('command' in body ? 204 : 500).end();
    const screen = new FakeScreen('scr_a', { answer: () => ({ status: 'executed' }) });
    await connectScreen(made.commands, screen);
    for (let n = 0; n < 8; n += 1) await made.send('trigger', triggerTo('scr_a'));
    const stateOf = async (name: string) =>
      new RegExp(`breaker_state\\{name="${name}"\\} (\\d)`).exec(await made.metrics.text())?.[1];
    await expect.poll(() => stateOf('hook-events'), { timeout: 10_000 }).toBe('2');
    expect(await stateOf('hook')).toBe('0');
    expect(await made.send('trigger', triggerTo('scr_a'))).toMatchObject({ seq: 9 });
  });

  it('[DL76] refusals are answers: they never open the circuit', async () => {
    receiver.answer = json(403, {});
    for (let n = 0; n < 8; n += 1) await refusal(triggerTo('scr_a'));
    expect(receiver.received).toHaveLength(8);
  });

  it('[DL75] connections are shared and bounded, however many commands come at once', async () => {
    const answers = Array.from({ length: 200 }, (_, n) =>
      harness.send('trigger', triggerTo('scr_a', { data: n }), { socketId: `socket ${n}` }),
    );
    let most = 0;
    receiver.answer = async (response, hook) => {
      most = Math.max(most, await receiver.connections());
      allow(response, hook);
    };
    await Promise.all(answers);
    expect(most).toBeGreaterThan(1);
    expect(most).toBeLessThanOrEqual(64);
  });

  it('[DL79] neither the secret, nor the URL, nor what is in a command reaches the log', async () => {
    const data = { password: 'hunter2' };
    receiver.answer = (response) => response.socket?.resetAndDestroy();
    await refusal(triggerTo('scr_a', { data }));
    receiver.answer = json(403, { message: 'hunter2 is not allowed' });
    await refusal(triggerTo('scr_a', { data }));
    const { secret, url } = receiver.config;
    const written = JSON.stringify(log.lines, (_, value) =>
      value instanceof Error ? { message: value.message, stack: value.stack, cause: value.cause } : value,
    );
    for (const text of [secret, new URL(url).pathname, 'hunter2']) expect(written).not.toContain(text);
  });

  it('[DL79] [DL77] a hook that cannot be reached is logged with the code of the fault, without host, port and stack', async () => {
    const away = await startHookReceiver();
    await away.close();
    const made = await start({ config: commandsConfig({ hook: away.config }) });
    for (let n = 0; n < 5; n += 1) {
      const error = await refusal(triggerTo('scr_a'), made);
      expect(error).toMatchObject({ code: 'UNAVAILABLE', details: { cause: 'hook' } });
      logRefusal(log, error as BongsuError, {});
    }
    const lines = log.lines.map(({ context }) => redact(context));
    const message = 'The hook cannot be reached or broke off its answer (ECONNREFUSED)';
    expect(lines).toContainEqual({ code: 'UNAVAILABLE', err: { type: 'HookFault', message } });
    expect(lines).toContainEqual(expect.objectContaining({ breaker: 'hook', to: 'OPEN' }));
    const { host, hostname, port } = new URL(away.url);
    for (const text of [host, hostname, `:${port}`, '"port"', '"stack"'])
      expect(JSON.stringify(lines)).not.toContain(text);
  });

  describe('in this process', () => {
    const withHook = (hook: (body: CommandHookBody) => unknown) =>
      start({ config: commandsConfig(), commandHook: hook as (body: CommandHookBody) => HookAnswer });

    it('[DL75] has the same shape and the same say', async () => {
      const made = await withHook(({ command }) =>
        command.action === 'no' ? { allow: false, message: 'Closed\n today' } : { allow: true },
      );
      expect(await made.send('trigger', triggerTo('scr_a'))).toMatchObject({ seq: 1 });
      expect(await refusal(triggerTo('scr_a', { action: 'no' }), made)).toMatchObject({
        code: 'FORBIDDEN',
        details: { message: 'Closed today' },
      });
    });

    it('[DL75] changes nothing in the command', async () => {
      const made = await withHook(({ command }) => {
        Object.assign(command, { action: 'changed' });
        (command.data as { n: number }).n = 99;
        return { allow: true };
      });
      const screen = new FakeScreen('scr_a', { answer: () => ({ status: 'executed' }) });
      await connectScreen(made.commands, screen);
      await made.send('trigger', triggerTo('scr_a', { data: { n: 1 } }));
      const [sent] = await screen.received(1);
      expect(sent?.entry).toMatchObject({ action: 'show', data: { n: 1 } });
    });

    it.each<[string, () => unknown]>([
      ['throws', () => Promise.reject(new Error('bug'))],
      [
        'throws at once',
        () => {
          throw new Error('bug');
        },
      ],
      ['answers nothing', () => undefined],
      ['answers something else', () => ({ allow: 'yes' })],
    ])('[DL77] one that %s is a fault', async (_, hook) => {
      const made = await withHook(hook);
      expect(await refusal(triggerTo('scr_a'), made)).toMatchObject({ code: 'UNAVAILABLE' });
      expect(await storedIds()).toEqual([]);
    });

    it('[DL77] one that hangs is a fault after 2 s', async () => {
      const made = await start({
        config: commandsConfig(),
        clock: fastClock(20),
        commandHook: () => new Promise<never>(() => {}),
      });
      expect(await refusal(triggerTo('scr_a'), made)).toMatchObject({ code: 'UNAVAILABLE' });
    });

    it('[DL38] a command that still waits for its hook when the server stops is refused for now', async () => {
      let letIn = (_: HookAnswer) => {};
      let asked = () => {};
      const isAsked = new Promise<void>((resolve) => {
        asked = resolve;
      });
      const made = await start({
        config: commandsConfig(),
        commandHook: () => {
          asked();
          return new Promise((resolve) => {
            letIn = resolve;
          });
        },
      });
      const refused = refusal(triggerTo('scr_a'), made);
      await isAsked;
      await made.commands.stop(AbortSignal.timeout(1000));
      letIn({ allow: true });
      expect(await refused).toMatchObject({ code: 'UNAVAILABLE' });
      expect(await storedIds()).toEqual([]);
    });
  });
});

it.each([
  [undefined, undefined],
  [7, undefined],
  ['', undefined],
  ['a\u0000b\u009f\u202ec', 'ab\u202ec'],
  ['half \ud800 of a pair', 'half  of a pair'],
  ['😀'.repeat(501), '😀'.repeat(500)],
])('[DL76] cleans %j', (message, cleaned) => {
  expect(cleanMessage(message)).toBe(cleaned);
});
