import type { DeviceCredential, Screen as ScreenView } from '@bongsu/protocol';
import { afterEach, expect, it } from 'vitest';
import { describeEachServer } from '../../server/test/support/server.js';
import { connect } from '../src/client.js';
import type { QueueContent } from '../src/journal.js';
import { screen } from '../src/screen.js';
import { memoryStore } from '../src/screen-store.js';
import { ClientTokenManager } from '../src/token-manager.js';
import { next } from './support/events.js';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const COUNT = 300;
const calls = Array.from({ length: COUNT }, (_, at) => at);
const seqs = calls.map((at) => at + 1);

async function setUp(url: string) {
  const tokens = new ClientTokenManager({ url });
  cleanups.push(() => tokens.close());
  await tokens.signup({ email: 'p@example.org', password: 'correct horse battery', username: 'Person' });
  const made = await tokens.request<{ screen: ScreenView }>('/api/screens', { body: { name: 'Lobby' } });
  const { screenId } = made.screen;
  const path = `/api/screens/${screenId}/credentials`;
  const credential = await tokens.request<DeviceCredential>(path, { method: 'POST', body: {} });
  const ran: unknown[] = [];
  const device = screen({
    url,
    store: memoryStore(),
    credential,
    window: 32,
    onTrigger: ({ data }) => void ran.push(data),
  });
  cleanups.push(() => device.close());
  await next(device, 'ready');
  return { tokens, target: { screenId }, ran };
}

const waitingIn = (content: unknown) => (content as QueueContent | undefined)?.waiting.length;

/** Transmissions that were refused by the limit. */
async function refusals(url: string): Promise<number> {
  const metrics = await (await fetch(`${url}/metrics`)).text();
  return Number(
    /^bongsu_commands_total\{type="trigger",outcome="RATE_LIMIT"\} (\d+)$/m.exec(metrics)?.[1] ?? 0,
  );
}

describeEachServer('300 commands under the default limit', (start) => {
  it('[CL15] called in a loop they are accepted and run in the order of the calls, with few refusals', async () => {
    const { url } = await start();
    const { tokens, target, ran } = await setUp(url);
    const client = connect({ url, tokens });
    cleanups.push(() => client.close());
    const accepted = await Promise.all(calls.map((n) => client.trigger(target, 'go', n)));
    expect(accepted.map(({ seq }) => seq)).toEqual(seqs);
    await Promise.all(accepted.map(({ executed }) => executed));
    expect(ran).toEqual(calls);
    expect(await refusals(url)).toBeLessThan(60);
  });

  it('[CL12] left by a client that was closed they are sent in order by the next', async () => {
    const { url } = await start();
    const { tokens, target, ran } = await setUp(url);
    const queue = memoryStore();
    const away = connect({ url: 'http://127.0.0.1:9', token: 't', queue });
    const unsent = calls.map((n) => away.trigger(target, 'go', n).catch(() => {}));
    await expect.poll(async () => waitingIn(await queue.get('queue'))).toBe(COUNT);
    await away.close();
    await Promise.all(unsent);
    const client = connect({ url, tokens, queue });
    cleanups.push(() => client.close());
    const restored = await next(client, 'restored');
    const accepted = await Promise.all(restored.map((left) => left.accepted));
    expect(accepted.map(({ seq }) => seq)).toEqual(seqs);
    await Promise.all(accepted.map(({ executed }) => executed));
    expect(ran).toEqual(calls);
    expect(await refusals(url)).toBeLessThan(60);
  });
});
