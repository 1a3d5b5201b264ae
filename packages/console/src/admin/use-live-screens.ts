import type { Screen } from '@bongsu/protocol';
import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { keys } from './queries.js';
import { useServices } from './services.js';

/** Keeps every shown screen's state live: by events while connected, by reading again after each connect. */
export function useLiveScreens(): void {
  const { live } = useServices();
  const queryClient = useQueryClient();
  useEffect(() => {
    const readAgain = () => void queryClient.invalidateQueries({ queryKey: keys.screens });
    const stops = [
      live.on('ready', readAgain),
      live.on('command-status', readAgain),
      live.on('screen-status', ({ screenId, online }) => {
        showOnline(queryClient, screenId, online);
        readAgain();
      }),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }, [live, queryClient]);
}

/** At once, before the answer of the next read is there. */
function showOnline(queryClient: QueryClient, screenId: string, online: boolean): void {
  const change = (screen: Screen): Screen => (screen.screenId === screenId ? { ...screen, online } : screen);
  queryClient.setQueryData<Screen[]>(keys.screens, (screens) => screens?.map(change));
  queryClient.setQueryData<Screen>(keys.screen(screenId), (screen) => screen && change(screen));
}
