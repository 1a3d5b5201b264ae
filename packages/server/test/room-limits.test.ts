import { randomUUID } from 'node:crypto';
import { send, World } from '@bongsu/conformance';
import type { Joined } from '@bongsu/protocol';
import { expect, it } from 'vitest';
import { describeEachServer } from './support/server.js';

describeEachServer('limits of rooms', (start) => {
  it('[SIG8] [RM32] whose calls are used up still leaves rooms, and takes a seat again', async () => {
    const { url } = await start({ settings: { RATE_LIMIT_PER_MINUTE: '20' } });
    const world = new World({ url });
    const ann = await world.person('owner');
    const [host, tab] = [await world.controller(ann), await world.controller(ann)];
    const { roomId } = (await send(host, 'create-room', { name: 'Stand-up' })) as Joined;
    const { participantId } = (await send(tab, 'join-room', roomId)) as Joined;
    const back = await world.controller(ann);
    const lock = () => send(host, 'lock-room', { roomId });
    while (((await lock()) as { success: boolean }).success);
    expect(await lock()).toMatchObject({ error: { code: 'RATE_LIMIT' } });
    expect(await send(back, 'join-room', { roomId, participantId })).toMatchObject({ participantId });
    expect(await send(back, 'leave-room', { roomId })).toEqual({ success: true });
    expect(await send(back, 'leave-room', { roomId: `never-${randomUUID()}` })).toEqual({ success: true });
    expect(await send(host, 'join-room', { roomId })).toMatchObject({ existingUsers: [] });
    world.sockets.closeAll();
  });
});
