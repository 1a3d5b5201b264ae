import type { HandshakeInput } from '@bongsu/protocol';
import { afterEach } from 'vitest';
import { type Client, type ConnectOptions, connect } from '../../src/client.js';
import type { Room } from '../../src/room.js';
import type { RoomEvents } from '../../src/room-types.js';
import { next } from './events.js';
import { FakeClock } from './fake-clock.js';
import { RoomServer, type Wire } from './room-server.js';
import { failure, ScriptedServer, type ServerLink } from './scripted-server.js';

/** Rooms behind real sockets. `grace` is the clock of graces alone. */
async function setUp(cleanups: (() => unknown)[]) {
  const grace = new FakeClock();
  const rooms = new RoomServer(grace);
  const server = await new ScriptedServer().start();
  cleanups.push(() => server.stop());
  const links = new Map<string, ServerLink>();
  /** Loses the ack of an event, as a broken network does. */
  const swallow = {
    acksOf: undefined as string | undefined,
    onSwallowed: () => {},
    swallowed: () =>
      new Promise<void>((resolve) => {
        swallow.onSwallowed = resolve;
      }),
  };
  /** What the next ones of an event are answered with, instead of being heard. */
  const refusals = new Map<string, object[]>();
  /** Answers that are kept back, by event. */
  const late = new Map<string, (() => void)[]>();
  /** Whoever may not connect for now. */
  const barred = new Set<string>();
  server.admit = ({ token }) =>
    barred.has(token) ? failure('UNAVAILABLE', { retryable: true }).error : undefined;
  server.readyOf = ({ token, resume }: HandshakeInput) => {
    const wire: Wire = { userId: token, instanceId: undefined, send: () => {} };
    return { userId: token, epoch: rooms.epoch, streams: rooms.resume(wire, resume).streams };
  };
  server.onLink = (link, { token, instanceId, resume }) => {
    links.set(token, link);
    const send = (event: string, payload: object) => link.emit(event as 'signal', payload as never);
    const wire: Wire = { userId: token, instanceId, send };
    rooms.resume(wire, resume).deliver();
    link.onAny((event: string, ...args: unknown[]) => {
      const [body, ack] = args as [never, ((answer: object) => void) | undefined];
      const refusal = refusals.get(event)?.shift();
      if (refusal) return ack?.(refusal);
      const isLost = swallow.acksOf === event;
      const say = (answer: object) => {
        const kept = late.get(event);
        if (kept) kept.push(() => ack?.(answer));
        else if (!isLost) ack?.(answer);
      };
      rooms.receive(wire, event, body, say);
      if (!isLost) return;
      swallow.acksOf = undefined;
      swallow.onSwallowed();
    });
    link.on('disconnect', () => rooms.disconnected(wire));
  };
  const client = (name: string, options: Partial<ConnectOptions> = {}): Client => {
    const made = connect({ url: server.url, token: name, random: () => 0.5, ...options });
    cleanups.push(() => made.close());
    return made;
  };
  /** Ends this client's connection. */
  const cut = (name: string) => links.get(name)?.conn.close();
  /** From now on answers of this event come when the returned function is called. */
  const delay = (event: string) => {
    const kept: (() => void)[] = [];
    late.set(event, kept);
    return () => {
      late.delete(event);
      for (const answer of kept) answer();
    };
  };
  return { server, rooms, grace, client, cut, barred, swallow, refusals, delay };
}

export const happens = <Name extends keyof RoomEvents>(
  room: Room,
  event: Name,
  test: (value: RoomEvents[Name]) => boolean = () => true,
) => next(room as never, event as never, test as never) as unknown as Promise<RoomEvents[Name]>;

export function heard(room: Room): unknown[] {
  const list: unknown[] = [];
  room.on('message', ({ data }) => list.push(data));
  return list;
}

async function pair(cleanups: (() => unknown)[]) {
  const world = await setUp(cleanups);
  const anna = world.client('anna');
  const ben = world.client('ben');
  const first = await anna.createRoom({ roomId: 'stand-up', name: 'Stand-up' });
  const arrival = happens(first, 'joined');
  const second = await ben.joinRoom('stand-up');
  await arrival;
  return { ...world, anna, ben, first, second };
}

/** Rooms for the tests of a file; what they leave is cleaned up after each. */
export function roomWorlds() {
  const cleanups: (() => unknown)[] = [];
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  return { setUp: () => setUp(cleanups), pair: () => pair(cleanups) };
}
