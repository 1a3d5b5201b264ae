import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trigger, World } from '@bongsu/conformance';
import type { SessionClosing } from '@bongsu/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { BongsuProcesses } from './support/bongsu-processes.js';

let folder: string;
let processes: BongsuProcesses;
let world: World;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bongsu-stop-'));
  processes = new BongsuProcesses(folder);
  await processes.prepareData();
});
afterEach(async () => {
  world.sockets.closeAll();
  await processes.killAll();
  await rm(folder, { recursive: true, force: true });
});

/** The real server, and its address. */
async function serve() {
  const server = processes.run(['serve'], {
    RATE_LIMIT_PER_MINUTE: '100000',
    COMMAND_RATE_PER_MINUTE: '1000000',
  });
  const line = await server.shows(/is ready: +http:\S+/);
  world = new World({ url: line.slice(line.indexOf('http')) });
  return server;
}

describe('SIGTERM', () => {
  it('[SIG10] [DL38] commands in flight are answered, sockets are told to move, and the process ends with 0', async () => {
    const server = await serve();
    const owner = await world.person('owner');
    const { screenId } = await world.createScreen(owner);
    const socket = await world.controller(owner);
    const closing = new Promise<SessionClosing>((resolve) => socket.once('session-closing', resolve));
    const gone = new Promise((resolve) => socket.once('disconnect', resolve));
    const sent = Array.from({ length: 300 }, () => trigger(screenId));
    const answers = sent.map((command) => socket.emitWithAck('trigger', command));
    await answers[0];
    server.child.kill('SIGTERM');
    const settled = await Promise.allSettled(answers);
    expect(await closing).toMatchObject({ code: 'DRAINING', reconnect: true });
    expect(await gone).toBe('transport close');
    expect((await server.ended).code).toBe(0);

    // What came too late is refused for now; what was accepted is there after the next start.
    const accepted = sent.filter((_, n) => {
      const answer = settled[n];
      if (answer?.status !== 'fulfilled') throw new Error('a command in flight was not answered');
      if (!answer.value.success) expect(answer.value.error).toMatchObject({ code: 'UNAVAILABLE' });
      return answer.value.success;
    });
    expect(accepted.length).toBeGreaterThan(0);
    await serve();
    const later = await world.controller(await world.logIn(owner));
    for (let from = 0; from < accepted.length; from += 100) {
      const ids = accepted.slice(from, from + 100).map(({ id }) => id);
      const { items } = await later.emitWithAck('status', { ids });
      expect(items.map(({ status }: { status: string }) => status)).toEqual(ids.map(() => 'accepted'));
    }
  });

  it('[SIG10] requests under way are answered before their connections close', async () => {
    const server = await serve();
    const { email, password } = await world.person('owner');
    const logins = Array.from({ length: 8 }, () => world.http.post('/api/auth/login', { email, password }));
    // The first is answered while the others wait for their turn to be hashed.
    await Promise.race(logins);
    server.child.kill('SIGTERM');
    const answers = await Promise.all(logins);
    expect(answers.map(({ status }) => status)).toEqual(logins.map(() => 200));
    expect((await server.ended).code).toBe(0);
  });
});
