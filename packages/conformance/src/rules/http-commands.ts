import { AcceptedSchema, FRESHNESS_MS } from '@bongsu/protocol';
import { v4, v7 } from 'uuid';
import { expect, it } from 'vitest';
import { expectBody, expectFailure } from '../support/http.js';
import { expectAccepted, send } from '../support/sockets.js';
import { type GetWorld, trigger } from '../support/world.js';

export function httpCommandRules(world: GetWorld): void {
  const setUp = async () => {
    const owner = await world().person('owner');
    const { screenId } = await world().createScreen(owner);
    const post = (verb: string, body: unknown, headers?: Record<string, string>) =>
      world().http.post(`/api/screens/${screenId}/${verb}`, body, owner.accessToken, headers);
    return { owner, screenId, post };
  };

  it('[DL24] trigger and navigate over HTTP answer 202 with the fields of the ack', async () => {
    const { screenId, post } = await setUp();
    const first = expectBody(await post('trigger', { action: 'show', data: { a: 1 } }), 202, AcceptedSchema);
    expect(first).toMatchObject({
      status: 'accepted',
      stream: `screen:${screenId}`,
      seq: 1,
      duplicate: false,
    });
    const second = expectBody(await post('navigate', { url: '/menu' }), 202, AcceptedSchema);
    expect(second).toMatchObject({ seq: 2, duplicate: false });
  });

  it('[DL25] the key is the id', async () => {
    const { post } = await setUp();
    const key = v7();
    const body = { action: 'show' };
    const first = expectBody(await post('trigger', body, { 'idempotency-key': key }), 202, AcceptedSchema);
    expect(first.id).toBe(key);
    const again = expectBody(await post('trigger', body, { 'idempotency-key': key }), 202, AcceptedSchema);
    expect(again).toEqual({ ...first, duplicate: true });
    expectFailure(
      await post('trigger', { action: 'hide' }, { 'idempotency-key': key }),
      409,
      'IDEMPOTENCY_CONFLICT',
    );
  });

  it('[DL25] a key that is no UUID is the same command each time, for this sender only', async () => {
    const { post } = await setUp();
    const headers = { 'idempotency-key': `order ${v4()}` };
    const first = expectBody(await post('trigger', { action: 'show' }, headers), 202, AcceptedSchema);
    const again = expectBody(await post('trigger', { action: 'show' }, headers), 202, AcceptedSchema);
    expect(again).toEqual({ ...first, duplicate: true });
    const stranger = await world().person('stranger');
    const theirs = await world().createScreen(stranger);
    const path = `/api/screens/${theirs.screenId}/trigger`;
    const answer = await world().http.post(path, { action: 'show' }, stranger.accessToken, headers);
    expect(expectBody(answer, 202, AcceptedSchema).id).not.toBe(first.id);
  });

  it('[DL25] without a key the server makes a UUIDv7, a new one each time', async () => {
    const { post } = await setUp();
    const ids = [];
    for (let n = 0; n < 2; n += 1) {
      ids.push(expectBody(await post('trigger', { action: 'show' }), 202, AcceptedSchema).id);
    }
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(ids[1]).not.toBe(ids[0]);
  });

  it('[DL4] a command sent over the socket is known over HTTP, and the other way round', async () => {
    const { owner, screenId, post } = await setUp();
    const socket = await world().controller(owner);
    const command = trigger(screenId, { data: { n: 1 } });
    const bySocket = expectAccepted(await send(socket, 'trigger', command));
    const body = { action: 'show', data: { n: 1 } };
    const byHttp = await post('trigger', body, { 'idempotency-key': command.id });
    expect(expectBody(byHttp, 202, AcceptedSchema)).toEqual({ ...bySocket, duplicate: true });
    const id = v7();
    const first = expectBody(await post('trigger', body, { 'idempotency-key': id }), 202, AcceptedSchema);
    const again = await send(socket, 'trigger', trigger(screenId, { id, data: { n: 1 } }));
    expect(expectAccepted(again)).toEqual({ ...first, duplicate: true });
  });

  it('[DL9] a stale timestamp over HTTP is REQUEST_EXPIRED with the time of the server', async () => {
    const { post } = await setUp();
    const timestamp = Date.now() - FRESHNESS_MS - 60_000;
    const error = expectFailure(await post('trigger', { action: 'show', timestamp }), 400, 'REQUEST_EXPIRED');
    expect(error.details).toMatchObject({ serverTime: expect.any(Number) });
  });

  it('[DL11] a used nonce over HTTP is REPLAY_DETECTED', async () => {
    const { post } = await setUp();
    const nonce = v4();
    expectBody(await post('trigger', { action: 'show', nonce }), 202, AcceptedSchema);
    expectFailure(await post('trigger', { action: 'show', nonce }), 409, 'REPLAY_DETECTED');
  });

  it('[DL12] [SC5] unknown and foreign screens are SCREEN_NOT_FOUND over HTTP', async () => {
    const { accessToken } = await world().person('owner');
    const foreign = await world().createScreen(await world().person('stranger'));
    for (const screenId of ['no-such-screen', foreign.screenId]) {
      for (const [verb, body] of [
        ['trigger', { action: 'show' }],
        ['navigate', { url: '/menu' }],
      ] as const) {
        const answer = await world().http.post(`/api/screens/${screenId}/${verb}`, body, accessToken);
        expectFailure(answer, 404, 'SCREEN_NOT_FOUND');
      }
    }
  });
}
