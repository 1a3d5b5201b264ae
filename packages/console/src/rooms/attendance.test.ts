import type { Participant, Room, User } from '@bongsu/protocol';
import { describe, expect, it } from 'vitest';
import { attended, isMember, mayCommand } from './attendance.js';

const room: Room = {
  roomId: 'stand-up',
  ownerId: 'owner',
  status: 'open',
  name: 'Stand-up',
  maxUsers: 10,
  lobby: false,
  persistent: false,
  commanders: 'owner',
  locked: false,
  participants: 0,
  waiting: 0,
  screens: ['scr_1'],
  createdAt: 0,
  endedAt: null,
};
const person = (userId: string, state: Participant['state']): Participant => ({
  participantId: `seat of ${userId}`,
  userId,
  username: userId,
  state,
  joinedAt: 0,
});
const people = [person('ana', 'joined'), person('bo', 'reconnecting'), person('lan', 'waiting')];

describe('who is in a room', () => {
  it('[RM201] is counted from the list where there is one, and as the room says where not', () => {
    expect(attended(room, people)).toEqual({ ...room, participants: 2, waiting: 1 });
    expect(attended({ ...room, participants: 3, waiting: 1 }, [])).toEqual(room);
    expect(attended({ ...room, participants: 3 }, undefined).participants).toBe(3);
  });

  it('[RM202] whoever may read the room is a member, but an administrator needs a seat or to own it', () => {
    const among = (userId: string, role: User['role']) => isMember({ userId, role }, room, people);
    expect([among('owner', 'user'), among('ana', 'user'), among('owner', 'admin')]).toEqual([
      true,
      true,
      true,
    ]);
    expect([among('ana', 'admin'), among('bo', 'admin')]).toEqual([true, true]);
    expect([among('lan', 'admin'), among('keeper', 'admin')]).toEqual([false, false]);
    expect(isMember(null, room, people)).toBe(false);
  });

  it('[RM202] screens are commanded by the owner, and by members where the room says so', () => {
    const may = (userId: string, commanders: Room['commanders'], isIn = true) =>
      mayCommand({ userId, role: 'user' }, { ...room, commanders }, isIn);
    expect([may('owner', 'owner'), may('ana', 'owner')]).toEqual([true, false]);
    expect([may('owner', 'members'), may('ana', 'members')]).toEqual([true, true]);
    expect(may('keeper', 'members', false)).toBe(false);
  });
});
