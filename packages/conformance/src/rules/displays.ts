import { ClaimedPairingSchema } from '@bongsu/protocol';
import { v4 } from 'uuid';
import { expect, it } from 'vitest';
import { expectBody } from '../support/http.js';
import { expectAccepted, expectRefused, send } from '../support/sockets.js';
import { type GetWorld, trigger } from '../support/world.js';

const AnswerSchema = ClaimedPairingSchema.pick({ screen: true });

export function displayRules(world: GetWorld): void {
  const setUp = async () => {
    const owner = await world().person('owner');
    const device = await world().device(owner);
    const { screenId } = device;
    const get = async () => {
      const answer = await world().http.get(`/api/screens/${screenId}`, owner.accessToken);
      return expectBody(answer, 200, AnswerSchema).screen;
    };
    return { owner, device, screenId, get };
  };

  it('[DL58] [BEY2] desired is the latest navigate of each display; a trigger changes nothing', async () => {
    const { owner, screenId, get } = await setUp();
    expect((await get()).desired).toEqual({});
    const socket = await world().controller(owner);
    const go = async (url: string, displayIndex?: number) => {
      const id = v4();
      const display = displayIndex === undefined ? {} : { displayIndex };
      const command = { id, timestamp: Date.now(), target: { screenId }, url, ...display };
      const { acceptedAt } = expectAccepted(await send(socket, 'navigate', command));
      return { url, at: acceptedAt, commandId: id };
    };
    await go('/old');
    const [first, third] = [await go('/new', 0), await go('https://example.org/menu', 3)];
    expectAccepted(await send(socket, 'trigger', trigger(screenId)));
    expect((await get()).desired).toEqual({ 0: first, 3: third });
  });

  it('[DL59] [BEY2] a screen reports what its displays show', async () => {
    const { device, get } = await setUp();
    expect((await get()).reported).toEqual({});
    const { socket } = await world().connectScreen(device);
    expect(await send(socket, 'report', { url: '/first' })).toEqual({ success: true });
    expect(await send(socket, 'report', { displayIndex: 0, url: '/menu' })).toEqual({ success: true });
    expect(await send(socket, 'report', { displayIndex: 15, url: 'https://example.org' })).toEqual({
      success: true,
    });
    const at = expect.any(Number);
    expect((await get()).reported).toEqual({
      0: { url: '/menu', at },
      15: { url: 'https://example.org', at },
    });
  });

  it.each([
    ['no url', {}],
    ['a url that runs', { url: 'javascript:alert(1)' }],
    ['a display past 15', { url: '/menu', displayIndex: 16 }],
    ['a display that is no number', { url: '/menu', displayIndex: '0' }],
    ['null', null],
  ])('[DL60] a report with %s is VALIDATION_ERROR and changes nothing', async (_, payload) => {
    const { device, get } = await setUp();
    const { socket } = await world().connectScreen(device);
    expectRefused(await send(socket, 'report', payload), 'VALIDATION_ERROR');
    expect((await get()).reported).toEqual({});
  });

  it('[DL60] a user’s report is FORBIDDEN', async () => {
    const { owner } = await setUp();
    expectRefused(await send(await world().controller(owner), 'report', { url: '/menu' }), 'FORBIDDEN');
  });
}
