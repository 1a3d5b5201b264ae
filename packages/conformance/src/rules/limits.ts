import type { Socket } from 'socket.io-client';
import { v4 } from 'uuid';
import { expect, it } from 'vitest';
import { expectFailure, type HttpAnswer } from '../support/http.js';
import { createRoom, joinRoom } from '../support/rooms.js';
import { expectRefused, send } from '../support/sockets.js';
import { type GetWorld, trigger } from '../support/world.js';

const MOST = 2000;

export function limitRules(world: GetWorld): void {
  it('[HT9] [SEC3] past the limit a user is RATE_LIMIT, and others are not', async () => {
    const busy = await world().person('owner');
    const calm = await world().person('stranger');
    let answer: HttpAnswer | undefined;
    let passed = 0;
    while (passed < MOST) {
      answer = await world().http.get('/api/users/me', busy.accessToken);
      if (answer.status !== 200) break;
      passed += 1;
    }
    if (!answer) throw new Error('nothing was asked');
    expect(passed).toBeGreaterThan(10);
    const error = expectFailure(answer, 429, 'RATE_LIMIT');
    expect(error.retryable).toBe(true);
    expect(error.retryAfterMs).toBeGreaterThan(0);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(answer.headers.get('ratelimit-remaining')).toBe('0');
    expect((await world().http.get('/api/users/me', calm.accessToken)).status).toBe(200);
  });

  it('[ID73] [SEC3] past the limit of a user auth-refresh is RATE_LIMIT on all its sockets, which live, and others go on', async () => {
    const { accessToken: token } = await world().signUp();
    const first = await world().sockets.connect({ token });
    const second = await world().sockets.connect({ token });
    await expectLimited(first.socket, 'auth-refresh', { token });
    expectRefused(await send(second.socket, 'auth-refresh', { token }), 'RATE_LIMIT');
    for (const { socket } of [first, second])
      expect(await send(socket, 'status', { ids: [v4()] })).toMatchObject({ success: true });
    const other = await world().signUp();
    const calm = await world().controller(other);
    expect(await send(calm, 'auth-refresh', { token: other.accessToken })).toMatchObject({ success: true });
  });

  it('[ID73] [SEC3] past the limit of a screen its report is RATE_LIMIT, and it goes on with commands', async () => {
    const owner = await world().signUp();
    const device = await world().device(owner);
    const screen = await world().connectScreen(device);
    await expectLimited(screen.socket, 'report', { url: '/menu' });
    await send(await world().controller(owner), 'trigger', trigger(device.screenId));
    await screen.received(1);
  });

  it('[RM116] [SIG6] of 10,000 candidates at once those past the limit are RATE_LIMIT, and the socket lives', async () => {
    const first = await createRoom(world, await world().signUp());
    const second = await joinRoom(world, await world().signUp(), first.roomId);
    const address = { roomId: first.roomId, to: second.participantId, negotiationId: 'n1' };
    await send(first.socket, 'signal', { ...address, description: { type: 'offer', sdp: 'v=0' } });
    const candidate = (n: number) => ({ ...address, candidate: { candidate: `candidate:${n}` } });
    for (let n = 0; n < 9_900; n += 1) first.socket.emit(n % 2 ? 'signal' : 'ice-candidate', candidate(n));
    const last = Array.from({ length: 100 }, (_, n) => send(first.socket, 'ice-candidate', candidate(n)));
    const refused = ((await Promise.all(last)) as { success: boolean }[]).filter(({ success }) => !success);
    expect(refused.length).toBeGreaterThan(0);
    for (const answer of refused) {
      const { retryable, retryAfterMs } = expectRefused(answer, 'RATE_LIMIT');
      expect(retryable).toBe(true);
      expect(retryAfterMs).toBeGreaterThan(0);
    }
    // Whatever was let through before this ack has come.
    await send(second.socket, 'status', { ids: [v4()] });
    const passed = second.heard.filter(({ event }) => event === 'signal').length;
    expect(passed).toBeGreaterThanOrEqual(400);
    expect(passed).toBeLessThan(5000);
    // The seat is there still, and others are not kept from theirs.
    const back = { ...address, to: first.participantId };
    expect(
      await send(second.socket, 'signal', { ...back, description: { type: 'answer', sdp: 'v=0' } }),
    ).toMatchObject({
      success: true,
    });
    expect(first.socket.connected).toBe(true);
    expect(await send(first.socket, 'join-room', first.roomId)).toMatchObject({
      participantId: first.participantId,
    });
  });

  async function expectLimited(socket: Socket, event: string, payload: object): Promise<void> {
    let passed = 0;
    let answer = await send(socket, event, payload);
    while ((answer as { success: boolean }).success && passed < MOST) {
      passed += 1;
      answer = await send(socket, event, payload);
    }
    expect(passed).toBeGreaterThan(10);
    const { retryable, retryAfterMs } = expectRefused(answer, 'RATE_LIMIT');
    expect(retryable).toBe(true);
    expect(retryAfterMs).toBeGreaterThan(0);
  }

  it('[HT12] health, metrics and pages are never limited', async () => {
    const { accessToken } = await world().person('owner');
    const pages = (await world().http.get('/')).status === 200 ? ['/'] : [];
    for (const path of ['/api/health', '/metrics', '/.well-known/jwks.json', ...pages]) {
      for (let n = 0; n < 150; n += 1) {
        expect((await world().http.get(path, accessToken)).status, path).not.toBe(429);
      }
    }
  });

  it('[SK18] [SIG6] past the limit of failures a bad token ends the transport and a good one passes', async () => {
    const { accessToken } = await world().person('stranger');
    let refusals = 0;
    let closed = false;
    while (!closed && refusals < 100) {
      closed = await endsWithoutRefusal({ token: `bad.${v4()}.token` });
      if (!closed) refusals += 1;
    }
    expect(closed).toBe(true);
    expect(refusals).toBeGreaterThan(0);
    const { socket } = await world().sockets.connect({ token: accessToken });
    expect(await send(socket, 'status', { ids: [v4()] })).toMatchObject({ success: true });
  });

  /** True when the transport went without a `connect_error` that says why. */
  function endsWithoutRefusal(auth: Record<string, unknown>): Promise<boolean> {
    const socket = world().sockets.make(auth);
    return new Promise((resolve) => {
      socket.once('connect_error', (error: Error & { data?: unknown }) => resolve(error.data === undefined));
      // A refused client closes by itself ("forced close") just before it tells of the refusal.
      socket.io.on('close', (reason) => reason !== 'forced close' && resolve(true));
      socket.connect();
    }).then((ended) => {
      socket.disconnect();
      return ended as boolean;
    });
  }
}
