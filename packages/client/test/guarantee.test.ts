import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BongsuError, DeviceCredential, Entry, Screen as ScreenView } from '@bongsu/protocol';
import { afterEach, expect, it } from 'vitest';
import { describeEachServer } from '../../server/test/support/server.js';
import { connect } from '../src/client.js';
import { fileStore } from '../src/file-store.js';
import { type ScreenOptions, screen } from '../src/screen.js';
import { memoryStore } from '../src/screen-store.js';
import { ClientTokenManager } from '../src/token-manager.js';
import { next } from './support/events.js';
import { signedIn } from './support/signed-in.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const PASSWORD = 'correct horse battery';
let people = 0;

/** An account, and a screen of its that starts when told. */
async function setUp(url: string, options: Partial<ScreenOptions>) {
  const tokens = new ClientTokenManager({ url });
  cleanups.push(() => tokens.close());
  people += 1;
  const email = `guarantee${people}@example.org`;
  await tokens.signup({ email, password: PASSWORD, username: 'Person' });
  const made = await tokens.request<{ screen: ScreenView }>('/api/screens', { body: { name: 'Lobby' } });
  const { screenId } = made.screen;
  const path = `/api/screens/${screenId}/credentials`;
  const credential = await tokens.request<DeviceCredential>(path, { method: 'POST', body: {} });
  const start = () => {
    const device = screen({ url, store: memoryStore(), credential, ...options });
    cleanups.push(() => device.close());
    return device;
  };
  return { tokens, email, target: { screenId }, start };
}

describeEachServer('the SDK and the whole guarantee', (start) => {
  it('[CL18] a screen that was away runs 300 waiting triggers through a window of 32, once each and in order', async () => {
    const { url } = await start();
    const ran: number[] = [];
    const onTrigger = ({ seq }: Entry) => void ran.push(seq);
    const lobby = await setUp(url, { onTrigger, window: 32 });
    const client = connect({ url, tokens: lobby.tokens });
    cleanups.push(() => client.close());
    const waiting = await Promise.all(
      Array.from({ length: 300 }, (_, n) => client.trigger(lobby.target, 'go', { n }, { notify: 'final' })),
    );
    lobby.start();
    const ends = await Promise.all(waiting.map(({ executed }) => executed));
    expect(new Set(ends.map(({ status }) => status))).toEqual(new Set(['executed']));
    expect(ran).toEqual(waiting.map((_, at) => at + 1));
  });

  it('[CL18] a handler that throws in the middle of a window is retried before anything after it runs', async () => {
    const { url } = await start();
    const log: string[] = [];
    let faults = 1;
    const onTrigger = ({ seq }: Entry) => {
      log.push(`${seq}`);
      if (seq === 5 && faults-- > 0) throw new Error('not now');
      if (seq === 7) throw Object.assign(new Error('never'), { retryable: false });
    };
    const lobby = await setUp(url, { onTrigger, window: 8 });
    const client = connect({ url, tokens: lobby.tokens });
    cleanups.push(() => client.close());
    const waiting = await Promise.all(Array.from({ length: 10 }, () => client.trigger(lobby.target, 'go')));
    lobby.start();
    const ends = await Promise.all(waiting.map(({ executed }) => executed));
    expect(log.join(' ')).toBe('1 2 3 4 5 5 6 7 8 9 10');
    expect(ends.map(({ status }) => status)).toEqual(
      waiting.map((_, at) => (at === 6 ? 'dead' : 'executed')),
    );
    expect(ends[6]?.deliveries).toMatchObject([{ status: 'dead', reason: 'rejected', error: 'never' }]);
  });

  it('[CL12] what a client left in its file is accepted once, in order, and its end is known', async () => {
    const { url } = await start();
    const folder = mkdtempSync(join(tmpdir(), 'bongsu-queue-'));
    cleanups.push(() => rmSync(folder, { recursive: true, force: true }));
    const queue = fileStore(join(folder, 'queue.json'));
    const ran: unknown[] = [];
    const lobby = await setUp(url, { onTrigger: ({ data }) => void ran.push(data) });
    const first = connect({ url, tokens: lobby.tokens, queue });
    const online = await first.trigger(lobby.target, 'go', 1);
    const away = connect({ url: 'http://127.0.0.1:9', token: 't', queue });
    await first.close();
    const restoredAway = await next(away, 'restored');
    expect(restoredAway.map(({ id }) => id)).toEqual([online.id]);
    const unsent = [2, 3].map((n) => away.trigger(lobby.target, 'go', n).catch(() => {}));
    await away.close();
    await Promise.all(unsent);
    const client = connect({ url, tokens: lobby.tokens, queue });
    cleanups.push(() => client.close());
    const restored = await next(client, 'restored');
    lobby.start();
    const accepted = await Promise.all(restored.map((left) => left.accepted));
    const ends = await Promise.all(accepted.map(({ executed }) => executed));
    expect(ends.map(({ status }) => status)).toEqual(['executed', 'executed', 'executed']);
    expect(ran).toEqual([1, 2, 3]);
    expect((await client.track(online.id)).status).toBe('executed');
  });

  it('[CL21] a login as somebody else without a logout leaves nothing of the first account to send or to follow', async () => {
    const { url } = await start();
    const ran: unknown[] = [];
    const lobby = await setUp(url, { onTrigger: ({ from, data }) => void ran.push([from.userId, data]) });
    const other = await setUp(url, { onTrigger: ({ from, data }) => void ran.push([from.userId, data]) });
    const tokens = new ClientTokenManager({ url });
    cleanups.push(() => tokens.close());
    const first = await signedIn(tokens.login({ email: lobby.email, password: PASSWORD }));
    const client = connect({ url, tokens });
    cleanups.push(() => client.close());
    await client.online();
    const open = await client.trigger(lobby.target, 'go', 'first');
    const gone = open.executed.catch((error: BongsuError) => error.code);
    const back = next(client, 'ready');
    const second = await signedIn(tokens.login({ email: other.email, password: PASSWORD }));
    expect((await back).userId).toBe(second.user.userId);
    expect(await gone).toBe('AUTH_ERROR');
    const own = await client.trigger(other.target, 'go', 'second');
    lobby.start();
    other.start();
    expect((await own.executed).status).toBe('executed');
    await expect.poll(() => ran).toHaveLength(2);
    expect(ran).toContainEqual([first.user.userId, 'first']);
    expect(ran).toContainEqual([second.user.userId, 'second']);
  });

  it('[CL19] a report shows in the screen’s reported state', async () => {
    const { url } = await start();
    const lobby = await setUp(url, {});
    await lobby.start().report('/touched', 2);
    const { screen: view } = await lobby.tokens.request<{ screen: ScreenView }>(
      `/api/screens/${lobby.target.screenId}`,
    );
    expect(view.reported['2']?.url).toBe('/touched');
  });

  it('[CL16] cancel ends a command that waits for its screen', async () => {
    const { url } = await start();
    const lobby = await setUp(url, {});
    const client = connect({ url, tokens: lobby.tokens });
    cleanups.push(() => client.close());
    const { id, executed } = await client.trigger(lobby.target, 'go');
    await client.cancel(id);
    expect((await executed).status).toBe('cancelled');
  });
});
