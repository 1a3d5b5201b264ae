import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DeviceCredential, Entry, Screen as ScreenView } from '@bongsu/protocol';
import { afterEach, expect, it } from 'vitest';
import { LeapingClock } from '../../server/test/support/leaping-clock.js';
import { describeEachServer } from '../../server/test/support/server.js';
import { connect } from '../src/client.js';
import { type ScreenOptions, screen } from '../src/screen.js';
import { memoryStore } from '../src/screen-store.js';
import { ClientTokenManager } from '../src/token-manager.js';
import { withResolvers } from '../src/with-resolvers.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const PASSWORD = 'correct horse battery';
let people = 0;

async function signUp(url: string) {
  const tokens = new ClientTokenManager({ url });
  cleanups.push(() => tokens.close());
  people += 1;
  const email = `time${people}@example.org`;
  await tokens.signup({ email, password: PASSWORD, username: 'Person' });
  const client = connect({ url, tokens });
  cleanups.push(() => client.close());
  return { tokens, client, email };
}

async function newScreen(url: string, tokens: ClientTokenManager, options: Partial<ScreenOptions>) {
  const made = await tokens.request<{ screen: ScreenView }>('/api/screens', { body: { name: 'Lobby' } });
  const { screenId } = made.screen;
  const path = `/api/screens/${screenId}/credentials`;
  const credential = await tokens.request<DeviceCredential>(path, { method: 'POST', body: {} });
  const device = screen({ url, store: memoryStore(), credential, ...options });
  cleanups.push(() => device.close());
  return { device, target: { screenId } };
}

/** A handler whose runs end when they are told. */
function slowHandler() {
  const runs: { seq: number; end: () => void }[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  return {
    seqs: () => runs.map(({ seq }) => seq),
    onTrigger: async ({ seq }: Entry) => {
      const { promise, resolve } = withResolvers<void>();
      runs.push({ seq, end: resolve });
      for (const waiter of waiting) if (runs.length >= waiter.count) waiter.resolve();
      await promise;
    },
    /** Resolves once so many have begun. */
    begun: (count: number) =>
      new Promise<void>((resolve) => {
        waiting.push({ count, resolve });
        if (runs.length >= count) resolve();
      }),
    end: (nth: number) => runs[nth - 1]?.end(),
  };
}

describeEachServer('slow handlers', (start) => {
  it('[DL48] [CL18] one of 30 s, announced by ackTimeoutMs, runs once; unannounced its entry is dead after 4 × 5 s', async () => {
    const clock = new LeapingClock();
    const { url } = await start({ overrides: { clock } });
    const { tokens, client } = await signUp(url);
    const [announced, silent] = [slowHandler(), slowHandler()];
    const slow = await newScreen(url, tokens, { onTrigger: announced.onTrigger, ackTimeoutMs: 60_000 });
    const mute = await newScreen(url, tokens, { onTrigger: silent.onTrigger });
    const [kept, lost] = await Promise.all([
      client.trigger(slow.target, 'play'),
      client.trigger(mute.target, 'play'),
    ]);
    await Promise.all([announced.begun(1), silent.begun(1)]);
    let isLost = false;
    const end = lost.executed.finally(() => {
      isLost = true;
    });
    // The server hears both: what they leave unanswered counts as unanswered. It decides nothing while its lease is being renewed,
    // so it may have to hear them once more.
    for (let second = 0; second < 30 || !isLost; second += 1) {
      if (second < 30) clock.leap(1_000);
      await Promise.all([slow.device.report('/busy'), mute.device.report('/busy')]);
    }
    expect(await end).toMatchObject({
      status: 'dead',
      deliveries: [{ status: 'dead', reason: 'no-receipt' }],
    });
    announced.end(1);
    silent.end(1);
    expect((await kept.executed).status).toBe('executed');
    // It goes on with what comes next.
    const next = await client.trigger(mute.target, 'play');
    await silent.begun(2);
    silent.end(2);
    expect((await next.executed).status).toBe('executed');
    expect([announced.seqs(), silent.seqs()]).toEqual([[1], [1, 2]]);
  });

  it('[DL48] [CL18] a window of 32 with handlers of 1 s takes 32 s, and each runs once', async () => {
    const clock = new LeapingClock();
    const { url } = await start({ overrides: { clock } });
    const { tokens, client } = await signUp(url);
    const handler = slowHandler();
    const { device, target } = await newScreen(url, tokens, { onTrigger: handler.onTrigger, window: 32 });
    const waiting = await Promise.all(Array.from({ length: 32 }, () => client.trigger(target, 'play')));
    for (let nth = 1; nth <= 32; nth += 1) {
      await handler.begun(nth);
      clock.leap(1_000);
      await device.report(`/${nth}`);
      handler.end(nth);
    }
    const ends = await Promise.all(waiting.map(({ executed }) => executed));
    expect(new Set(ends.map(({ status }) => status))).toEqual(new Set(['executed']));
    expect(handler.seqs()).toEqual(waiting.map((_, at) => at + 1));
  });
});

/** Makes each Date of a process wrong by OFF_MS, before anything else of it runs. */
const WRONG_DATE = `
  const Right = Date;
  globalThis.Date = class extends Right {
    constructor(...given) {
      if (given.length > 0) super(...given);
      else super(Right.now() + Number(process.env.OFF_MS));
    }
    static now() {
      return Right.now() + Number(process.env.OFF_MS);
    }
  };
`;
const SCREEN = `
  import { screen } from './dist/index.js';
  import { fileStore } from './dist/file-store.js';
  const [url, file] = process.argv.slice(1);
  const tell = (said) => console.log(JSON.stringify({ ...said, at: Date.now() }));
  screen({
    url,
    store: fileStore(file),
    onCode: ({ code }) => tell({ code }),
    onTrigger: ({ seq }) => tell({ ran: seq }),
  });
`;
const CONTROLLER = `
  import { ClientTokenManager, connect } from './dist/index.js';
  const [url, email, password, screenId] = process.argv.slice(1);
  const tokens = new ClientTokenManager({ url });
  await tokens.login({ email, password });
  const client = connect({ url, tokens });
  const { executed, duplicate } = await client.trigger({ screenId }, 'play', undefined, { ttlMs: 60_000 });
  const { status } = await executed;
  console.log(JSON.stringify({ status, duplicate, at: Date.now() }));
  await client.close();
  tokens.close();
`;

interface Said {
  at: number;
  code?: string;
  ran?: number;
  status?: string;
  duplicate?: boolean;
}

/** A process with a wrong clock, and the next line that it says. */
function spawnWrong(offMs: number, script: string, args: string[]) {
  const preload = `data:text/javascript,${encodeURIComponent(WRONG_DATE)}`;
  const child: ChildProcess = spawn(
    process.execPath,
    ['--import', preload, '--input-type=module', '-e', script, ...args],
    {
      cwd: fileURLToPath(new URL('../', import.meta.url)),
      env: { ...process.env, OFF_MS: `${offMs}` },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const gone = new Promise((resolve) => child.once('exit', resolve));
  cleanups.push(() => {
    child.kill('SIGKILL');
    return gone;
  });
  const lines: Said[] = [];
  const waiting: ((said: Said) => void)[] = [];
  let rest = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    const parts = (rest + text).split('\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const said = JSON.parse(part) as Said;
      const waiter = waiting.shift();
      if (waiter) waiter(said);
      else lines.push(said);
    }
  });
  return (): Promise<Said> => {
    const said = lines.shift();
    return said ? Promise.resolve(said) : new Promise((resolve) => waiting.push(resolve));
  };
}

describeEachServer('a wrong clock', (start) => {
  const MINUTES_10 = 600_000;

  it.each([
    ['behind', -MINUTES_10],
    ['ahead', MINUTES_10],
  ])(
    '[STB6] [DL9] a screen whose clock is 10 min %s pairs, connects and executes, and a controller like it is accepted',
    async (_, offMs) => {
      const { url } = await start();
      const folder = mkdtempSync(join(tmpdir(), 'bongsu-time-'));
      cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
      const { tokens, client, email } = await signUp(url);
      const says = spawnWrong(offMs, SCREEN, [url, join(folder, 'screen.json')]);
      const { code, at } = await says();
      expect(Math.abs(at - Date.now() - offMs)).toBeLessThan(MINUTES_10 / 2);
      const body = { code, name: 'Kiosk' };
      const claimed = await tokens.request<{ screen: ScreenView }>('/api/screens/pairings/claim', { body });
      const { screenId } = claimed.screen;
      const command = await client.trigger({ screenId }, 'play', undefined, { ttlMs: 60_000 });
      expect(await says()).toMatchObject({ ran: 1 });
      expect((await command.executed).status).toBe('executed');
      const controllerSays = spawnWrong(offMs, CONTROLLER, [url, email, PASSWORD, screenId]);
      expect(await controllerSays()).toMatchObject({ status: 'executed', duplicate: false });
      expect(await says()).toMatchObject({ ran: 2 });
    },
  );
});
