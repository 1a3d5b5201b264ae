import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeStorage, type RunningServer, startOn } from '../../server/test/support/server.js';
import { ClientTokenManager } from '../src/token-manager.js';
import { ExampleProcesses } from './support/example-process.js';

/** Stock socket.io-client, written from docs/signaling.md. */
describe('examples/rooms', () => {
  const processes = new ExampleProcesses();
  const people: ClientTokenManager[] = [];
  let server: RunningServer;
  let removeStorage: () => Promise<void>;

  beforeAll(async () => {
    const storage = await makeStorage('embedded');
    removeStorage = storage.remove;
    server = await startOn(storage);
    for (const username of ['Ann', 'Ben']) {
      const tokens = new ClientTokenManager({ url: server.url });
      people.push(tokens);
      const email = `${username.toLowerCase()}@example.org`;
      await tokens.signup({ email, password: 'correct horse battery', username });
    }
  });

  afterAll(async () => {
    processes.stop();
    for (const tokens of people) tokens.close();
    await server?.stop();
    await removeStorage?.();
  });

  it.each([
    ['signal', 'signal'],
    ['plain-events', 'plain-events'],
    ['signal', 'plain-events'],
    ['plain-events', 'signal'],
  ])('[RM128] [RM129] [BEY4] %s and %s.mjs offer, answer, trickle and talk', async (first, second) => {
    const [ann, ben] = await Promise.all(people.map((tokens) => tokens.getToken()));
    const room = { BONGSU_URL: server.url, BONGSU_ROOM: `room-${randomUUID()}` };
    const earlier = processes.run(`rooms/${first}.mjs`, { ...room, BONGSU_TOKEN: ann ?? '' });
    await earlier.seen(/^joined, 0 there$/m);
    const later = processes.run(`rooms/${second}.mjs`, { ...room, BONGSU_TOKEN: ben ?? '' });
    expect(await Promise.all([earlier.exit, later.exit])).toEqual([0, 0]);
    const says = { signal: 'hello by signal', 'plain-events': 'hello by plain events' };
    for (const [one, other, text] of [
      [earlier, 'Ben', says[second as keyof typeof says]],
      [later, 'Ann', says[first as keyof typeof says]],
    ] as const) {
      expect(one.output()).toMatch(/^connected, 3 candidates$/m);
      expect(one.output()).toContain(`${other}: ${text}\n`);
    }
    // As it does by itself a minute after the last one left.
    await people[0]?.request(`/api/rooms/${room.BONGSU_ROOM}`, { method: 'DELETE' });
    const again = processes.run(`rooms/${first}.mjs`, { ...room, BONGSU_TOKEN: ben ?? '' });
    await again.seen(/^joined, 0 there$/m);
  });
});
