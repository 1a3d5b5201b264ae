import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeEachDatabase } from '../../../test/support/databases.js';
import { emptyTables } from '../../../test/support/empty-tables.js';
import type { Database, Queryable } from '../../platform/database/database.js';
import { forgetEndedNodes, listRoomsOfDead, listSeatsOfDead } from './dead-processes.js';
import {
  countSeats,
  findNextGrace,
  findSeatOfSocket,
  isMember,
  listRoomsWithOverdueSeats,
  listSeats,
  listSeatsIn,
  listSeatsOf,
  listSeatsOfSockets,
} from './participants.js';
import { listOverdueRooms, lockFreeRooms, lockRoom, raiseVersion, readVersions } from './rooms.js';

const USER = '00000000-0000-7000-8000-000000000001';
const PROCESS = '00000000-0000-7000-8000-000000000002';
const OTHER = '00000000-0000-7000-8000-000000000003';
const MOST_BLOCKS = 60;

/** Explains what it is asked, undoes what that wrote, and adds up the blocks. */
class Explained implements Queryable {
  blocks = 0;

  constructor(private readonly tx: Queryable) {}

  async query<Row extends object>(...[text, parameters]: Parameters<Queryable['query']>): Promise<Row[]> {
    const rows = await this.tx.query<{ 'QUERY PLAN': { Plan: Record<string, number> }[] }>(
      `explain (analyze, buffers, timing off, format json) ${text}`,
      parameters,
    );
    const plan = rows[0]?.['QUERY PLAN'][0]?.Plan ?? {};
    this.blocks += (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0);
    return [];
  }
}

describeEachDatabase('what rooms read', (open) => {
  let database: Database;
  let id = 0;
  beforeAll(async () => {
    database = await open();
    await database.exec(`
      insert into streams (kind, name) values ('room', 'standup');
      insert into rooms (room_id, stream_id, generation, name, owner_id, max_users, lobby, persistent, commanders, created_at, active_at)
      select 'room-' || n, s.id, 0, 'Stand-up', '${OTHER}', 10, false, n = 1000, 'owner', 10, 10
      from streams s, generate_series(1, 2000) n where s.name = 'standup';
      insert into room_participants (id, room, user_id, number, state, incarnation, socket_id, joined_at)
      select gen_random_uuid(), r.id, gen_random_uuid(), n, 'joined', '${PROCESS}', r.id || '-' || n, 1
      from rooms r, generate_series(1, 5) n;
      insert into room_participants (id, room, user_id, number, state, joined_at, left_at, duration_seconds, reason)
      select gen_random_uuid(), r.id, gen_random_uuid(), n, 'left', 0, 0, 0, 'left'
      from rooms r, generate_series(1, 20000) n where r.room_id = 'room-1000';
      insert into nodes (name, incarnation, lease_until) values ('other', '${PROCESS}', 8000000000000);
      insert into ended_nodes (incarnation, lived_until) values ('${OTHER}', 1), ('${PROCESS}', 1)`);
    await database.exec('vacuum analyze rooms');
    await database.exec('vacuum analyze room_participants');
    const [room] = await database.query<{ id: number }>("select id from rooms where room_id = 'room-1000'");
    id = room?.id ?? 0;
  });
  afterAll(() => emptyTables(database, 'rooms', 'room_participants', 'nodes', 'ended_nodes', 'streams'));

  const survey = { incarnation: OTHER, now: 1, withReconnecting: true };
  const reads: Record<string, (db: Queryable) => Promise<unknown>> = {
    lockRoom: (db) => lockRoom(db, 'room-1000'),
    countSeats: (db) => countSeats(db, id),
    listSeats: (db) => listSeats(db, id),
    listSeatsOf: (db) => listSeatsOf(db, id, USER),
    listSeatsIn: (db) => listSeatsIn(db, [{ roomId: 'room-1000', userId: USER }]),
    lockFreeRooms: (db) => lockFreeRooms(db, ['room-1000']),
    listSeatsOfSockets: (db) => listSeatsOfSockets(db, id, PROCESS, [`${id}-1`]),
    isMember: (db) => isMember(db, id, USER),
    findSeatOfSocket: (db) => findSeatOfSocket(db, id, { incarnation: PROCESS, socketId: `${id}-1` }),
    raiseVersion: (db) => raiseVersion(db, { id } as Parameters<typeof raiseVersion>[1], 1),
    listRoomsOfDead: (db) => listRoomsOfDead(db, survey),
    listSeatsOfDead: (db) => listSeatsOfDead(db, id, survey),
    forgetEndedNodes: (db) => forgetEndedNodes(db, 1),
    listRoomsWithOverdueSeats: (db) => listRoomsWithOverdueSeats(db, 1),
    findNextGrace: (db) => findNextGrace(db),
    listOverdueRooms: (db) => listOverdueRooms(db, { empty: 1, active: 1 }),
    readVersions: (db) => readVersions(db, [id]),
  };

  test.each(Object.keys(reads))(
    '[RM49] [SIG2] %s reads nothing of a room’s history and of other rooms',
    async (name) => {
      const blocks = await database.transaction(async (tx) => {
        const explained = new Explained(tx);
        await reads[name]?.(explained);
        return explained.blocks;
      });
      expect(blocks).toBeLessThanOrEqual(MOST_BLOCKS);
    },
  );
});
