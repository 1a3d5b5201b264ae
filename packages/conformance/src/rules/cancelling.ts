import { CommandListSchema, CommandSchema } from '@bongsu/protocol';
import { v7 } from 'uuid';
import { expect, it } from 'vitest';
import { expectBody, expectFailure } from '../support/http.js';
import { expectAccepted, send } from '../support/sockets.js';
import { type Account, type GetWorld, navigate, trigger } from '../support/world.js';

export function cancellingRules(world: GetWorld): void {
  const setUp = async () => {
    const owner = await world().person('owner');
    const device = await world().device(owner);
    const socket = await world().controller(owner);
    const sendOne = async () => expectAccepted(await send(socket, 'trigger', trigger(device.screenId))).id;
    return { owner, device, socket, sendOne };
  };
  const cancel = ({ accessToken }: Account, id: string, query = '') =>
    world().http.call('DELETE', `/api/commands/${id}${query}`, { token: accessToken });
  const list = async ({ accessToken }: Account, query: string) =>
    expectBody(await world().http.get(`/api/commands${query}`, accessToken), 200, CommandListSchema);

  it('[DL70] a command that waits for a screen is cancelled and never sent; asking again answers the same', async () => {
    const { owner, device, sendOne } = await setUp();
    const [first, second] = [await sendOne(), await sendOne()];
    const cancelled = expectBody(await cancel(owner, first), 200, CommandSchema);
    expect(cancelled).toMatchObject({
      id: first,
      status: 'cancelled',
      deliveries: [{ screenId: device.screenId, status: 'cancelled', executedAt: null }],
    });
    expect(expectBody(await cancel(owner, first), 200, CommandSchema)).toEqual(cancelled);
    const screen = await world().connectScreen(device);
    await screen.received(1);
    expect(screen.ids).toEqual([second]);
  });

  it('[DL70] a command in flight is CONFLICT, and goes on', async () => {
    const { owner, device, socket, sendOne } = await setUp();
    const acks: ((receipt: unknown) => void)[] = [];
    const screen = await world().connectScreen(device, () => undefined);
    screen.socket.on('trigger', (_entry: unknown, ack: (receipt: unknown) => void) => acks.push(ack));
    const id = await sendOne();
    await screen.received(1);
    expect(expectFailure(await cancel(owner, id), 409, 'CONFLICT').details).toEqual({ reason: 'in-flight' });
    acks[0]?.({ status: 'executed' });
    const status = async () => {
      const answer = await send(socket, 'status', { ids: [id] });
      return (answer as { items: { status: string }[] }).items[0]?.status;
    };
    await expect.poll(status, { timeout: 10_000 }).toBe('executed');
    expect(expectFailure(await cancel(owner, id), 409, 'CONFLICT').details).toEqual({
      reason: 'ended',
      status: 'executed',
    });
  });

  it('[DL70] a command of somebody else answers like one that does not exist', async () => {
    const { owner, sendOne } = await setUp();
    const stranger = await world().person('stranger');
    const id = await sendOne();
    expectFailure(await cancel(stranger, id), 404, 'NOT_FOUND');
    expectFailure(await cancel(stranger, id, `?senderId=${owner.userId}`), 404, 'NOT_FOUND');
    expectFailure(await cancel(owner, v7()), 404, 'NOT_FOUND');
    expectFailure(await cancel(owner, 'x'), 400, 'VALIDATION_ERROR');
  });

  it('[DL69] own commands are listed newest first, with what they say and what became of them', async () => {
    const { owner, device, socket, sendOne } = await setUp();
    const first = await sendOne();
    const shown = navigate(device.screenId, { url: '/menu', displayIndex: 3 });
    const { acceptedAt } = expectAccepted(await send(socket, 'navigate', shown));
    const page = await list(owner, '?limit=1');
    expect(page.items).toEqual([
      {
        id: shown.id,
        type: 'navigate',
        target: { screenId: device.screenId },
        status: 'accepted',
        acceptedAt,
        deliveries: [
          { screenId: device.screenId, status: 'pending', attempts: 0, executedAt: null, error: null },
        ],
        from: { userId: owner.userId, username: owner.username },
        payload: { url: '/menu', displayIndex: 3 },
        expiresAt: acceptedAt + 24 * 3_600_000,
      },
    ]);
    const next = await list(owner, `?limit=1&cursor=${page.nextCursor}`);
    expect(next.items.map(({ id }) => id)).toEqual([first]);
  });

  it('[DL69] a screen’s inbox is listed to its owner whole, to a controller as far as it is theirs', async () => {
    const { owner, device, sendOne } = await setUp();
    const { screenId } = device;
    const controller = await world().person('stranger');
    const path = `/api/screens/${screenId}/controllers/${controller.userId}`;
    const inbox = `?screenId=${screenId}`;
    const foreign = await world().http.get(`/api/commands${inbox}`, controller.accessToken);
    expectFailure(foreign, 404, 'SCREEN_NOT_FOUND');
    await world().http.call('PUT', path, { token: owner.accessToken });
    const first = await sendOne();
    const theirs = expectAccepted(
      await send(await world().controller(controller), 'trigger', trigger(screenId)),
    ).id;
    expect((await list(owner, inbox)).items.map(({ id }) => id)).toEqual([theirs, first]);
    expect((await list(controller, inbox)).items).toMatchObject([
      { id: theirs, from: { userId: controller.userId } },
    ]);
  });
}
