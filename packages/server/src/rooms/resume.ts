import { BongsuError, type StreamState } from '@bongsu/protocol';
import type { DatabaseClock } from '../platform/clock.js';
import { assertRight } from '../platform/rights.js';
import type { RoomSocket } from './index.js';
import type { RoomAccess } from './room-access.js';
import type { Return, RoomFeed } from './seams.js';

export interface ResumeDeps {
  access: Pick<RoomAccess, 'role'>;
  feed: Pick<RoomFeed, 'comeBack' | 'disconnected'>;
  databaseClock: DatabaseClock;
}

interface From {
  epoch: string;
  streams: Readonly<Record<string, number>>;
}

export interface Resumed {
  streams: Record<string, StreamState>;
  deliver(): void;
}

const PREFIX = 'room:';

/**
 * See `Rooms.resume`. All rooms are asked for at once, and sent one after the other: a socket that reads slowly holds one page.
 * @throws UNAVAILABLE when a room cannot be read: the client comes back and asks again
 */
export async function resume(deps: ResumeDeps, socket: RoomSocket, from: From): Promise<Resumed> {
  const streams = Object.keys(from.streams).filter((stream) => stream.startsWith(PREFIX));
  if (streams.length === 0 || !mayRead(deps, socket)) return { streams: {}, deliver() {} };
  const answers = await Promise.allSettled(streams.map((stream) => comeBack(deps, socket, from, stream)));
  const returns: (readonly [string, Return])[] = [];
  for (const answer of answers) {
    if (answer.status === 'rejected') {
      deps.feed.disconnected(socket.socketId);
      throw answer.reason;
    }
    if (answer.value) returns.push(answer.value);
  }
  return {
    streams: Object.fromEntries(returns.map(([stream, { state }]) => [stream, state])),
    deliver: () => void deliver(returns),
  };
}

async function deliver(returns: readonly (readonly [string, Return])[]): Promise<void> {
  for (const [, back] of returns) await back.deliver();
}

async function comeBack(
  { access, feed }: ResumeDeps,
  socket: RoomSocket,
  from: From,
  stream: string,
): Promise<readonly [string, Return] | undefined> {
  const standing = await access.role(socket.principal, stream.slice(PREFIX.length));
  // An administrator who is no member may look a room up, and is not told of it.
  if (!standing || standing.role === 'admin') return undefined;
  try {
    const seq = from.streams[stream] ?? 0;
    return [stream, await feed.comeBack(standing.room, socket, { epoch: from.epoch, seq })];
  } catch (error) {
    if (error instanceof BongsuError && error.code === 'ROOM_CLOSED') return undefined;
    throw error;
  }
}

function mayRead({ databaseClock }: ResumeDeps, { principal }: RoomSocket): boolean {
  try {
    assertRight('rooms.read', principal, databaseClock);
    return true;
  } catch {
    return false;
  }
}
