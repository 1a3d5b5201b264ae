import { BongsuError } from '@bongsu/protocol';
import { describe, expect, it } from 'vitest';
import { Emitter } from '../src/emitter.js';
import type { Room } from '../src/room.js';
import type { TokenEvents, TokenSource } from '../src/token-manager.js';
import { FakeClock } from './support/fake-clock.js';
import { happens, roomWorlds } from './support/room-world.js';
import { failure } from './support/scripted-server.js';

const { setUp } = roomWorlds();

/** What others see of somebody's end. */
function seen(room: Room): string[] {
  const log: string[] = [];
  room.on('reconnecting', ({ userId }) => log.push(`${userId} reconnecting`));
  room.on('left', ({ userId, reason }) => log.push(`${userId} ${reason}`));
  return log;
}

class Login extends Emitter<TokenEvents> implements TokenSource {
  getToken = async () => 'ben';
  refresh = async () => 'ben';
  signOut(): void {
    this.emit('signed-out', {});
  }
}

describe('a client that ends', () => {
  it('[RM180] has left its rooms once `close` resolves', async () => {
    const { client, rooms } = await setUp();
    const anna = client('anna');
    const owners = await Promise.all(
      ['one', 'two'].map((name) => anna.createRoom({ roomId: `room-${name}`, name })),
    );
    const ben = client('ben');
    const joined = await Promise.all(owners.map(({ roomId }) => ben.joinRoom(roomId)));
    const logs = owners.map(seen);
    const ends = owners.map((owner) => happens(owner, 'left'));
    const closing = ben.close();
    expect(ben.state).toBe('closed');
    expect(joined.map(({ state }) => state)).toEqual(['closed', 'closed']);
    await closing;
    expect([...rooms.rooms.values()].map(({ seats }) => seats.size)).toEqual([1, 1]);
    await Promise.all(ends);
    expect(logs).toEqual([['ben left'], ['ben left']]);
  });

  it('[RM180] leaves by signing out, too', async () => {
    const { client } = await setUp();
    const owner = await client('anna').createRoom({ roomId: 'quiet', name: 'Quiet' });
    const login = new Login();
    const room = await client('ben', { tokens: login }).joinRoom('quiet');
    const log = seen(owner);
    const end = happens(owner, 'left');
    login.signOut();
    expect(room.state).toBe('closed');
    await end;
    expect(log).toEqual(['ben left']);
  });

  it('[RM180] says so until it is heard', async () => {
    const { client, refusals, rooms } = await setUp();
    await client('anna').createRoom({ roomId: 'quiet', name: 'Quiet' });
    const ben = client('ben');
    await ben.joinRoom('quiet');
    refusals.set('leave-room', [failure('RATE_LIMIT', { retryable: true, retryAfterMs: 1 })]);
    await ben.close();
    expect(rooms.rooms.get('quiet')?.seats.size).toBe(1);
  });

  it('[RM180] leaves what it was about to join', async () => {
    const { client, delay, rooms } = await setUp();
    const owner = await client('anna').createRoom({ roomId: 'quiet', name: 'Quiet' });
    const ben = client('ben');
    const answer = delay('join-room');
    const came = happens(owner, 'joined');
    const joining = ben.joinRoom('quiet');
    await came;
    const closing = ben.close();
    await expect(joining).rejects.toBeInstanceOf(BongsuError);
    answer();
    await closing;
    expect(rooms.rooms.get('quiet')?.seats.size).toBe(1);
  });

  it('[RM180] waits 2 s for a server that does not answer, and not at all without a connection', async () => {
    const { client, delay, cut, barred } = await setUp();
    const owner = await client('anna').createRoom({ roomId: 'quiet', name: 'Quiet' });
    const clock = new FakeClock();
    const ben = client('ben', { clock });
    await ben.joinRoom('quiet');
    const cleo = client('cleo', { clock });
    const lost = happens(await cleo.joinRoom('quiet'), 'state');
    barred.add('cleo');
    cut('cleo');
    await lost;
    await cleo.close();
    delay('leave-room');
    const log = seen(owner);
    const closing = ben.close();
    clock.advance(2_000);
    await closing;
    await expect.poll(() => log).toEqual(['ben left']);
  });

  it('[RM180] has no connection any more once `close` resolves', async () => {
    const { client, server } = await setUp();
    const { onLink } = server;
    const gone = new Promise<string>((resolve) => {
      server.onLink = (link, handshake) => {
        onLink(link, handshake);
        link.on('disconnect', resolve);
      };
    });
    const ben = client('ben');
    await ben.createRoom({ roomId: 'quiet', name: 'Quiet' });
    await ben.close();
    expect(await gone).toBe('client namespace disconnect');
  });
});
