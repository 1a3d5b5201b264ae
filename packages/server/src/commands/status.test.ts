import { beforeAll, beforeEach, expect, it } from 'vitest';
import { emptyLedger, SENDER, userPrincipal } from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import { type RoomsHarness, roomsHarness, triggerRoom } from '../../test/support/rooms.js';
import type { Database } from '../platform/database/database.js';
import type { ScreenGrant } from '../screens/index.js';
import { commandState, getCommand, statusOf } from './status.js';
import { StatusLedger } from './status-ledger.js';

it.each([
  ['nothing to do', [], 'executed'],
  ['all executed', ['executed', 'executed'], 'executed'],
  ['one pending', ['executed', 'pending'], 'accepted'],
  ['one retrying', ['dead', 'retrying'], 'accepted'],
  ['different ends', ['executed', 'dead'], 'partial'],
  ['different ends without success', ['expired', 'dead'], 'partial'],
  ['one common end', ['cancelled', 'cancelled'], 'cancelled'],
] as const)('[DL61] the state of a command with %s', (_, deliveries, state) => {
  expect(commandState(deliveries)).toBe(state);
});

describeEachDatabase('status of commands with several deliveries', (open) => {
  let database: Database;
  let harness: RoomsHarness;
  const owned = new Map<string, ScreenGrant['role']>();
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    owned.clear();
    await emptyLedger(database);
    harness = roomsHarness(database);
    await harness.commands.start();
    for (const screen of ['scr_a', 'scr_b', 'scr_c']) await harness.addScreen(screen);
    await harness.openRoom('lobby', ['scr_a', 'scr_b', 'scr_c']);
  });
  const deps = () => ({
    ledger: new StatusLedger(database),
    authorize: (_: unknown, screenId: string): ScreenGrant | undefined => {
      const role = owned.get(screenId);
      return role && { screenId, streamId: harness.screens.get(screenId) ?? 0, role };
    },
  });
  const deliver = (screenId: string, table: string, columns: object) => {
    const entries = Object.entries(columns);
    const names = entries.map(([name]) => `, ${name}`).join('');
    const values = entries.map((_, i) => `, $${i + 2}`).join('');
    return database.query(`insert into ${table} (stream_id, seq${names}) values ($1, 1${values})`, [
      harness.screens.get(screenId) ?? 0,
      ...entries.map(([, value]) => value),
    ]);
  };

  it('[DL61] has one delivery a member, each with its own end', async () => {
    const command = triggerRoom('lobby');
    const { acceptedAt } = await harness.send('trigger', command);
    const status = () => statusOf(deps(), userPrincipal(), [command.id]);
    const pending = (screenId: string) => ({
      screenId,
      status: 'pending',
      attempts: 0,
      executedAt: null,
      error: null,
    });
    expect(await status()).toEqual([
      {
        id: command.id,
        type: 'trigger',
        target: { roomId: 'lobby' },
        status: 'accepted',
        acceptedAt,
        deliveries: ['scr_a', 'scr_b', 'scr_c'].map(pending),
      },
    ]);
    await deliver('scr_a', 'deliveries', { status: 'executed', attempts: 1, at: 5 });
    await deliver('scr_b', 'attempts', { n: 2, next_at: 99, last_error: 'no paper' });
    await deliver('scr_c', 'deliveries', {
      status: 'dead',
      attempts: 4,
      at: 7,
      error: 'broken',
      reason: 'exhausted',
    });
    expect(await status()).toMatchObject([
      {
        status: 'accepted',
        deliveries: [
          { screenId: 'scr_a', status: 'executed', attempts: 1, executedAt: 5, error: null },
          {
            screenId: 'scr_b',
            status: 'retrying',
            attempts: 2,
            executedAt: null,
            error: 'no paper',
            nextAt: 99,
          },
          {
            screenId: 'scr_c',
            status: 'dead',
            attempts: 4,
            executedAt: null,
            error: 'broken',
            reason: 'exhausted',
          },
        ],
      },
    ]);
    await deliver('scr_b', 'deliveries', { status: 'executed', attempts: 3, at: 8 });
    expect(await status()).toMatchObject([{ status: 'partial' }]);
  });

  it('[DL23] the owner of a member screen sees that screen’s delivery only, a stranger nothing, an admin all', async () => {
    const command = triggerRoom('lobby');
    await harness.send('trigger', command);
    const other = userPrincipal('018f0000-0000-7000-8000-000000000002');
    const get = (principal = other) => getCommand(deps(), principal, command.id, SENDER);
    await expect(get()).rejects.toMatchObject({ code: 'NOT_FOUND' });
    owned.set('scr_b', 'owner');
    owned.set('scr_c', 'controller');
    expect((await get()).deliveries.map(({ screenId }) => screenId)).toEqual(['scr_b']);
    expect((await get({ ...other, role: 'admin' })).deliveries).toHaveLength(3);
  });

  it('[DL22] a hundred ids are one query', async () => {
    let queries = 0;
    const counting = {
      query: (...args: Parameters<Database['query']>) => {
        queries += 1;
        return database.query(...args);
      },
    } as Database;
    const commands = Array.from({ length: 100 }, () => triggerRoom('lobby'));
    await Promise.all(commands.map((command) => harness.send('trigger', command)));
    const ids = commands.map(({ id }) => id);
    const items = await statusOf({ ...deps(), ledger: new StatusLedger(counting) }, userPrincipal(), ids);
    expect(queries).toBe(1);
    expect(items.map(({ id }) => id)).toEqual(ids);
    expect(items.every((item) => 'deliveries' in item && item.deliveries.length === 3)).toBe(true);
  });
});
