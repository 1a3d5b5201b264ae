import { randomUUID } from 'node:crypto';
import type { ClosingKey } from '@bongsu/protocol';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { describeEachDatabase } from '../../test/support/databases.js';
import { HubBus } from '../../test/support/hub-bus.js';
import type { AuditEvent } from '../platform/audit.js';
import { systemClock } from '../platform/clock.js';
import type { Database } from '../platform/database/database.js';
import { NodeCalls } from '../platform/ephemeral/node-calls.js';
import type { OwnConnection } from '../platform/local-connections.js';
import { silentLog } from '../platform/log.js';
import {
  type ConnectionQuery,
  type ConnectionsDeps,
  closeConnection,
  listConnections,
  serveConnections,
} from './connections.js';
import { listNodes, type NodeState, serveNode } from './nodes.js';

const NOW = 1_800_000_000_000;
const ADA = randomUUID();
/** Answers come without a timer, so none is too late. */
const IMPATIENT = { ...systemClock, after: (_ms: number, task: () => void) => systemClock.after(20, task) };
const CALLER = {
  user: { kind: 'user', userId: ADA, sessionId: 'login', username: 'Ada', role: 'admin' },
  origin: { address: '192.0.2.7', userAgent: 'test' },
} as unknown as Parameters<typeof closeConnection>[2];

describeEachDatabase('connections of all nodes', (open) => {
  let database: Database;
  let hub: HubBus;
  let audited: AuditEvent[];
  let closed: [id: string, closing: ClosingKey][];
  const ends: (() => void)[] = [];

  const connection = (over: Partial<OwnConnection>): OwnConnection => ({
    ...{ id: 'x', userId: ADA, username: 'Ada', screenId: null, sessionId: 'login', address: '192.0.2.1' },
    ...{ userAgent: 'test', transport: 'websocket', connectedAt: 1, rooms: 0 },
    ...over,
  });

  /** A node that holds these, and answers as another one does. */
  const join = async (name: string, held: OwnConnection[]): Promise<ConnectionsDeps & { own: string }> => {
    const node = { name, incarnation: randomUUID() };
    const calls = new NodeCalls({ bus: hub.join(), node, clock: IMPATIENT, log: silentLog });
    ends.push(() => calls.stop());
    await lease(node.name, node.incarnation, NOW + 10_000);
    const deps: ConnectionsDeps = {
      ...{ database, calls, databaseClock: () => NOW },
      connections: {
        describe: ({ userId, screenId }) =>
          held.filter((each) => {
            return (userId ?? each.userId) === each.userId && (screenId ?? each.screenId) === each.screenId;
          }),
        find: (id) => held.find((each) => each.id === id),
        closeOne: (id, closing) => {
          closed.push([id, closing]);
          return held.some((each) => each.id === id);
        },
      },
      screenNames: async (screenIds) => new Map(screenIds.map((id) => [id, `Name of ${id}`])),
      recordAudit: async (_tx, event) => void audited.push(event),
    };
    serveConnections(deps);
    const state: NodeState = {
      ...{ connections: held.length, version: '1', startedAt: 1, uptime: 2, ready: true, draining: false },
    };
    serveNode({ calls, state: () => state });
    return { ...deps, own: node.incarnation };
  };
  const lease = (name: string, incarnation: string, until: number) =>
    database.query('insert into nodes (name, incarnation, lease_until) values ($1,$2,$3)', [
      name,
      incarnation,
      until,
    ]);

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await database.exec('truncate nodes');
    hub = new HubBus();
    audited = [];
    closed = [];
  });
  afterEach(() => {
    for (const end of ends.splice(0)) end();
  });

  it('[ND13] following the cursor gives each connection of every node once, the newest first', async () => {
    const many = (prefix: string, count: number) =>
      Array.from({ length: count }, (_, i) => connection({ id: `${prefix}${i}`, connectedAt: 1 + (i % 4) }));
    const a = await join('a', many('a', 7));
    await join('b', many('b', 6));
    const seen: { id: string; node: string; connectedAt: number }[] = [];
    for (let query: ConnectionQuery | undefined = { limit: 4 }; query; ) {
      const page = await listConnections(a, query);
      expect(page.missing).toEqual([]);
      seen.push(...page.items);
      query = page.nextCursor === null ? undefined : { limit: 4, cursor: page.nextCursor };
    }
    expect(seen.length).toBe(13);
    expect(new Set(seen.map(({ id }) => id)).size).toBe(13);
    expect(seen.every(({ id, node }) => id.startsWith(node))).toBe(true);
    const times = seen.map(({ connectedAt }) => connectedAt);
    expect(times).toEqual([...times].sort((x, y) => y - x));
    await expect(listConnections(a, { limit: 4, cursor: 'nonsense' })).rejects.toMatchObject({
      code: 'VALIDATION_ERROR',
    });
  });

  it('[ND13] a node, a user or a screen is asked for alone, and a silent node is named', async () => {
    const bob = randomUUID();
    const a = await join('a', [connection({ id: 'a1' }), connection({ id: 'a2', userId: bob })]);
    const screen = { userId: null, username: null, screenId: 'scr_1' };
    await join('b', [connection({ id: 'b1', ...screen }), connection({ id: 'b2', userId: bob })]);
    const ids = async (query: object) =>
      (await listConnections(a, { limit: 10, ...query })).items.map(({ id }) => id);
    expect(await ids({ node: 'b' })).toEqual(['b1', 'b2']);
    expect(await ids({ node: 'nobody' })).toEqual([]);
    expect(await ids({ userId: bob })).toEqual(['a2', 'b2']);
    expect(await ids({ screenId: 'scr_1' })).toEqual(['b1']);
    const [wall, person] = (await listConnections(a, { limit: 10, node: 'b' })).items;
    expect([wall?.screenName, person?.screenName]).toEqual(['Name of scr_1', null]);
    await lease('dead', randomUUID(), NOW);
    await lease('frozen', randomUUID(), NOW + 10_000);
    const { items, missing } = await listConnections(a, { limit: 10 });
    expect(items.length).toBe(4);
    expect(missing).toEqual(['frozen']);
  });

  it('[ND14] a connection is closed where it is, and only after it is in the audit trail', async () => {
    const a = await join('a', []);
    const screen = { userId: null, username: null, screenId: 'scr_1' };
    await join('b', [connection({ id: 'b1' }), connection({ id: 'b2', ...screen })]);
    await closeConnection(a, 'b1', CALLER);
    await closeConnection(a, 'b2', CALLER);
    expect(closed).toEqual([
      ['b1', 'KICKED'],
      ['b2', 'DRAINING'],
    ]);
    expect(audited[0]).toMatchObject({
      action: 'connection_closed',
      actor: { type: 'user', ref: ADA, ipPrefix: '192.0.2.0/24' },
      target: { type: 'connection', ref: 'b1' },
      data: { node: 'b', userId: ADA, screenId: null },
    });
    const failing = { ...a, recordAudit: () => Promise.reject(new Error('away')) };
    await expect(closeConnection(failing, 'b1', CALLER)).rejects.toThrow('away');
    expect(closed.length).toBe(2);
  });

  it('[ND14] one that nobody holds is NOT_FOUND, and UNAVAILABLE while a node is silent', async () => {
    const a = await join('a', [connection({ id: 'a1' })]);
    await expect(closeConnection(a, 'gone', CALLER)).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await lease('frozen', randomUUID(), NOW + 10_000);
    await expect(closeConnection(a, 'gone', CALLER)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(audited).toEqual([]);
  });

  it('[ND15] the nodes with a live lease are listed by name, and a silent one says nothing of itself', async () => {
    const b = await join('b', [connection({})]);
    await join('a', []);
    await lease('c', randomUUID(), NOW + 10_000);
    await lease('dead', randomUUID(), NOW - 1);
    const deps = { ...b, node: { incarnation: b.own }, state: () => ({}) as NodeState };
    const first = await listNodes(deps, { limit: 2 });
    expect(first.items.map(({ name, isSelf, connections }) => [name, isSelf, connections])).toEqual([
      ['a', false, 0],
      ['b', true, 1],
    ]);
    const { items, nextCursor } = await listNodes(deps, { limit: 2, cursor: first.nextCursor ?? '' });
    expect(items).toMatchObject([{ name: 'c', connections: null, ready: null, leaseUntil: NOW + 10_000 }]);
    expect(nextCursor).toBeNull();
  });
});
