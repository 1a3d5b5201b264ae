import { describe, expect, it } from 'vitest';
import type { Client } from '../src/client.js';
import { type Clock, systemClock } from '../src/clock.js';
import type { Room } from '../src/room.js';
import type { RoomEvents } from '../src/room-types.js';
import { FakeClock } from './support/fake-clock.js';
import type { Wire } from './support/room-server.js';
import { happens, roomWorlds } from './support/room-world.js';

const { setUp } = roomWorlds();

/** What is told, in order, in words. */
function told(room: Room): string[] {
  const log: string[] = [];
  const note = <Name extends keyof RoomEvents>(name: Name, say: (value: RoomEvents[Name]) => unknown) =>
    room.on(name, (value) => log.push(`${name} ${say(value)}`));
  note('joined', ({ userId }) => userId);
  note('left', ({ userId }) => userId);
  note('message', ({ data }) => data);
  note('locked', () => '');
  note('closed', ({ reason }) => reason);
  return log;
}

/** As apps join: behind a helper of their own, together with something else. */
async function enter(client: Client, roomId: string): Promise<Room> {
  const join = async () => client.joinRoom(roomId);
  const [room] = await Promise.all([join(), Promise.resolve('their name')]);
  return room;
}

function wireOf(userId: string): Wire {
  return { userId, instanceId: undefined, send: () => {} };
}

/** Somebody is about to join a room; `then` makes things happen there in one turn with the answer, before it or behind it. */
async function aboutToJoin(clock: Clock = systemClock) {
  const world = await setUp();
  const { client, rooms } = world;
  const owner = await client('anna').createRoom({ roomId: 'quiet', name: 'Quiet' });
  const answer = world.delay('join-room');
  const came = happens(owner, 'joined');
  const joining = enter(client('ben', { clock }), 'quiet');
  const { participantId } = await came;
  const ask = (by: Wire, event: string, body: object = {}) =>
    rooms.receive(by, event, { roomId: 'quiet', ...body });
  const say = (by: Wire, data: string) => ask(by, 'message', { id: crypto.randomUUID(), data });
  const inOneTurn = (when: string, happen: () => void) => {
    if (when === 'behind') answer();
    happen();
    if (when === 'before') answer();
  };
  return { ...world, owner, joining, participantId, ask, say, inOneTurn };
}

describe('a first seat', () => {
  it.each(['before', 'behind'])(
    '[RM177] what comes %s its answer is told to whoever awaited it, in order',
    async (when) => {
      const { owner, joining, ask, say, inOneTurn } = await aboutToJoin();
      const [anna, cleo] = [wireOf('anna'), wireOf('cleo')];
      inOneTurn(when, () => {
        say(anna, 'hello');
        ask(cleo, 'join-room');
        say(cleo, 'good morning');
        ask(cleo, 'leave-room');
        ask(anna, 'lock-room');
      });
      const room = await joining;
      const log = told(room);
      expect(room.lastSeq).toBe(0);
      expect([...room.participants.values()].map(({ userId }) => userId)).toEqual(['anna']);
      const last = happens(room, 'message', ({ data }) => data === 'second');
      await owner.send('second');
      await last;
      expect(log).toEqual([
        'message hello',
        'joined cleo',
        'message good morning',
        'left cleo',
        'locked ',
        'message second',
      ]);
      expect(room.lastSeq).toBe(3);
    },
  );

  it.each(['closed', 'kicked'] as const)('[RM177] tells what was said before it was %s', async (end) => {
    // Its time stands still.
    const { joining, participantId, rooms, ask, say, inOneTurn } = await aboutToJoin(new FakeClock());
    inOneTurn('behind', () => say(wireOf('anna'), 'hello'));
    const room = await joining;
    const log = told(room);
    const closed = happens(room, 'closed');
    if (end === 'closed') rooms.close('quiet');
    else ask(wireOf('anna'), 'kick', { participantId });
    expect(await closed).toEqual({ reason: end });
    expect(log).toEqual(['message hello', `closed ${end}`]);
  });

  it('[RM177] what it had not told when its connection was lost comes again, once', async () => {
    const { cut, joining, say, inOneTurn, owner } = await aboutToJoin();
    inOneTurn('behind', () => {
      say(wireOf('anna'), 'hello');
      cut('ben');
    });
    const room = await joining;
    const log = told(room);
    const last = happens(room, 'message', ({ data }) => data === 'second');
    await owner.send('second');
    await last;
    expect(log).toEqual(['message hello', 'message second']);
  });
});

/** Ben had a seat, lost it with his connection, and waits in the lobby again. */
async function waitingAnew() {
  const world = await setUp();
  const { client, barred, cut, grace } = world;
  const owner = await client('anna').createRoom({ roomId: 'quiet', name: 'Quiet', lobby: true });
  const ben = client('ben');
  const waits: Room[] = [];
  const knock = happens(owner, 'waiting');
  const joining = ben.joinRoom('quiet', { onWaiting: (one) => waits.push(one) });
  await owner.admit((await knock).participantId);
  const room = await joining;
  const gone = happens(owner, 'reconnecting');
  const left = happens(owner, 'left');
  const again = happens(room, 'state', ({ state }) => state === 'waiting');
  const nextKnock = happens(owner, 'waiting');
  barred.add('ben');
  cut('ben');
  await gone;
  grace.advance(15_000);
  await left;
  barred.clear();
  await again;
  const { participantId } = await nextKnock;
  return { ...world, owner, ben, room, waits, participantId };
}

describe('a room whose seat is waited for anew', () => {
  it('[RM178] is joined again once somebody admits', async () => {
    const { owner, ben, room, participantId } = await waitingAnew();
    const settled: string[] = [];
    const joining = ben.joinRoom('quiet').finally(() => settled.push(room.state));
    // Whatever could be settled without a seat would be by then.
    await ben.joinRoom('nowhere').catch(() => {});
    expect(settled).toEqual([]);
    await owner.admit(participantId);
    expect(await joining).toBe(room);
    expect(settled).toEqual(['joined']);
  });

  it('[RM178] is not left by a second join that is given up', async () => {
    const { owner, ben, room, participantId } = await waitingAnew();
    const abort = new AbortController();
    const joining = ben.joinRoom('quiet', { signal: abort.signal });
    abort.abort(new Error('enough'));
    await expect(joining).rejects.toThrow('enough');
    expect(room.state).toBe('waiting');
    const back = happens(room, 'rejoined');
    await owner.admit(participantId);
    expect(await back).toEqual({ participantId, anew: true });
  });

  it('[RM178] rejects when nobody lets one in', async () => {
    const { owner, ben, participantId } = await waitingAnew();
    const joining = ben.joinRoom('quiet');
    await owner.kick(participantId);
    await expect(joining).rejects.toMatchObject({ code: 'FORBIDDEN', details: { reason: 'kicked' } });
  });

  it('[RM179] says so by `onWaiting`, for as long as the room lasts', async () => {
    const { room, waits, ben } = await waitingAnew();
    expect(waits).toEqual([room, room]);
    const later: Room[] = [];
    const abort = new AbortController();
    const joining = ben.joinRoom('quiet', { onWaiting: (one) => later.push(one), signal: abort.signal });
    await expect.poll(() => later).toEqual([room]);
    abort.abort(new Error('enough'));
    await expect(joining).rejects.toThrow('enough');
  });
});
