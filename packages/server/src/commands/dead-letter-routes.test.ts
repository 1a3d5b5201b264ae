import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  type CommandsHarness,
  commandsHarness,
  emptyLedger,
  userPrincipal,
} from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { plantLetter } from '../../test/support/letters.js';
import { routeApp } from '../../test/support/route-app.js';
import type { Database } from '../platform/database/database.js';
import type { Principal } from '../platform/principal.js';

const OWNER = randomUUID();
const admin = { ...userPrincipal(randomUUID()), role: 'admin' as const };

describeEachDatabase('dead letters over HTTP', (open) => {
  let database: Database;
  let harness: CommandsHarness;
  let app: Awaited<ReturnType<typeof routeApp>>;
  let principal: Principal;
  const owners = new Map([['scr_a', OWNER]]);
  const screensOf = async () =>
    (await app.call('GET', '/dead-letters')).body.items.map((item: { screenId: string }) => item.screenId);

  beforeAll(async () => {
    database = await open();
    harness = commandsHarness(database, {
      ownedScreens: async (userId) => [...owners].filter(([, owner]) => owner === userId).map(([id]) => id),
      authorize: (caller, screenId) => {
        const streamId = harness.screens.get(screenId);
        if (streamId === undefined || caller.kind !== 'user') return undefined;
        return { screenId, streamId, role: owners.get(screenId) === caller.userId ? 'owner' : 'controller' };
      },
    });
    app = await routeApp(harness.commands.routes, () => principal);
  });
  afterAll(() => app.close());
  beforeEach(async () => {
    await emptyLedger(database);
    harness.screens.clear();
    for (const screenId of ['scr_a', 'scr_b']) await harness.addScreen(screenId);
    principal = userPrincipal(OWNER);
  });

  it('[DL66] [DL67] owners see the letters of their screens, admins all, also of screens that are gone', async () => {
    for (const screenId of ['scr_a', 'scr_b', 'scr_gone']) await plantLetter(database, screenId);
    expect(await screensOf()).toEqual(['scr_a']);
    expect((await app.call('GET', '/dead-letters/stats')).body).toMatchObject({
      total: 1,
      byScreen: { scr_a: 1 },
    });
    principal = userPrincipal(randomUUID());
    expect(await screensOf()).toEqual([]);
    expect((await app.call('GET', '/dead-letters/stats')).body).toMatchObject({ total: 0, oldestAt: null });
    principal = admin;
    expect(await screensOf()).toEqual(['scr_gone', 'scr_b', 'scr_a']);
    const gone = await app.call('GET', '/dead-letters?screenId=scr_gone');
    expect(gone).toMatchObject({
      status: 200,
      body: { items: [{ screenId: 'scr_gone' }], nextCursor: null },
    });
  });

  it('[DL65] a letter or screen of somebody else answers like one that does not exist', async () => {
    const { id } = await plantLetter(database, 'scr_b');
    const notFound = { status: 404, body: { code: 'NOT_FOUND' } };
    for (const letter of [id, randomUUID()]) {
      expect(await app.call('POST', `/dead-letters/${letter}/requeue`)).toEqual(notFound);
      expect(await app.call('DELETE', `/dead-letters/${letter}`)).toEqual(notFound);
    }
    for (const screenId of ['scr_b', 'scr_x']) {
      expect(await app.call('GET', `/dead-letters?screenId=${screenId}`)).toEqual(notFound);
      expect(await app.call('POST', '/dead-letters/requeue', { screenId })).toEqual(notFound);
    }
    principal = admin;
    expect(await app.call('DELETE', `/dead-letters/${randomUUID()}`)).toEqual(notFound);
    expect(await app.call('POST', `/dead-letters/${id}/requeue`)).toMatchObject({
      status: 202,
      body: { seq: 1 },
    });
  });

  it('[DL62] [DL64] requeue is 202 once, then CONFLICT; a deleted letter is NOT_FOUND', async () => {
    const { id } = await plantLetter(database, 'scr_a');
    const first = await app.call('POST', `/dead-letters/${id}/requeue`);
    expect(first).toMatchObject({
      status: 202,
      body: { status: 'accepted', stream: 'screen:scr_a', seq: 1 },
    });
    expect(await app.call('POST', `/dead-letters/${id}/requeue`)).toEqual({
      status: 409,
      body: { code: 'CONFLICT', details: { requeuedAs: first.body.id } },
    });
    expect((await app.call('GET', '/dead-letters?requeued=true')).body.items).toMatchObject([
      { id, requeuedAs: first.body.id },
    ]);
    expect(await app.call('DELETE', `/dead-letters/${id}`)).toEqual({ status: 204, body: undefined });
    expect(await app.call('DELETE', `/dead-letters/${id}`)).toMatchObject({ status: 404 });
  });

  it('[DL68] many are requeued by screen or reason, of one’s own screens only', async () => {
    for (const screenId of ['scr_a', 'scr_a', 'scr_b']) await plantLetter(database, screenId);
    const many = (body: object) => app.call('POST', '/dead-letters/requeue', body);
    expect(await many({ reason: 'lost' })).toEqual({ status: 202, body: { requeued: 0, left: 0 } });
    expect(await many({ reason: 'rejected' })).toEqual({ status: 202, body: { requeued: 2, left: 0 } });
    principal = admin;
    expect(await many({ screenId: 'scr_b' })).toEqual({ status: 202, body: { requeued: 1, left: 0 } });
    expect(await many({})).toMatchObject({ status: 400, body: { code: 'VALIDATION_ERROR' } });
  });

  it('a screen has no part in it', async () => {
    principal = { kind: 'screen', screenId: 'scr_a', sessionId: 's', expiresAt: 1 };
    const { id } = await plantLetter(database, 'scr_a');
    expect(await app.call('GET', '/dead-letters')).toMatchObject({ status: 403 });
    expect(await app.call('DELETE', `/dead-letters/${id}`)).toMatchObject({ status: 403 });
  });
});
