import { BongsuError, RoomIdSchema, type StreamState } from '@bongsu/protocol';
import type { DatabaseClock } from '../platform/clock.js';
import { assertRight } from '../platform/rights.js';
import type { RoomSocket } from './index.js';
import { hears, type RoomAccess } from './room-access.js';
import type { Return, RoomFeed } from './seams.js';

export interface ResumeDeps {
  access: Pick<RoomAccess, 'expect' | 'role'>;
  feed: Pick<RoomFeed, 'comeBack' | 'disconnected' | 'turnAway'>;
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
  const roomIds = Object.keys(from.streams).flatMap(roomOf);
  if (roomIds.length === 0 || !mayRead(deps, socket)) return { streams: {}, deliver() {} };
  deps.access.expect(roomIds);
  const answers = await Promise.allSettled(roomIds.map((roomId) => comeBack(deps, socket, from, roomId)));
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

/** What cannot be a room's id is none. */
function roomOf(stream: string): string[] {
  const roomId = stream.slice(PREFIX.length);
  return stream.startsWith(PREFIX) && RoomIdSchema.safeParse(roomId).success ? [roomId] : [];
}

async function comeBack(
  { access, feed }: ResumeDeps,
  socket: RoomSocket,
  from: From,
  roomId: string,
): Promise<readonly [string, Return] | undefined> {
  const { principal } = socket;
  const standing = await access.role(principal, roomId);
  if (!hears(standing)) return undefined;
  const stream = `${PREFIX}${roomId}`;
  try {
    const seq = from.streams[stream] ?? 0;
    const back = await feed.comeBack(standing.room, socket, { epoch: from.epoch, seq });
    // Who was put out in between was not there yet to be turned away. Whoever is from here on is.
    if (hears(await access.role(principal, roomId))) return [stream, back];
    feed.turnAway(roomId, principal.userId);
    return undefined;
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
