import { type ChildProcess, spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expectAccepted, expectRefused, send, trigger, World } from '@bongsu/conformance';
import { type DeliveryHookBody, HealthSchema } from '@bongsu/protocol';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { describeEachServer } from './support/server.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SECRET = 'the secret of the example';

/** examples/hook-receiver.mjs as a reader runs it, beside a server that asks it. */
describeEachServer('examples/hook-receiver.mjs', (start) => {
  let child: ChildProcess;
  let output = '';
  let wake = () => {};
  let url = '';
  let world: World;

  const shows = async (pattern: RegExp): Promise<RegExpMatchArray> => {
    for (;;) {
      const match = output.match(pattern);
      if (match) return match;
      if (child.exitCode !== null) throw new Error(`It ended without ${pattern}:\n${output}`);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const post = (body: string, timestamp: number, signature: string, event = 'dead') =>
    fetch(url, {
      method: 'POST',
      headers: {
        'bongsu-event': event,
        'bongsu-timestamp': String(timestamp),
        'bongsu-signature': signature,
      },
      body,
    });
  const sign = (body: string, timestamp: number, secret = SECRET) =>
    `v1=${createHmac('sha256', secret).update(`${timestamp}.${body}`).digest('hex')}`;

  beforeAll(async () => {
    output = '';
    child = spawn(process.execPath, ['examples/hook-receiver.mjs'], {
      cwd: ROOT,
      env: { PATH: process.env.PATH, COMMAND_HOOK_SECRET: SECRET, PORT: '0' },
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        output += text;
        wake();
      });
    }
    child.on('exit', () => wake());
    url = (await shows(/http:\S+/))[0];
    const settings = { COMMAND_HOOK_URL: url, COMMAND_HOOK_SECRET: SECRET };
    world = new World({ url: (await start({ settings })).url });
  });
  afterAll(async () => {
    world?.sockets.closeAll();
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGTERM');
    await ended;
  });

  it('[DL75] [DL76] allows and refuses the commands of a real server', async () => {
    const owner = await world.person('owner');
    const { screenId } = await world.createScreen(owner);
    const socket = await world.controller(owner);
    const command = trigger(screenId);
    expect(expectAccepted(await send(socket, 'trigger', command))).toMatchObject({ seq: 1 });
    await shows(new RegExp(`allowed trigger ${command.id}`));
    const refused = trigger(screenId, { action: 'self-destruct' });
    const error = expectRefused(await send(socket, 'trigger', refused), 'FORBIDDEN');
    expect(error.details).toEqual({ message: 'Someone may not self-destruct.' });
    const answer = await world.http.post(
      `/api/screens/${screenId}/trigger`,
      { action: 'self-destruct' },
      owner.accessToken,
    );
    expect([answer.status, answer.body]).toMatchObject([403, { error: { code: 'FORBIDDEN' } }]);
  });

  it('[DL80] prints events, and takes none that is forged or old', async () => {
    const event: DeliveryHookBody['event'] = {
      id: randomUUID(),
      type: 'dead',
      commandId: randomUUID(),
      commandType: 'trigger',
      screenId: 'scr_a',
      senderId: randomUUID(),
      attempts: 4,
      at: Date.now(),
      reason: 'exhausted',
    };
    const body = JSON.stringify({ event });
    const now = Math.floor(Date.now() / 1000);
    expect((await post(body, now, sign(body, now))).status).toBe(204);
    await shows(new RegExp(`dead ${event.commandId} on scr_a \\(exhausted\\)`));
    for (const [timestamp, signature] of [
      [now, sign(body, now, 'another secret')],
      [now, sign(`${body} `, now)],
      [now + 1, sign(body, now)],
      [now, ''],
      [now - 301, sign(body, now - 301)],
      [now + 302, sign(body, now + 302)],
    ] as const) {
      expect((await post(body, timestamp, signature)).status).toBe(401);
    }
    expect((await post('no JSON', now, sign('no JSON', now))).status).toBe(500);
    const large = 'x'.repeat(300_000);
    expect((await post(large, now, sign(large, now))).status).toBe(413);
  });

  it('[DL75] docs/hooks.md shows it as it is', () => {
    const page = readFileSync(`${ROOT}docs/hooks.md`, 'utf8');
    const [, shown] = page.match(/```js\n([\s\S]*?)```/) ?? [];
    expect(shown).toBe(readFileSync(`${ROOT}examples/hook-receiver.mjs`, 'utf8'));
  });
});

describeEachServer('a hook in this process', (start) => {
  it('[DL74] [DL77] that fails opens its circuit, and health says degraded', async () => {
    let isWell = false;
    const commandHook = () => {
      if (!isWell) throw new Error('a bug of the hook');
      return { allow: true } as const;
    };
    const { url } = await start({ overrides: { commandHook } });
    const world = new World({ url });
    const owner = await world.person('owner');
    const { screenId } = await world.createScreen(owner);
    const socket = await world.controller(owner);
    const health = async () => HealthSchema.parse((await world.http.get('/api/health')).body);
    expect(await health()).toMatchObject({
      status: 'ok',
      checks: { 'breaker.database': { status: 'ok' }, 'breaker.hook': { status: 'ok' } },
    });
    for (let n = 0; n < 5; n += 1)
      expectRefused(await send(socket, 'trigger', trigger(screenId)), 'UNAVAILABLE');
    isWell = true;
    const { retryAfterMs } = expectRefused(await send(socket, 'trigger', trigger(screenId)), 'UNAVAILABLE');
    expect(retryAfterMs).toBeGreaterThan(1000);
    expect(retryAfterMs).toBeLessThanOrEqual(10_000);
    expect(await health()).toMatchObject({
      status: 'degraded',
      checks: { 'breaker.hook': { status: 'degraded', message: 'The circuit is OPEN.' } },
    });
    const ready = await world.http.get('/api/health/ready');
    expect(ready.status).toBe(200);
    world.sockets.closeAll();
  });
});
