import type { ConnectionInfo, Health, NodeInfo } from '@bongsu/protocol';
import { type Page, query, type Request, withSignal } from './request.js';

export interface ConnectionPage extends Page<ConnectionInfo> {
  /** Names of the nodes that did not answer, whose connections are not among these. */
  missing: string[];
}

/** The server's own state, for administrators. */
export function nodeCalls(request: Request) {
  return {
    listNodes: (asked: { cursor?: string; limit: number }, signal?: AbortSignal) =>
      request<Page<NodeInfo>>(`/nodes${query({ ...asked, limit: String(asked.limit) })}`, withSignal(signal)),

    listConnections: (
      asked: { node?: string; userId?: string; screenId?: string; cursor?: string; limit: number },
      signal?: AbortSignal,
    ) =>
      request<ConnectionPage>(
        `/connections${query({ ...asked, limit: String(asked.limit) })}`,
        withSignal(signal),
      ),

    /** @throws NOT_FOUND when it is gone; UNAVAILABLE while a node is silent that may hold it */
    closeConnection: (id: string) =>
      request<unknown>(`/connections/${encodeURIComponent(id)}`, { method: 'DELETE' }),

    /** Of the node that answers. @throws UNAVAILABLE when it can accept nothing */
    getHealth: (signal?: AbortSignal) => request<Health>('/health', withSignal(signal)),
  };
}
