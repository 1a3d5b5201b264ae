import { CommandItemSchema } from '@bongsu/protocol';
import { v4, v7 } from 'uuid';
import { expect, it } from 'vitest';
import { expectBody, expectFailure } from '../support/http.js';
import { expectAccepted, expectRefused, send } from '../support/sockets.js';
import { type GetWorld, trigger } from '../support/world.js';

export function statusRules(world: GetWorld): void {
  const setUp = async () => {
    const owner = await world().person('owner');
    const { screenId } = await world().createScreen(owner);
    return { owner, screenId, socket: await world().controller(owner) };
  };

  it('[DL22] status answers known and unknown ids in the order asked', async () => {
    const { screenId, socket } = await setUp();
    const known = trigger(screenId);
    const { acceptedAt } = expectAccepted(await send(socket, 'trigger', known));
    const unknown = v7();
    const answer = await send(socket, 'status', { ids: [unknown, known.id] });
    expect(answer).toEqual({
      success: true,
      items: [
        { id: unknown, status: 'unknown' },
        {
          id: known.id,
          type: 'trigger',
          target: { screenId },
          status: 'accepted',
          acceptedAt,
          deliveries: [
            { screenId, status: 'pending', attempts: expect.any(Number), executedAt: null, error: null },
          ],
        },
      ],
    });
  });

  it.each([
    ['no ids', []],
    ['101 ids', Array.from({ length: 101 }, () => v4())],
    ['an id that is none', ['x']],
    ['null', null],
    ['a text', 'abc'],
  ])('[DL22] status of %s is VALIDATION_ERROR', async (_, ids) => {
    const { socket } = await setUp();
    expectRefused(await send(socket, 'status', { ids }), 'VALIDATION_ERROR');
  });

  it('[DL23] a command is found by its sender, and by the owner of the screen', async () => {
    const { owner, screenId } = await setUp();
    const stranger = await world().person('stranger');
    const path = `/api/screens/${screenId}/controllers/${stranger.userId}`;
    const shared = await world().http.call('PUT', path, { token: owner.accessToken });
    expect(shared.status, shared.text).toBeLessThan(300);
    const { id } = trigger(screenId);
    const sent = await send(
      await world().controller(stranger),
      'trigger',
      trigger(screenId, { id, action: 'theirs' }),
    );
    expectAccepted(sent);
    const url = `/api/commands/${id}`;
    const found = expectBody(await world().http.get(url, stranger.accessToken), 200, CommandItemSchema);
    expect(found).toMatchObject({
      id,
      target: { screenId },
      status: 'accepted',
      from: { userId: stranger.userId, username: stranger.username },
      payload: { action: 'theirs' },
    });
    expect(found.expiresAt).toBe(found.acceptedAt + 24 * 3_600_000);
    expectFailure(await world().http.get(url, owner.accessToken), 404, 'NOT_FOUND');
    const asOwner = await world().http.get(`${url}?senderId=${stranger.userId}`, owner.accessToken);
    expect(expectBody(asOwner, 200, CommandItemSchema)).toEqual(found);
  });

  it('[DL23] nobody else finds it, with or without senderId', async () => {
    const { owner, screenId, socket } = await setUp();
    const stranger = await world().person('stranger');
    const { id } = expectAccepted(await send(socket, 'trigger', trigger(screenId)));
    for (const query of ['', `?senderId=${owner.userId}`]) {
      const answer = await world().http.get(`/api/commands/${id}${query}`, stranger.accessToken);
      expectFailure(answer, 404, 'NOT_FOUND');
    }
    const theirs = await world().controller(stranger);
    expect(await send(theirs, 'status', { ids: [id] })).toEqual({
      success: true,
      items: [{ id, status: 'unknown' }],
    });
  });

  it('[DL23] an unknown id is NOT_FOUND and one that is no UUID is VALIDATION_ERROR', async () => {
    const { accessToken } = await world().person('owner');
    expectFailure(await world().http.get(`/api/commands/${v7()}`, accessToken), 404, 'NOT_FOUND');
    expectFailure(await world().http.get('/api/commands/17', accessToken), 400, 'VALIDATION_ERROR');
  });
}
