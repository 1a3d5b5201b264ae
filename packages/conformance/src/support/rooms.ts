import type { Joined, Waiting } from '@bongsu/protocol';
import type { Socket } from 'socket.io-client';
import { v4 } from 'uuid';
import { expect } from 'vitest';
import { send } from './sockets.js';
import type { Account, GetWorld } from './world.js';

/** Somebody's stock socket in a room, and all that it was told. */
export interface Participant extends Joined {
  account: Account;
  socket: Socket;
  /** Every event since the socket was connected, in order. */
  heard: { event: string; payload: Record<string, unknown> }[];
}

/** A room id that nobody has. */
export const newRoomId = () => `room-${v4()}`;

export function expectJoined(answer: unknown): Joined {
  expect(answer).toMatchObject({
    success: true,
    roomId: expect.any(String),
    participantId: expect.any(String),
    existingUsers: expect.any(Array),
    iceServers: expect.any(Array),
    lastSeq: expect.any(Number),
    epoch: expect.any(String),
  });
  return answer as Joined;
}

export function expectWaiting(answer: unknown): Waiting {
  expect(answer).toMatchObject({ success: true, waiting: true, participantId: expect.any(String) });
  return answer as Waiting;
}

/** A socket of somebody, whose every event is kept. */
export async function connectUser(world: GetWorld, account: Account, auth: Record<string, unknown> = {}) {
  const heard: Participant['heard'] = [];
  const { socket, ready } = await world().sockets.connect({ token: account.accessToken, ...auth }, (made) =>
    made.onAny((event: string, payload: Record<string, unknown>) => heard.push({ event, payload })),
  );
  return { account, socket, ready, heard };
}

/** Makes a room by a socket of `account`, which is in it then. */
export async function createRoom(
  world: GetWorld,
  account: Account,
  over: Record<string, unknown> = {},
): Promise<Participant> {
  const user = await connectUser(world, account);
  const joined = expectJoined(await send(user.socket, 'create-room', { name: 'Stand-up', ...over }));
  return { ...user, ...joined };
}

export async function joinRoom(
  world: GetWorld,
  account: Account,
  roomId: string,
  over: Record<string, unknown> = {},
  auth: Record<string, unknown> = {},
): Promise<Participant> {
  const user = await connectUser(world, account, auth);
  return { ...user, ...expectJoined(await send(user.socket, 'join-room', { roomId, ...over })) };
}

/** Before whoever came changes again: at another node the two would be one change, of which nobody is told (RM35). */
export async function heardOfJoin(participant: Pick<Participant, 'heard'>): Promise<void> {
  await told(participant, 'user-joined');
}

/** What of one event a participant was told, once `count` of them have come. */
export async function told(
  { heard }: Pick<Participant, 'heard'>,
  event: string,
  count = 1,
): Promise<Record<string, unknown>[]> {
  const ofEvent = () => heard.filter((one) => one.event === event).map(({ payload }) => payload);
  await expect.poll(ofEvent, { timeout: 25_000 }).toHaveLength(count);
  return ofEvent();
}
