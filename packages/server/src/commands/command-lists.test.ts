import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import {
  type CommandsHarness,
  commandsHarness,
  emptyLedger,
  SENDER,
  triggerTo,
  userPrincipal,
} from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { routeApp } from '../../test/support/route-app.js';
import type { Database } from '../platform/database/database.js';
import type { Principal } from '../platform/principal.js';

const OWNER = randomUUID();
const ROOM_COMMAND = randomUUID();

describeEachDatabase('lists of commands', (open) => {
  let database: Database;
  let harness: CommandsHarness;
  let app: Awaited<ReturnType<typeof routeApp>>;
  let principal: Principal;
  const list = (query = '') => app.call('GET', `/commands${query}`);
  const ids = (answer: { body: { items: { id: string }[] } }) => answer.body.items.map(({ id }) => id);

  /** Follows nextCursor to the end. */
  const listAll = async (query: string) => {
    const seen: string[] = [];
    let cursor = '';
    do {
      const page = await list(`${query}${cursor}`);
      expect(page.status).toBe(200);
      seen.push(...ids(page));
      cursor = page.body.nextCursor === null ? '' : `&cursor=${page.body.nextCursor}`;
    } while (cursor !== '');
    return seen;
  };
  const sendMany = async (screenId: string, count: number, sender = SENDER) => {
    const sent: string[] = [];
    for (let n = 0; n < count; n += 1) {
      const command = triggerTo(screenId, { data: n });
      await harness.send('trigger', command, { principal: userPrincipal(sender) });
      sent.unshift(command.id);
    }
    return sent;
  };

  beforeAll(async () => {
    database = await open();
    harness = commandsHarness(database, {
      authorize: (caller, screenId) => {
        const streamId = harness.screens.get(screenId);
        if (streamId === undefined || caller.kind !== 'user') return undefined;
        return { screenId, streamId, role: caller.userId === OWNER ? 'owner' : 'controller' };
      },
    });
    await harness.commands.start();
    app = await routeApp(harness.commands.routes, () => principal);
  });
  afterAll(async () => {
    await app.close();
    await harness.commands.stop(AbortSignal.timeout(1000));
  });
  beforeEach(async () => {
    await emptyLedger(database);
    await harness.addScreen('scr_a');
    await harness.addScreen('scr_b');
    principal = userPrincipal();
  });

  it('[DL69] [HT10] the caller’s own commands, newest first and each once, whatever their ids and screens', async () => {
    await sendMany('scr_a', 3, OWNER);
    const first = await sendMany('scr_a', 3);
    const second = await sendMany('scr_b', 4);
    expect(await listAll('?limit=3')).toEqual([...second, ...first]);
    const { body } = await list('?limit=1');
    expect(body.items).toEqual([
      {
        id: second[0],
        type: 'trigger',
        target: { screenId: 'scr_b' },
        status: 'accepted',
        acceptedAt: expect.any(Number),
        deliveries: [{ screenId: 'scr_b', status: 'pending', attempts: 0, executedAt: null, error: null }],
        from: { userId: SENDER, username: 'Ada' },
        payload: { action: 'show', data: 3 },
        expiresAt: expect.any(Number),
      },
    ]);
  });

  it('[DL69] commands of one moment are told apart by their place', async () => {
    const sent = await sendMany('scr_a', 5);
    await database.query('update commands set accepted_at = 1');
    expect(await listAll('?limit=2')).toEqual(sent);
  });

  it('[DL69] a screen’s inbox: all of it for its owner, their own for controllers', async () => {
    const theirs = await sendMany('scr_a', 2, OWNER);
    const own = await sendMany('scr_a', 3);
    await sendMany('scr_b', 1);
    expect(await listAll('?screenId=scr_a&limit=2')).toEqual(own);
    principal = userPrincipal(OWNER);
    expect(await listAll('?screenId=scr_a&limit=2')).toEqual([...own, ...theirs]);
    expect(await list('?screenId=scr_x')).toMatchObject({ status: 404, body: { code: 'SCREEN_NOT_FOUND' } });
  });

  it('[DL69] an inbox has what came by a room, with the delivery to this screen', async () => {
    const [before] = await sendMany('scr_a', 1, OWNER);
    const stream = harness.screens.get('scr_a') ?? 0;
    await database.exec(`
      insert into streams (kind, name, last_seq) values ('room', 'lobby', 7);
      insert into commands (stream_id, seq, sender_id, id, type, fingerprint, payload, accepted_at, expires_at)
      select id, 7, '${SENDER}', '${ROOM_COMMAND}', 'navigate', '\\x00', '{"url":"/menu"}', 5, 6 from streams where name = 'lobby';
      insert into inbox_references (stream_id, seq, room_stream_id, room_seq)
      select ${stream}, 2, id, 7 from streams where name = 'lobby';
      insert into deliveries (stream_id, seq, status, attempts, at, error, reason)
      values (${stream}, 2, 'dead', 4, 9, 'no', 'exhausted');
      insert into attempts (stream_id, seq, n, lost, next_at, last_error) values (${stream}, 1, 2, 1, 77, 'why')`);
    principal = userPrincipal(OWNER);
    const { body } = await list('?screenId=scr_a');
    expect(body).toMatchObject({
      items: [
        {
          id: ROOM_COMMAND,
          type: 'navigate',
          target: { roomId: 'lobby' },
          status: 'dead',
          deliveries: [
            {
              screenId: 'scr_a',
              status: 'dead',
              attempts: 4,
              executedAt: null,
              error: 'no',
              reason: 'exhausted',
            },
          ],
          payload: { url: '/menu' },
          expiresAt: 6,
        },
        {
          id: before,
          status: 'accepted',
          deliveries: [{ status: 'retrying', attempts: 3, error: 'why', nextAt: 77 }],
        },
      ],
      nextCursor: null,
    });
    principal = userPrincipal();
    expect(await listAll('?screenId=scr_a&limit=1')).toEqual([ROOM_COMMAND]);
  });

  it.each(['?cursor=eA', '?limit=0', '?limit=201', '?screenId=scr_a&cursor=MTox'])(
    '[HT10] %s is VALIDATION_ERROR',
    async (query) => {
      expect(await list(query)).toMatchObject({ status: 400, body: { code: 'VALIDATION_ERROR' } });
    },
  );

  it('a screen lists nothing', async () => {
    principal = { kind: 'screen', screenId: 'scr_a', sessionId: 's', expiresAt: 1 };
    expect(await list()).toMatchObject({ status: 403 });
  });
});
