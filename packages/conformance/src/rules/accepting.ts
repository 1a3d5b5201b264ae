import { FRESHNESS_MS } from '@bongsu/protocol';
import { v4, v7 } from 'uuid';
import { expect, it } from 'vitest';
import { expectAccepted, expectRefused, send } from '../support/sockets.js';
import { type GetWorld, navigate, trigger } from '../support/world.js';

export function acceptingRules(world: GetWorld): void {
  const setUp = async () => {
    const owner = await world().person('owner');
    const screen = await world().createScreen(owner);
    return { owner, screenId: screen.screenId, socket: await world().controller(owner) };
  };

  it('[DL1] [DL2] trigger and navigate are acked with their place in the inbox', async () => {
    const { socket, screenId } = await setUp();
    const first = trigger(screenId, { data: { table: 4 } });
    const answer = await send(socket, 'trigger', first);
    expect(answer).toEqual({
      success: true,
      id: first.id,
      status: 'accepted',
      stream: `screen:${screenId}`,
      seq: 1,
      epoch: expect.stringMatching(/.+/),
      acceptedAt: expect.any(Number),
      duplicate: false,
    });
    expect(Math.abs(expectAccepted(answer).acceptedAt - Date.now())).toBeLessThan(60_000);
    const second = navigate(screenId);
    expect(expectAccepted(await send(socket, 'navigate', second))).toMatchObject({ id: second.id, seq: 2 });
  });

  it('[DL3] commands in flight together are accepted in the order sent', async () => {
    const { socket, screenId } = await setUp();
    const answers = await Promise.all(
      Array.from({ length: 200 }, (_, n) =>
        n % 2 === 0
          ? send(socket, 'trigger', trigger(screenId, { data: n }))
          : send(socket, 'navigate', navigate(screenId)),
      ),
    );
    expect(answers.map((answer) => expectAccepted(answer).seq)).toEqual(answers.map((_, n) => n + 1));
  });

  it('[DL4] the same command again gets the stored answer, also from another socket', async () => {
    const { owner, socket, screenId } = await setUp();
    const command = trigger(screenId, { data: [1, 2, 3] });
    const first = expectAccepted(await send(socket, 'trigger', command));
    const again = expectAccepted(await send(socket, 'trigger', command));
    expect(again).toEqual({ ...first, duplicate: true });
    socket.disconnect();
    const elsewhere = await world().controller(owner);
    expect(expectAccepted(await send(elsewhere, 'trigger', command))).toEqual({ ...first, duplicate: true });
  });

  it('[DL5] what is no content does not make another command', async () => {
    const { socket, screenId } = await setUp();
    const command = trigger(screenId, { data: { a: 1, b: { c: 2, d: 3 } } });
    const { seq } = expectAccepted(await send(socket, 'trigger', command));
    const restamped = {
      ...command,
      timestamp: command.timestamp + 1000,
      ttlMs: 60_000,
      notify: 'none',
      retries: 5,
      nonce: v4(),
      data: { b: { d: 3, c: 2 }, a: 1 },
    };
    expect(expectAccepted(await send(socket, 'trigger', restamped))).toMatchObject({ seq, duplicate: true });
  });

  it.each([
    ['action', { action: 'hide' }],
    ['data', { data: { a: 2 } }],
    ['data left out', { data: undefined }],
    ['displayIndex', { displayIndex: 1 }],
  ])('[DL6] the same id with another %s is IDEMPOTENCY_CONFLICT', async (_, over) => {
    const { socket, screenId } = await setUp();
    const command = trigger(screenId, { data: { a: 1 } });
    const first = expectAccepted(await send(socket, 'trigger', command));
    const error = expectRefused(
      await send(socket, 'trigger', { ...command, ...over }),
      'IDEMPOTENCY_CONFLICT',
    );
    expect(error.retryable).toBe(false);
    expect(expectAccepted(await send(socket, 'trigger', command))).toEqual({ ...first, duplicate: true });
  });

  it('[DL6] the same id for another type or another screen is IDEMPOTENCY_CONFLICT', async () => {
    const { owner, socket, screenId } = await setUp();
    const other = await world().createScreen(owner);
    const command = trigger(screenId);
    expectAccepted(await send(socket, 'trigger', command));
    const { id } = command;
    expectRefused(await send(socket, 'navigate', navigate(screenId, { id })), 'IDEMPOTENCY_CONFLICT');
    expectRefused(await send(socket, 'trigger', trigger(other.screenId, { id })), 'IDEMPOTENCY_CONFLICT');
  });

  it('[DL7] copies sent at once over several sockets are one entry', async () => {
    const { owner, socket, screenId } = await setUp();
    const others = await Promise.all([1, 2, 3].map(() => world().controller(owner)));
    const command = trigger(screenId);
    const answers = await Promise.all(
      [socket, ...others].flatMap((each) => Array.from({ length: 5 }, () => send(each, 'trigger', command))),
    );
    expect(new Set(answers.map((answer) => expectAccepted(answer).seq))).toEqual(new Set([1]));
    expect(answers.filter((answer) => !expectAccepted(answer).duplicate)).toHaveLength(1);
    expect(expectAccepted(await send(socket, 'trigger', trigger(screenId))).seq).toBe(2);
  });

  it('[DL7] copies with different content sent at once: one is accepted', async () => {
    const { owner, socket, screenId } = await setUp();
    const other = await world().controller(owner);
    const command = trigger(screenId);
    const answers = (await Promise.all([
      send(socket, 'trigger', command),
      send(other, 'trigger', { ...command, action: 'other' }),
    ])) as { success: boolean }[];
    expect(answers.map(({ success }) => success).sort()).toEqual([false, true]);
    expectRefused(
      answers.find(({ success }) => !success),
      'IDEMPOTENCY_CONFLICT',
    );
  });

  it('[DL8] two users may use one id', async () => {
    const { socket, screenId } = await setUp();
    const stranger = await world().person('stranger');
    const theirs = await world().createScreen(stranger);
    const id = v7();
    expectAccepted(await send(socket, 'trigger', trigger(screenId, { id })));
    const answer = await send(
      await world().controller(stranger),
      'trigger',
      trigger(theirs.screenId, { id }),
    );
    expect(expectAccepted(answer)).toMatchObject({ seq: 1, duplicate: false });
  });

  it.each([
    ['stale', -FRESHNESS_MS - 60_000],
    ['from the future', FRESHNESS_MS + 60_000],
    ['of 1970', -Number.POSITIVE_INFINITY],
  ])('[DL9] a timestamp that is %s is REQUEST_EXPIRED with the time of the server', async (_, offsetMs) => {
    const { socket, screenId } = await setUp();
    const timestamp = Math.max(0, Date.now() + offsetMs);
    const command = trigger(screenId, { timestamp });
    const { details } = expectRefused(await send(socket, 'trigger', command), 'REQUEST_EXPIRED');
    const { serverTime } = details as { serverTime: number };
    expect(Math.abs(serverTime - Date.now())).toBeLessThan(60_000);
    const restamped = { ...command, timestamp: serverTime };
    expect(expectAccepted(await send(socket, 'trigger', restamped))).toMatchObject({
      seq: 1,
      duplicate: false,
    });
  });

  it('[DL10] a known command is answered whatever its timestamp', async () => {
    const { socket, screenId } = await setUp();
    const command = trigger(screenId);
    const first = expectAccepted(await send(socket, 'trigger', command));
    const stale = { ...command, timestamp: command.timestamp - 2 * FRESHNESS_MS };
    expect(expectAccepted(await send(socket, 'trigger', stale))).toEqual({ ...first, duplicate: true });
  });

  it('[DL10] a known command is answered after the screen was deleted', async () => {
    const { owner, socket, screenId } = await setUp();
    const command = trigger(screenId);
    const first = expectAccepted(await send(socket, 'trigger', command));
    await world().http.call('DELETE', `/api/screens/${screenId}`, { token: owner.accessToken });
    expect(expectAccepted(await send(socket, 'trigger', command))).toEqual({ ...first, duplicate: true });
    expectRefused(await send(socket, 'trigger', trigger(screenId)), 'SCREEN_NOT_FOUND');
  });

  it('[DL11] a nonce serves one command', async () => {
    const { socket, screenId } = await setUp();
    const nonce = v4();
    const command = trigger(screenId, { nonce });
    const first = expectAccepted(await send(socket, 'trigger', command));
    expect(expectAccepted(await send(socket, 'trigger', command))).toEqual({ ...first, duplicate: true });
    const replay = trigger(screenId, { nonce });
    expectRefused(await send(socket, 'trigger', replay), 'REPLAY_DETECTED');
    const stranger = await world().person('stranger');
    const theirs = await world().createScreen(stranger);
    const answer = await send(
      await world().controller(stranger),
      'trigger',
      trigger(theirs.screenId, { nonce }),
    );
    expectAccepted(answer);
  });

  it('[DL12] [SC5] unknown, deleted and foreign screens cannot be told apart', async () => {
    const { owner, socket, screenId } = await setUp();
    const foreign = await world().createScreen(await world().person('stranger'));
    await world().http.call('DELETE', `/api/screens/${screenId}`, { token: owner.accessToken });
    const errors = [];
    for (const target of ['no-such-screen', screenId, foreign.screenId]) {
      errors.push(expectRefused(await send(socket, 'trigger', trigger(target)), 'SCREEN_NOT_FOUND'));
    }
    expect(errors[1]).toEqual(errors[0]);
    expect(errors[2]).toEqual(errors[0]);
  });

  it('[DL27] an id in capitals is the same id', async () => {
    const { socket, screenId } = await setUp();
    const command = trigger(screenId);
    const first = expectAccepted(await send(socket, 'trigger', command));
    const shouted = { ...command, id: command.id.toUpperCase() };
    expect(expectAccepted(await send(socket, 'trigger', shouted))).toEqual({ ...first, duplicate: true });
  });
}
