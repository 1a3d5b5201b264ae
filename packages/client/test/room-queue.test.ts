import { describe, expect, it } from 'vitest';
import type { RestoredCommand } from '../src/client.js';
import { memoryStore } from '../src/screen-store.js';
import { next } from './support/events.js';
import { FakeClock } from './support/fake-clock.js';
import { happens, roomWorlds } from './support/room-world.js';

const { setUp } = roomWorlds();

/** Ben says something without a connection, his page is gone, and so is his seat. */
async function leftBehind() {
  const world = await setUp();
  const { client, cut, grace } = world;
  // Its time stands still: it does not come back.
  const clock = new FakeClock();
  clock.time = Date.now();
  const store = { ...memoryStore(), name: 'ben' };
  const owner = await client('anna').createRoom({ roomId: 'quiet', name: 'Quiet' });
  const first = client('ben', { queue: store, clock });
  const room = await first.joinRoom('quiet');
  const gone = happens(owner, 'reconnecting');
  const left = happens(owner, 'left');
  const lost = happens(room, 'state');
  cut('ben');
  await lost;
  const sent = room.send('late');
  await gone;
  grace.advance(15_000);
  await left;
  const end = async () => {
    const said = expect(sent).rejects.toMatchObject({ code: 'INDETERMINATE' });
    await first.close();
    await said;
  };
  return { ...world, owner, store, end };
}

/** What reaches the server, in words. */
function arrivals({ server }: Awaited<ReturnType<typeof setUp>>): string[] {
  const log: string[] = [];
  const { onLink } = server;
  server.onLink = (link, handshake) => {
    link.onAny((event: string) => log.push(event));
    onLink(link, handshake);
  };
  return log;
}

describe('messages that an earlier process left', () => {
  it('[RM181] wait until their room is joined, and what comes later for it waits behind them', async () => {
    const world = await leftBehind();
    const { client, owner, store, end } = world;
    await end();
    const log = arrivals(world);
    const ben = client('ben', { queue: store });
    const restored = next(ben, 'restored');
    await ben.online();
    const [left] = (await restored) as [RestoredCommand];
    const behind = ben.trigger({ roomId: 'quiet' }, 'play').catch(({ code }) => code);
    await expect(ben.trigger({ screenId: 'scr_none' }, 'play')).rejects.toMatchObject({ definite: true });
    expect(log).toEqual(['trigger']);
    const heard = happens(owner, 'message');
    const room = await ben.joinRoom('quiet');
    expect(await left.accepted).toMatchObject({ id: left.id, seq: 1 });
    expect(await heard).toMatchObject({ data: 'late', from: { userId: 'ben' } });
    expect(await room.send('later')).toMatchObject({ seq: 2 });
    await behind;
    expect(log).toEqual(['trigger', 'join-room', 'message', 'trigger', 'message']);
  });

  it('[RM181] reject when their time is over, and free what waits behind them', async () => {
    const { client, store, end } = await leftBehind();
    await end();
    const clock = new FakeClock();
    clock.time = Date.now();
    const ben = client('ben', { queue: store, clock });
    const restored = next(ben, 'restored');
    await ben.online();
    const [left] = (await restored) as [RestoredCommand];
    const behind = ben.trigger({ roomId: 'quiet' }, 'play', {}, { queueTtlMs: 120_000 });
    // Whatever did not wait would be answered by then.
    await expect(ben.trigger({ screenId: 'scr_none' }, 'play')).rejects.toMatchObject({ definite: true });
    clock.advance(60_000);
    await expect(left.accepted).rejects.toMatchObject({ code: 'UNAVAILABLE', definite: true });
    await expect(behind).rejects.toMatchObject({ code: 'ROOM_NOT_FOUND' });
  });

  it('[RM181] go at once where their room is joined already', async () => {
    const { client, owner, store, end } = await leftBehind();
    const ben = client('ben', { queue: store });
    await ben.joinRoom('quiet');
    const heard = happens(owner, 'message');
    await end();
    expect(await heard).toMatchObject({ data: 'late' });
  });
});
