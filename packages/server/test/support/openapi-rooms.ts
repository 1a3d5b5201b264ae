import { randomUUID } from 'node:crypto';
import { send, type World } from '@bongsu/conformance';
import type { Case } from './openapi-cases.js';

const asOwner = async (world: World) => (await world.person('owner')).accessToken;

async function roomOf(world: World, over: object = {}): Promise<string> {
  const { body } = await world.http.post('/api/rooms', { name: 'Stand-up', ...over }, await asOwner(world));
  return (body as { room: { roomId: string } }).room.roomId;
}

/** A route below one room of the caller: its success, and that no login and no room are refused. */
function ofRoom(method: string, rest: string, status: number, body?: unknown): Case {
  const call = (world: World, token: string | undefined, roomId: string) =>
    world.http.call(method, `/api/rooms/${roomId}${rest}`, {
      token,
      ...(body === undefined ? {} : { body }),
    });
  return {
    success: async (world) => ({
      answer: await call(world, await asOwner(world), await roomOf(world)),
      status,
    }),
    refusals: {
      AUTH_ERROR: (world) => call(world, undefined, 'xyz'),
      ROOM_NOT_FOUND: async (world) => call(world, await asOwner(world), 'no-such-room'),
      VALIDATION_ERROR: async (world) => call(world, await asOwner(world), 'x'),
    },
  };
}

/** A route below one room about somebody in it, who waits in its lobby. */
function ofGuest(verb: string): Case {
  const call = async (world: World, roomId: string, participantId: unknown) =>
    world.http.post(`/api/rooms/${roomId}/${verb}`, { participantId }, await asOwner(world));
  return {
    success: async (world) => {
      const roomId = await roomOf(world, { lobby: true });
      const guest = await world.controller(await world.person('stranger'));
      const { participantId } = (await send(guest, 'join-room', roomId)) as { participantId: string };
      return { answer: await call(world, roomId, participantId), status: 204 };
    },
    refusals: {
      PARTICIPANT_NOT_FOUND: async (world) => call(world, await roomOf(world), randomUUID()),
      VALIDATION_ERROR: async (world) => call(world, await roomOf(world), 'nobody'),
    },
  };
}

function ofRoomScreen(method: string): Case {
  const call = async (world: World, roomId: string, screenId: string) =>
    world.http.call(method, `/api/rooms/${roomId}/screens/${screenId}`, { token: await asOwner(world) });
  return {
    success: async (world) => {
      const { screenId } = await world.createScreen(await world.person('owner'));
      return { answer: await call(world, await roomOf(world), screenId), status: 204 };
    },
    refusals: {
      ROOM_NOT_FOUND: async (world) => {
        const { screenId } = await world.createScreen(await world.person('owner'));
        return call(world, 'no-such-room', screenId);
      },
      // One that is not there is taken out already.
      ...(method === 'PUT'
        ? { SCREEN_NOT_FOUND: async (world: World) => call(world, await roomOf(world), 'no-such-screen') }
        : {}),
    },
  };
}

export const roomCases: Record<string, Case> = {
  'POST /api/rooms': {
    success: async (world) => ({
      answer: await world.http.post('/api/rooms', { name: 'Stand-up' }, await asOwner(world)),
      status: 201,
    }),
    refusals: {
      AUTH_ERROR: (world) => world.http.post('/api/rooms', { name: 'Stand-up' }),
      VALIDATION_ERROR: async (world) => world.http.post('/api/rooms', { name: 'x' }, await asOwner(world)),
      CONFLICT: async (world) => {
        const roomId = await roomOf(world);
        return world.http.post('/api/rooms', { name: 'Another', roomId }, await asOwner(world));
      },
    },
  },
  'GET /api/rooms': {
    success: async (world) => ({
      answer: await world.http.get('/api/rooms', await asOwner(world)),
      status: 200,
    }),
    refusals: {
      AUTH_ERROR: (world) => world.http.get('/api/rooms'),
      VALIDATION_ERROR: async (world) => world.http.get('/api/rooms?limit=0', await asOwner(world)),
      FORBIDDEN: async (world) => world.http.get('/api/rooms?all=true', await asOwner(world)),
    },
  },
  'GET /api/rooms/{id}': ofRoom('GET', '', 200),
  'PATCH /api/rooms/{id}': ofRoom('PATCH', '', 200, { name: 'Retrospective' }),
  'DELETE /api/rooms/{id}': ofRoom('DELETE', '', 204),
  'GET /api/rooms/{id}/participants': ofRoom('GET', '/participants', 200),
  'GET /api/rooms/{id}/kicked': ofRoom('GET', '/kicked', 200),
  'GET /api/rooms/{id}/history': ofRoom('GET', '/history', 200),
  'POST /api/rooms/{id}/lock': ofRoom('POST', '/lock', 204),
  'POST /api/rooms/{id}/unlock': ofRoom('POST', '/unlock', 204),
  'POST /api/rooms/{id}/admit': ofGuest('admit'),
  'POST /api/rooms/{id}/kick': ofGuest('kick'),
  'POST /api/rooms/{id}/messages': ofRoom('POST', '/messages', 202, { data: 'hello' }),
  'POST /api/rooms/{id}/trigger': ofRoom('POST', '/trigger', 202, { action: 'show' }),
  'POST /api/rooms/{id}/navigate': ofRoom('POST', '/navigate', 202, { url: '/menu' }),
  'PUT /api/rooms/{id}/screens/{screenId}': ofRoomScreen('PUT'),
  'DELETE /api/rooms/{id}/screens/{screenId}': ofRoomScreen('DELETE'),
  'GET /api/ice-servers': {
    success: async (world) => ({
      answer: await world.http.get('/api/ice-servers', await asOwner(world)),
      status: 200,
    }),
    refusals: {
      AUTH_ERROR: (world) => world.http.get('/api/ice-servers'),
      VALIDATION_ERROR: async (world) => world.http.get('/api/ice-servers?roomId=x', await asOwner(world)),
    },
  },
};
