import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { parseInput } from './common.js';
import { ValidationError } from './errors.js';
import {
  ChangeRoomSchema,
  CreateRoomBodySchema,
  CreateRoomSchema,
  JoinRoomSchema,
  MessageSchema,
  ParticipantRefSchema,
  RoomHistoryQuerySchema,
  RoomRefSchema,
} from './rooms.js';
import { SignalSchema } from './signals.js';

const ID = 'must be 3 to 100 of A-Z, a-z, 0-9, _ and -';
const UUID = 'must be a UUID';
const SIZE = 'must be a whole number from 1 to 1000';

function faultsOf(schema: z.ZodType, input: unknown) {
  try {
    parseInput(schema, input);
  } catch (error) {
    if (error instanceof ValidationError) return error.details;
    throw error;
  }
  return [];
}

describe('the name of a room', () => {
  it.each([
    ['create-room', CreateRoomSchema],
    ['POST /rooms', CreateRoomBodySchema],
    ['PATCH /rooms/:id', ChangeRoomSchema],
  ])('[RM24] %s takes blanks off its ends, and counts what is left', (_, schema) => {
    for (const name of ['  Stand-up ', '\u3000Stand-up\n']) {
      expect(parseInput(schema, { name })).toMatchObject({ name: 'Stand-up' });
    }
    expect(parseInput(schema, { name: ` ${'😀'.repeat(50)} ` }).name).toBe('😀'.repeat(50));
    for (const name of ['  ', '\u3000\u3000', ' x ', '\t\n\t'])
      expect(faultsOf(schema, { name })).toEqual([
        { path: 'name', message: 'must have at least 2 characters' },
      ]);
  });
});

describe('events that need a room and nothing else', () => {
  it('[RM25] take its id itself', () => {
    expect(parseInput(RoomRefSchema, 'stand-up')).toEqual({ roomId: 'stand-up' });
    expect(parseInput(JoinRoomSchema, 'stand-up')).toEqual({ roomId: 'stand-up' });
  });

  it.each([
    ['leave-room, lock-room, unlock-room', RoomRefSchema],
    ['join-room', JoinRoomSchema],
  ])('[RM26] %s say what a room id is, or that there is none', (_, schema) => {
    for (const payload of ['ab', '', { roomId: 'ab' }, { roomId: 7 }, { roomId: null }])
      expect(faultsOf(schema, payload), JSON.stringify(payload)).toEqual([{ path: 'roomId', message: ID }]);
    expect(faultsOf(schema, {})).toEqual([{ path: 'roomId', message: 'is required' }]);
    for (const payload of [undefined, null, 7, ['abc']])
      expect(faultsOf(schema, payload), JSON.stringify(payload)).toEqual([
        { path: '', message: 'must be a room id, or an object with one' },
      ]);
  });
});

describe('what is wrong with a field of a room', () => {
  const uuid = '0197d1a0-0000-7000-8000-000000000000';
  it.each<[string, z.ZodType, object, Record<string, string>]>([
    ['no name', CreateRoomSchema, {}, { name: 'is required' }],
    ['a name that is none', CreateRoomSchema, { name: 7 }, { name: 'must be text' }],
    ['no size', CreateRoomSchema, { name: 'ab', maxUsers: '3' }, { maxUsers: SIZE }],
    ['half a seat', CreateRoomSchema, { name: 'ab', maxUsers: 0.5 }, { maxUsers: SIZE }],
    ['too many', ChangeRoomSchema, { maxUsers: 1001 }, { maxUsers: SIZE }],
    [
      'flags and choices',
      CreateRoomSchema,
      { name: 'ab', lobby: 1, persistent: 'no', commanders: 'all', join: 0, signaling: 'x' },
      {
        lobby: 'must be true or false',
        persistent: 'must be true or false',
        commanders: 'must be owner or members',
        join: 'must be true or false',
        signaling: 'must be signal or events',
      },
    ],
    ['whom', ParticipantRefSchema, { roomId: 'abc' }, { participantId: 'is required' }],
    ['nobody', ParticipantRefSchema, { roomId: 'abc', participantId: 'x' }, { participantId: UUID }],
    [
      'a message of nothing',
      MessageSchema,
      {},
      { id: 'is required', timestamp: 'is required', roomId: 'is required', data: 'is required' },
    ],
    [
      'a signal to nobody',
      SignalSchema,
      { roomId: 'abc', restart: true },
      { to: 'is required', negotiationId: 'is required' },
    ],
    [
      'a negotiation that is a number',
      SignalSchema,
      { roomId: 'abc', to: uuid, negotiationId: 7, restart: true },
      { negotiationId: 'must be 1 to 64 of A-Z, a-z, 0-9, _ and -' },
    ],
    [
      'a page that is none',
      RoomHistoryQuerySchema,
      { after: 'x', limit: 'x' },
      {
        after: `must be a whole number from 0 to ${Number.MAX_SAFE_INTEGER}`,
        limit: 'must be a whole number from 1 to 300',
      },
    ],
  ])('[RM26] %s: once, and what is wanted', (_, schema, input, faults) => {
    expect(faultsOf(schema, input)).toEqual(
      Object.entries(faults).map(([path, message]) => ({ path, message })),
    );
  });
});
