import { queryOptions, useQuery } from '@tanstack/react-query';
import { useServices } from './services.js';

/** Counts of waiting commands have no event of their own. */
const PENDING_REFRESH_MS = 10_000;

export const keys = {
  screens: ['screens'] as const,
  screen: (screenId: string) => ['screens', screenId] as const,
};

export function useScreens() {
  const { api } = useServices();
  return useQuery(
    queryOptions({
      queryKey: keys.screens,
      queryFn: ({ signal }) => api.listScreens(signal),
      refetchInterval: PENDING_REFRESH_MS,
    }),
  );
}

export function useScreen(screenId: string) {
  const { api } = useServices();
  return useQuery(
    queryOptions({
      queryKey: keys.screen(screenId),
      queryFn: ({ signal }) => api.getScreen(screenId, signal),
      refetchInterval: PENDING_REFRESH_MS,
    }),
  );
}
