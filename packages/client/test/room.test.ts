import type { RoomMessage } from '@bongsu/protocol';
import { describe, expect, it } from 'vitest';
import type { Room } from '../src/room.js';
import { happens, heard, roomWorlds } from './support/room-world.js';
import { failure } from './support/scripted-server.js';

const { setUp, pair } = roomWorlds();

describe('a room', () => {
  it('[RM142] [SIG3] tells who is there, who comes and who goes', async () => {
    const { first, second, client } = await pair();
    expect([...second.participants.values()]).toEqual([
      { participantId: first.participantId, userId: 'anna', username: 'ANNA', state: 'joined', polite: true },
    ]);
    expect([...first.participants.values()]).toMatchObject([{ userId: 'ben', polite: false }]);
    const arrival = happens(first, 'joined');
    const third = await client('cleo').joinRoom('stand-up');
    expect(await arrival).toMatchObject({ userId: 'cleo', participantId: third.participantId });
    const departure = happens(first, 'left');
    await third.leave();
    expect(await departure).toMatchObject({ userId: 'cleo', reason: 'left' });
    expect(third.state).toBe('closed');
    expect(first.participants.size).toBe(1);
  });

  it('[RM142] is one object for one client, and rejects with what the server says', async () => {
    const { anna, ben, first, second, client, rooms } = await pair();
    expect(await anna.joinRoom('stand-up')).toBe(first);
    expect(await ben.joinRoom('stand-up')).toBe(second);
    await expect(ben.joinRoom('nowhere')).rejects.toMatchObject({ code: 'ROOM_NOT_FOUND' });
    await expect(ben.createRoom({ roomId: 'stand-up', name: 'Mine' })).rejects.toMatchObject({
      code: 'CONFLICT',
    });
    await first.lock();
    await expect(client('cleo').joinRoom('stand-up')).rejects.toMatchObject({ code: 'ROOM_LOCKED' });
    expect(rooms.rooms.get('stand-up')?.seats.size).toBe(2);
  });

  it('[RM143] keeps the seat over a lost connection, and gets what was said meanwhile once and in order', async () => {
    const { first, second, cut, server } = await pair();
    const got = heard(second);
    await first.send(1);
    const { participantId } = second;
    const gone = happens(first, 'reconnecting');
    const back = happens(second, 'rejoined');
    const returned = happens(first, 'returned');
    cut('ben');
    expect(await gone).toMatchObject({ participantId });
    const sent = [first.send(2), first.send(3)];
    expect(await back).toEqual({ participantId, anew: false });
    expect(await returned).toMatchObject({ participantId, resumed: true });
    await Promise.all(sent);
    const last = happens(second, 'message', ({ data }) => data === 4);
    await first.send(4);
    await last;
    expect(got).toEqual([1, 2, 3, 4]);
    expect(server.handshakes.at(-1)?.resume?.streams['room:stand-up']).toBeGreaterThanOrEqual(1);
  });

  it('[RM144] takes another seat when the grace is over, and says so', async () => {
    const { first, second, cut, grace, barred } = await pair();
    const { participantId } = second;
    const gone = happens(first, 'reconnecting');
    const left = happens(first, 'left');
    const back = happens(second, 'rejoined');
    const gap = happens(second, 'gap');
    barred.add('ben');
    cut('ben');
    await gone;
    grace.advance(15_000);
    expect(await left).toMatchObject({ participantId, reason: 'timeout' });
    await first.send('missed');
    barred.clear();
    const { anew, participantId: other } = await back;
    expect(anew).toBe(true);
    expect(second.participantId).toBe(other);
    expect(other).not.toBe(participantId);
    expect(await gap).toEqual({ reason: 'absent', after: 0, lastSeq: 1 });
  });

  it('[RM12] a client whose join was never answered has one seat, and one that made the room is in it', async () => {
    const { client, cut, swallow, rooms } = await setUp();
    const lost = async <Result>(name: string, event: string, work: () => Promise<Result>) => {
      swallow.acksOf = event;
      const done = work();
      await swallow.swallowed();
      cut(name);
      return done;
    };
    const anna = client('anna');
    const room = await lost('anna', 'create-room', () => anna.createRoom({ name: 'Stand-up' }));
    await lost('ben', 'join-room', () => client('ben').joinRoom(room.roomId));
    expect([...(rooms.rooms.get(room.roomId)?.seats.values() ?? [])].map(({ userId }) => userId)).toEqual([
      'anna',
      'ben',
    ]);
  });

  it('[RM145] a message whose ack is lost is said once, and does not come back to its sender', async () => {
    const { first, second, swallow, cut } = await pair();
    const [got, own] = [heard(second), heard(first)];
    swallow.acksOf = 'message';
    const arrived = happens(second, 'message');
    const sent = first.send({ text: 'hello' });
    await arrived;
    const back = happens(first, 'rejoined');
    cut('anna');
    await back;
    expect(await sent).toMatchObject({ seq: 1, duplicate: true, status: 'accepted' });
    await first.send('again');
    expect(got).toContainEqual({ text: 'hello' });
    expect(own).toEqual([]);
    const after = happens(first, 'message');
    await second.send('answer');
    expect((await after).data).toBe('answer');
    expect(got).toEqual([{ text: 'hello' }, 'again']);
  });

  it('[RM145] messages of somebody who comes back too late wait for the new seat', async () => {
    const { first, second, cut, grace, barred } = await pair();
    const gone = happens(first, 'reconnecting');
    const arrived = happens(first, 'message');
    const left = happens(first, 'left');
    const lost = happens(second, 'state');
    barred.add('ben');
    cut('ben');
    expect(await lost).toEqual({ state: 'reconnecting' });
    const sent = second.send('late');
    await gone;
    grace.advance(15_000);
    await left;
    barred.clear();
    expect(await sent).toMatchObject({ status: 'accepted' });
    expect(await arrived).toMatchObject({ data: 'late', from: { userId: 'ben' } });
  });

  it('[RM146] another epoch is a gap, told once, and new entries come', async () => {
    const { first, second, rooms, server } = await pair();
    await first.send(1);
    rooms.epoch = 'e2';
    const gap = happens(second, 'gap');
    const back = [happens(first, 'rejoined'), happens(second, 'rejoined')];
    server.cut();
    await Promise.all(back);
    expect(await gap).toMatchObject({ reason: 'epoch', lastSeq: 1 });
    const message = happens(second, 'message');
    await first.send(2);
    expect(await message).toMatchObject({ data: 2, seq: 2, epoch: 'e2' } satisfies Partial<RoomMessage>);
  });

  it('[RM147] waits in the lobby until somebody admits, and an abort ends the waiting', async () => {
    const { client, rooms } = await setUp();
    const owner = await client('anna').createRoom({ roomId: 'quiet', name: 'Quiet', lobby: true });
    const waiting = happens(owner, 'waiting');
    const joining = client('ben').joinRoom('quiet');
    const { participantId } = await waiting;
    expect([...owner.lobby.keys()]).toEqual([participantId]);
    await owner.admit(participantId);
    expect((await joining).participantId).toBe(participantId);
    const abort = new AbortController();
    const another = happens(owner, 'waiting');
    const aborted = client('cleo').joinRoom('quiet', { signal: abort.signal });
    await another;
    abort.abort(new Error('enough'));
    await expect(aborted).rejects.toThrow('enough');
    expect(rooms.rooms.get('quiet')?.seats.size).toBe(2);
  });

  it('[RM174] leaving is said until the server has heard it', async () => {
    const { first, second, refusals, rooms } = await pair();
    const later = { retryable: true, retryAfterMs: 1 };
    refusals.set('leave-room', [failure('RATE_LIMIT', later), failure('UNAVAILABLE', later)]);
    const departure = happens(first, 'left');
    await second.leave();
    expect(await departure).toMatchObject({ userId: 'ben', reason: 'left' });
    expect(rooms.rooms.get('stand-up')?.seats.size).toBe(1);
  });

  it('[RM174] who stops waiting in a lobby is gone, though that was refused at first', async () => {
    const { client, rooms, refusals } = await setUp();
    const owner = await client('anna').createRoom({ roomId: 'quiet', name: 'Quiet', lobby: true });
    refusals.set('leave-room', [failure('RATE_LIMIT', { retryable: true, retryAfterMs: 1 })]);
    const gone = happens(owner, 'left');
    const waiting = happens(owner, 'waiting');
    const abort = new AbortController();
    const joining = client('ben').joinRoom('quiet', { signal: abort.signal });
    await waiting;
    abort.abort(new Error('enough'));
    await expect(joining).rejects.toThrow('enough');
    expect(await gone).toMatchObject({ userId: 'ben', reason: 'left' });
    expect(rooms.rooms.get('quiet')?.lobby.size).toBe(0);
  });

  it('[RM174] who joins again meanwhile keeps the seat', async () => {
    const { ben, second, refusals, rooms } = await pair();
    refusals.set('leave-room', [failure('UNAVAILABLE', { retryable: true, retryAfterMs: 1 })]);
    const leaving = second.leave();
    const again = await ben.joinRoom('stand-up');
    await leaving;
    expect(again.participantId).toBe(second.participantId);
    expect(again.state).toBe('joined');
    expect(rooms.rooms.get('stand-up')?.seats.has(again.participantId)).toBe(true);
  });

  it('[RM174] a join that is given up before its answer is left after it', async () => {
    const { first, client, rooms, delay } = await pair();
    const answer = delay('join-room');
    const arrival = happens(first, 'joined');
    const left = happens(first, 'left');
    const abort = new AbortController();
    const joining = client('cleo').joinRoom('stand-up', { signal: abort.signal });
    await arrival;
    abort.abort(new Error('enough'));
    await expect(joining).rejects.toThrow('enough');
    expect(rooms.rooms.get('stand-up')?.seats.size).toBe(3);
    answer();
    expect(await left).toMatchObject({ userId: 'cleo', reason: 'left' });
  });

  it('[RM175] whoever may admit knows who waits, also of before they came and of while they were away', async () => {
    const { client, cut, barred, rooms } = await setUp();
    const knock = (name: string) =>
      new Promise<Room>((resolve) => {
        client(name)
          .joinRoom('quiet', { onWaiting: resolve })
          .catch(() => {});
      });
    const anna = client('anna');
    await (await anna.createRoom({ roomId: 'quiet', name: 'Quiet', lobby: true })).leave();
    const ben = await knock('ben');
    const owner = await anna.joinRoom('quiet');
    const names = () => [...owner.lobby.values()].map(({ username }) => username);
    expect(names()).toEqual(['BEN']);
    const lost = happens(owner, 'state');
    const back = happens(owner, 'rejoined');
    const [missed, news] = [happens(owner, 'left'), happens(owner, 'waiting')];
    barred.add('anna');
    cut('anna');
    await lost;
    await ben.leave();
    await knock('cleo');
    barred.clear();
    await back;
    expect(await missed).toMatchObject({ userId: 'ben', reason: 'missed' });
    expect(await news).toMatchObject({ userId: 'cleo' });
    expect(names()).toEqual(['CLEO']);
    expect(rooms.rooms.get('quiet')?.lobby.size).toBe(1);
  });

  it('[RM176] who is let in before they heard that they wait is in', async () => {
    const { client, delay } = await setUp();
    const owner = await client('anna').createRoom({ roomId: 'quiet', name: 'Quiet', lobby: true });
    const answer = delay('join-room');
    const waiting = happens(owner, 'waiting');
    const arrival = happens(owner, 'joined');
    const joining = client('ben').joinRoom('quiet');
    await owner.admit((await waiting).participantId);
    await arrival;
    const room = await joining;
    const heardOf = happens(room, 'message');
    answer();
    await owner.send('hello');
    expect(await heardOf).toMatchObject({ data: 'hello' });
    expect(room.state).toBe('joined');
  });

  it.each([false, true])(
    '[RM176] who is put out before they heard that they came is out (lobby: %s)',
    async (lobby) => {
      const { client, delay } = await setUp();
      const owner = await client('anna').createRoom({ roomId: 'quiet', name: 'Quiet', lobby });
      const answer = delay('join-room');
      const came = happens(owner, lobby ? 'waiting' : 'joined');
      const joining = client('ben').joinRoom('quiet');
      await owner.kick((await came).participantId);
      answer();
      await expect(joining).rejects.toMatchObject({ code: 'FORBIDDEN', details: { reason: 'kicked' } });
    },
  );

  it('[RM148] says that one waits, and why when nobody lets one in', async () => {
    const { client, rooms } = await setUp();
    const owner = await client('anna').createRoom({ roomId: 'quiet', name: 'Quiet', lobby: true });
    const ben = client('ben');
    const knock = (end: (room: Room) => unknown) =>
      ben.joinRoom('quiet', { onWaiting: (room) => void end(room) });
    await expect(knock(({ participantId }) => owner.kick(participantId))).rejects.toMatchObject({
      code: 'FORBIDDEN',
      details: { reason: 'kicked' },
    });
    const cleo = client('cleo');
    const left = cleo.joinRoom('quiet', { onWaiting: (room) => void room.leave() });
    await expect(left).rejects.toMatchObject({ code: 'ROOM_CLOSED', details: { reason: 'left' } });
    const closed = cleo.joinRoom('quiet', { onWaiting: () => rooms.close('quiet') });
    await expect(closed).rejects.toMatchObject({ code: 'ROOM_CLOSED', details: { reason: 'closed' } });
    await owner.leave();
    await client('anna').createRoom({ roomId: 'quiet', name: 'Quiet', lobby: true });
    const ended = cleo.joinRoom('quiet', { onWaiting: () => void cleo.close() });
    await expect(ended).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('[RM149] who is kicked, replaced or in a room that ends is out, with the reason', async () => {
    const { first, second, client, rooms, ben } = await pair();
    const kicked = happens(second, 'closed');
    const left = happens(first, 'left');
    await first.kick(second.participantId);
    expect(await kicked).toEqual({ reason: 'kicked' });
    expect(await left).toMatchObject({ reason: 'kicked' });
    const again = await ben.joinRoom('stand-up');
    expect(again).not.toBe(second);
    const replaced = happens(again, 'closed');
    const taken = await client('ben').joinRoom('stand-up', { participantId: again.participantId });
    expect(taken.participantId).toBe(again.participantId);
    expect(await replaced).toEqual({ reason: 'replaced' });
    const over = [happens(first, 'closed'), happens(taken, 'closed')];
    rooms.close('stand-up');
    expect(await Promise.all(over)).toEqual([{ reason: 'closed' }, { reason: 'closed' }]);
  });

  it('[RM149] a closed client closes its rooms', async () => {
    const { ben, second } = await pair();
    const closed = happens(second, 'closed');
    await ben.close();
    expect(await closed).toEqual({ reason: 'disconnected' });
    await expect(ben.joinRoom('stand-up')).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('[RM150] reads the history and ends the room by HTTP, with the login', async () => {
    const { server, first } = await pair();
    const page = { items: [], nextCursor: null, lastSeq: 0, floorSeq: 0, epoch: 'e1' };
    server.onHttp = ({ path, headers }) =>
      headers.authorization === 'Bearer anna' && path.startsWith('/api/rooms/stand-up')
        ? { body: page }
        : { status: 401, body: failure('AUTH_ERROR') };
    expect(await first.history({ after: 3, limit: 20 })).toEqual(page);
    expect(server.calls.at(-1)?.path).toBe('/api/rooms/stand-up/history?after=3&limit=20');
    const closed = happens(first, 'closed');
    await first.close();
    expect(await closed).toEqual({ reason: 'closed' });
  });
});
