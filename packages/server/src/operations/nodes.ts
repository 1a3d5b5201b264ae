import type { NodeInfo } from '@bongsu/protocol';
import type { DatabaseClock } from '../platform/clock.js';
import type { Queryable } from '../platform/database/database.js';
import { findLiveNodes } from '../platform/database/live-nodes.js';
import type { NodeCalls } from '../platform/ephemeral/node-calls.js';

/** What a node says of itself. */
export type NodeState = Pick<
  NodeInfo,
  'connections' | 'version' | 'startedAt' | 'uptime' | 'ready' | 'draining'
>;

export interface NodesDeps {
  database: Queryable;
  databaseClock: DatabaseClock;
  calls: Pick<NodeCalls, 'serve' | 'ask'>;
  node: { incarnation: string };
  state(): NodeState;
}

const CALL = 'node-state';
const SILENT: NodeState = {
  connections: null,
  version: null,
  startedAt: null,
  uptime: null,
  ready: null,
  draining: null,
};

/** This node answers for itself. */
export function serveNode({ calls, state }: Pick<NodesDeps, 'calls' | 'state'>): void {
  calls.serve(CALL, state);
}

/** Nodes with a live lease, by name: a page, since every list has one. */
export async function listNodes(
  { database, databaseClock, calls, node }: NodesDeps,
  { cursor = '', limit }: { cursor?: string | undefined; limit: number },
): Promise<{ items: NodeInfo[]; nextCursor: string | null }> {
  const after = Buffer.from(cursor, 'base64url').toString();
  const live = (await findLiveNodes(database, databaseClock())).filter(({ name }) => name > after);
  const page = live.sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, limit);
  const { answers } = await calls.ask<NodeState>(
    CALL,
    null,
    page.map(({ incarnation }) => incarnation),
  );
  const last = live.length > limit ? page.at(-1) : undefined;
  return {
    items: page.map(({ name, incarnation, region, leaseUntil }) => ({
      ...{ name, region, leaseUntil, isSelf: incarnation === node.incarnation },
      ...(answers.get(incarnation) ?? SILENT),
    })),
    nextCursor: last ? Buffer.from(last.name).toString('base64url') : null,
  };
}
