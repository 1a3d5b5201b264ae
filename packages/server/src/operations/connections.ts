import { BongsuError, type ClosingKey, type ConnectionInfo, ValidationError } from '@bongsu/protocol';
import { addressPrefix } from '../guards/address.js';
import type { RecordAudit } from '../platform/audit.js';
import type { DatabaseClock } from '../platform/clock.js';
import type { Queryable } from '../platform/database/database.js';
import { findLiveNodes, type LiveNode } from '../platform/database/live-nodes.js';
import type { NodeCalls } from '../platform/ephemeral/node-calls.js';
import type {
  ConnectionFilter,
  LocalConnections,
  OwnConnection,
  Position,
} from '../platform/local-connections.js';
import type { Origin, UserPrincipal } from '../platform/principal.js';

export interface ConnectionsDeps {
  database: Queryable;
  databaseClock: DatabaseClock;
  calls: Pick<NodeCalls, 'serve' | 'ask'>;
  connections: LocalConnections;
  /** By id; those that are gone are not among them. */
  screenNames(screenIds: string[]): Promise<ReadonlyMap<string, string>>;
  recordAudit: RecordAudit;
}

export interface ConnectionQuery extends ConnectionFilter {
  cursor?: string | undefined;
  limit: number;
  node?: string | undefined;
}

export interface ConnectionPage {
  items: ConnectionInfo[];
  nextCursor: string | null;
  missing: string[];
}

interface Wanted {
  filter: ConnectionFilter;
  after: Position | undefined;
  limit: number;
}

const PAGE_CALL = 'connections';
const FIND_CALL = 'find-connection';
const CLOSE_CALL = 'close-connection';
const RETRY_MS = 1000;

/** This node answers for its own connections. */
export function serveConnections({
  calls,
  connections,
}: Pick<ConnectionsDeps, 'calls' | 'connections'>): void {
  calls.serve(PAGE_CALL, (wanted) => pageOf(connections, wanted as Wanted));
  calls.serve(FIND_CALL, (id) => connections.find(id as string));
  calls.serve(CLOSE_CALL, (asked) => {
    const { id, closing } = asked as { id: string; closing: ClosingKey };
    return connections.closeOne(id, closing);
  });
}

/**
 * The connections of all nodes, or of one, the newest first. Each node sends one page at most.
 * @throws VALIDATION_ERROR for a cursor that is none
 */
export async function listConnections(
  deps: ConnectionsDeps,
  query: ConnectionQuery,
): Promise<ConnectionPage> {
  const { cursor, limit, node, userId, screenId } = query;
  const after = cursor === undefined ? undefined : decodeCursor(cursor);
  const live = await findLiveNodes(deps.database, deps.databaseClock());
  const asked = node === undefined ? live : live.filter(({ name }) => name === node);
  // One more than asked tells whether there is a next page.
  const wanted: Wanted = { filter: { userId, screenId }, after, limit: limit + 1 };
  const { answers, missing } = await deps.calls.ask<OwnConnection[]>(
    PAGE_CALL,
    wanted,
    incarnationsOf(asked),
  );
  const found = asked
    .flatMap(({ name, incarnation }) =>
      (answers.get(incarnation) ?? []).map((connection) => ({ ...connection, node: name })),
    )
    .sort(newestFirst);
  const page = found.slice(0, limit);
  const last = found.length > limit ? page.at(-1) : undefined;
  return {
    items: await withScreenNames(deps, page),
    nextCursor: last ? encodeCursor(last) : null,
    missing: asked.filter(({ incarnation }) => missing.includes(incarnation)).map(({ name }) => name),
  };
}

async function withScreenNames(
  { screenNames }: Pick<ConnectionsDeps, 'screenNames'>,
  page: readonly Omit<ConnectionInfo, 'screenName'>[],
): Promise<ConnectionInfo[]> {
  const screenIds = page.flatMap(({ screenId }) => screenId ?? []);
  const names = screenIds.length > 0 ? await screenNames(screenIds) : new Map<string, string>();
  return page.map((each) => ({ ...each, screenName: names.get(each.screenId ?? '') ?? null }));
}

/**
 * Ends a connection, wherever it is. Its audit row is written first, so that none is closed without one. A person's stays away until
 * they come by themselves; a screen, before which nobody stands, comes back.
 * @throws NOT_FOUND; UNAVAILABLE when a node that may hold it did not answer
 */
export async function closeConnection(
  deps: ConnectionsDeps,
  id: string,
  caller: { user: UserPrincipal; origin: Origin },
): Promise<void> {
  const live = await findLiveNodes(deps.database, deps.databaseClock());
  const { answers, missing } = await deps.calls.ask<OwnConnection | null>(
    FIND_CALL,
    id,
    incarnationsOf(live),
  );
  const holder = live.find(({ incarnation }) => answers.get(incarnation));
  const connection = holder && answers.get(holder.incarnation);
  if (!connection) throw notFound(missing);
  await audit(deps, { ...connection, node: holder.name }, caller);
  const closing: ClosingKey = connection.screenId === null ? 'KICKED' : 'DRAINING';
  const closed = await deps.calls.ask<boolean>(CLOSE_CALL, { id, closing }, [holder.incarnation]);
  if (!closed.answers.get(holder.incarnation)) throw notFound(closed.missing);
}

function notFound(missing: readonly string[]): BongsuError {
  return missing.length === 0
    ? new BongsuError('NOT_FOUND')
    : new BongsuError('UNAVAILABLE', { retryAfterMs: RETRY_MS });
}

function pageOf(connections: LocalConnections, { filter, after, limit }: Wanted): OwnConnection[] {
  const found = connections.describe(filter);
  const rest = after ? found.filter((each) => newestFirst(after, each) < 0) : found;
  return rest.sort(newestFirst).slice(0, limit);
}

function newestFirst(a: Position, b: Position): number {
  if (a.connectedAt !== b.connectedAt) return b.connectedAt - a.connectedAt;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

const incarnationsOf = (nodes: readonly LiveNode[]) => nodes.map(({ incarnation }) => incarnation);

function audit(
  { recordAudit, database }: ConnectionsDeps,
  { id, node, userId, screenId }: Omit<ConnectionInfo, 'screenName'>,
  { user, origin }: { user: UserPrincipal; origin: Origin },
): Promise<void> {
  const ipPrefix = addressPrefix(origin.address);
  return recordAudit(database, {
    action: 'connection_closed',
    outcome: 'success',
    actor: {
      ...{ type: 'user', ref: user.userId, sid: user.sessionId },
      ...(ipPrefix === undefined ? {} : { ipPrefix }),
    },
    target: { type: 'connection', ref: id },
    data: { node, userId, screenId },
    ...(origin.requestId === undefined ? {} : { request: { id: origin.requestId } }),
  });
}

function encodeCursor({ connectedAt, id }: Position): string {
  return Buffer.from(`${connectedAt}:${id}`).toString('base64url');
}

function decodeCursor(cursor: string): Position {
  const [, connectedAt, id] =
    /^(\d{1,15}):([\w-]{1,40})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (connectedAt === undefined || id === undefined) {
    throw new ValidationError([{ path: 'cursor', message: 'must be the nextCursor of an earlier page' }]);
  }
  return { connectedAt: Number(connectedAt), id };
}
