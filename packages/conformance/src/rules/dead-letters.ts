import {
  AcceptedSchema,
  type DeadLetter,
  DeadLetterListSchema,
  DeadLetterStatsSchema,
  RequeuedManySchema,
} from '@bongsu/protocol';
import { v4, v7 } from 'uuid';
import { expect, it } from 'vitest';
import { expectBody, expectFailure } from '../support/http.js';
import { expectAccepted, send } from '../support/sockets.js';
import { type Account, type GetWorld, trigger } from '../support/world.js';

const REJECTED = { status: 'failed', error: 'no such clip', retryable: false };

export function deadLetterRules(world: GetWorld): void {
  const setUp = async () => {
    const owner = await world().person('owner');
    const device = await world().device(owner);
    return { owner, device, socket: await world().controller(owner) };
  };
  const listed = async ({ accessToken }: Account, query: string) =>
    expectBody(await world().http.get(`/api/dead-letters?${query}`, accessToken), 200, DeadLetterListSchema);

  /** A screen that refused `count` commands for good, is connected, and executes what comes now. */
  const refused = async (count: number) => {
    const { owner, device, socket } = await setUp();
    const screen = await world().connectScreen(device, () => REJECTED);
    const ids: string[] = [];
    for (let n = 0; n < count; n += 1) {
      const command = trigger(device.screenId, { data: { n }, displayIndex: 1 });
      ids.push(expectAccepted(await send(socket, 'trigger', command)).id);
    }
    const read = async () => (await listed(owner, `screenId=${device.screenId}`)).items;
    await expect.poll(async () => (await read()).length, { timeout: 10_000 }).toBe(count);
    screen.answer = () => ({ status: 'executed' });
    return { owner, device, socket, screen, ids, letters: await read() };
  };
  const one = async () => {
    const made = await refused(1);
    const [letter] = made.letters;
    if (!letter) throw new Error('no letter');
    return { ...made, letter };
  };
  const requeue = ({ accessToken }: Account, { id }: Pick<DeadLetter, 'id'>) =>
    world().http.post(`/api/dead-letters/${id}/requeue`, undefined, accessToken);

  it('[DL66] what a screen refused for good is listed, newest first', async () => {
    const { owner, device, ids, letters } = await refused(3);
    expect(letters.map(({ commandId }) => commandId)).toEqual([...ids].reverse());
    expect(letters[2]).toEqual({
      id: expect.any(String),
      commandId: ids[0],
      type: 'trigger',
      screenId: device.screenId,
      reason: 'rejected',
      error: 'no such clip',
      attempts: 1,
      at: expect.any(Number),
      payload: { action: 'show', data: { n: 0 }, displayIndex: 1 },
      from: { userId: owner.userId, username: owner.username },
      requeuedAs: null,
    });
    const first = await listed(owner, `screenId=${device.screenId}&limit=2`);
    const second = await listed(owner, `screenId=${device.screenId}&limit=2&cursor=${first.nextCursor}`);
    expect([...first.items, ...second.items]).toEqual(letters);
    expect(second.nextCursor).toBeNull();
    expect((await listed(owner, `screenId=${device.screenId}&reason=lost`)).items).toEqual([]);
  });

  it('[DL67] stats count what waits, by reason and screen', async () => {
    const { owner, device, letters } = await refused(2);
    const stats = async () =>
      expectBody(
        await world().http.get('/api/dead-letters/stats', owner.accessToken),
        200,
        DeadLetterStatsSchema,
      );
    const before = await stats();
    expect(before.byScreen[device.screenId]).toBe(2);
    expect(before.byReason.rejected).toBeGreaterThanOrEqual(2);
    expect(before.oldestAt).toBeLessThanOrEqual(letters[1]?.at ?? 0);
    await requeue(owner, letters[0] ?? { id: '' });
    expect((await stats()).byScreen[device.screenId]).toBe(1);
  });

  it('[DL62] [DL63] a requeued letter reaches the connected screen as a new command of its sender', async () => {
    const { owner, device, socket, screen, letter } = await one();
    const accepted = expectBody(await requeue(owner, letter), 202, AcceptedSchema);
    expect(accepted).toMatchObject({ stream: `screen:${device.screenId}`, seq: 2, duplicate: false });
    expect(accepted.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7/);
    expect(accepted.id).not.toBe(letter.commandId);
    const [, entry] = await screen.received(2);
    expect(entry).toMatchObject({
      id: accepted.id,
      seq: 2,
      attempt: 1,
      requeueOf: letter.commandId,
      action: 'show',
      data: { n: 0 },
      displayIndex: 1,
      from: { userId: owner.userId },
    });
    const status = async () => {
      const answer = await send(socket, 'status', { ids: [accepted.id] });
      return (answer as { items: { status: string }[] }).items[0]?.status;
    };
    await expect.poll(status, { timeout: 10_000 }).toBe('executed');
    const done = await listed(owner, `screenId=${device.screenId}&requeued=true`);
    expect(done.items).toMatchObject([{ id: letter.id, requeuedAs: accepted.id }]);
  });

  it('[DL63] requeueOf stays the first id of the chain', async () => {
    const { owner, device, screen, letter } = await one();
    screen.answer = () => REJECTED;
    await requeue(owner, letter);
    const waiting = async () => (await listed(owner, `screenId=${device.screenId}`)).items;
    await expect.poll(async () => (await waiting()).length, { timeout: 10_000 }).toBe(1);
    screen.answer = () => ({ status: 'executed' });
    const [second] = await waiting();
    await requeue(owner, second ?? { id: '' });
    const [, , entry] = await screen.received(3);
    expect(entry?.requeueOf).toBe(letter.commandId);
  });

  it('[DL64] a letter is requeued once, however many ask at once', async () => {
    const { owner, device, letter } = await one();
    const answers = await Promise.all(Array.from({ length: 5 }, () => requeue(owner, letter)));
    const [made, ...others] = answers.filter(({ status }) => status === 202);
    const { id } = expectBody(made ?? answers[0] ?? (await requeue(owner, letter)), 202, AcceptedSchema);
    expect(others).toEqual([]);
    for (const answer of [...answers.filter(({ status }) => status !== 202), await requeue(owner, letter)]) {
      expect(expectFailure(answer, 409, 'CONFLICT').details).toEqual({ requeuedAs: id });
    }
    expect((await listed(owner, `screenId=${device.screenId}`)).items).toEqual([]);
  });

  it('[DL65] a letter of somebody else answers like one that does not exist', async () => {
    const { owner, letter } = await one();
    const stranger = await world().person('stranger');
    const path = `/api/dead-letters/${letter.id}`;
    expectFailure(await requeue(stranger, letter), 404, 'NOT_FOUND');
    const removed = await world().http.call('DELETE', path, { token: stranger.accessToken });
    expectFailure(removed, 404, 'NOT_FOUND');
    expectFailure(await requeue(owner, { id: v7() }), 404, 'NOT_FOUND');
    const gone = await world().http.call('DELETE', `/api/dead-letters/${v4()}`, { token: owner.accessToken });
    expectFailure(gone, 404, 'NOT_FOUND');
    expectBody(await requeue(owner, letter), 202, AcceptedSchema);
  });

  it('[DL65] letters of a screen of somebody else, or of none, are NOT_FOUND', async () => {
    const { device } = await setUp();
    const { accessToken } = await world().person('stranger');
    for (const screenId of [device.screenId, 'no-such-screen']) {
      const list = await world().http.get(`/api/dead-letters?screenId=${screenId}`, accessToken);
      expectFailure(list, 404, 'NOT_FOUND');
      const many = await world().http.post('/api/dead-letters/requeue', { screenId }, accessToken);
      expectFailure(many, 404, 'NOT_FOUND');
    }
  });

  it('[DL68] the letters of a screen are requeued at once, in their order', async () => {
    const { owner, device, screen, ids } = await refused(3);
    const many = (body: unknown) => world().http.post('/api/dead-letters/requeue', body, owner.accessToken);
    const { screenId } = device;
    expect(expectBody(await many({ screenId, reason: 'lost' }), 202, RequeuedManySchema).requeued).toBe(0);
    expect(expectBody(await many({ screenId }), 202, RequeuedManySchema)).toEqual({ requeued: 3, left: 0 });
    const entries = await screen.received(6);
    expect(entries.slice(3).map(({ requeueOf }) => requeueOf)).toEqual(ids);
    expect(expectBody(await many({ screenId }), 202, RequeuedManySchema)).toEqual({ requeued: 0, left: 0 });
    expectFailure(await many({}), 400, 'VALIDATION_ERROR');
  });

  it('[DL71] a letter can be thrown away, once', async () => {
    const { owner, device, letter } = await one();
    const remove = () =>
      world().http.call('DELETE', `/api/dead-letters/${letter.id}`, { token: owner.accessToken });
    expect((await remove()).status).toBe(204);
    expectFailure(await remove(), 404, 'NOT_FOUND');
    expect((await listed(owner, `screenId=${device.screenId}`)).items).toEqual([]);
  });

  it.each(['limit=0', 'limit=101', 'cursor=x', 'reason=boredom', 'requeued=perhaps'])(
    '[HT10] dead letters by %s is VALIDATION_ERROR',
    async (query) => {
      const { accessToken } = await world().person('owner');
      expectFailure(
        await world().http.get(`/api/dead-letters?${query}`, accessToken),
        400,
        'VALIDATION_ERROR',
      );
    },
  );
}
