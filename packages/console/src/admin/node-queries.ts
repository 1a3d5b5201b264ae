import { useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { given, PAGE_SIZE, paging, whileShort } from './queries.js';
import { useServices } from './services.js';

/** No event tells of nodes and of other people's connections, and the reader has 100 requests a minute for everything. */
const REFRESH_MS = 4000;
/** As many as one answer may have. */
const NODES_PAGE = 200;

/** As it stands in the address bar: a node by its name, a person or a screen by their id. */
export interface ConnectionFilter {
  node?: string;
  user?: string;
  screen?: string;
}

export const nodeKeys = {
  all: ['nodes'] as const,
  list: ['nodes', 'list'] as const,
  health: ['nodes', 'health'] as const,
  connections: (filter: ConnectionFilter) => ['nodes', 'connections', filter] as const,
};

export function useNodes() {
  const { api } = useServices();
  return useInfiniteQuery({
    queryKey: nodeKeys.list,
    queryFn: ({ pageParam, signal }) =>
      api.listNodes({ ...given({ cursor: pageParam }), limit: NODES_PAGE }, signal),
    ...paging,
    refetchInterval: REFRESH_MS,
  });
}

/** Of the node that answers. */
export function useHealth() {
  const { api } = useServices();
  return useQuery({
    queryKey: nodeKeys.health,
    queryFn: ({ signal }) => api.getHealth(signal),
    refetchInterval: REFRESH_MS,
  });
}

/** The newest first. */
export function useConnections(filter: ConnectionFilter) {
  const { api } = useServices();
  const { node, user: userId, screen: screenId } = filter;
  return useInfiniteQuery({
    queryKey: nodeKeys.connections(filter),
    queryFn: ({ pageParam, signal }) =>
      api.listConnections(
        { ...given({ node, userId, screenId, cursor: pageParam }), limit: PAGE_SIZE },
        signal,
      ),
    ...paging,
    refetchInterval: ({ state }) => whileShort(state.data?.pages, REFRESH_MS),
  });
}
