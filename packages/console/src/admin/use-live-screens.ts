import type { Screen } from '@bongsu/protocol';
import { type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { paced } from './paced.js';
import { keys } from './queries.js';
import { useServices } from './services.js';

/** A busy minute of commands must not use up the user's 100 requests a minute. */
const READ_AGAIN_PAUSE_MS = 2000;

/** Keeps every shown screen's state live: by events while connected, by reading again after each connect. */
export function useLiveScreens(): void {
  const { live } = useServices();
  const queryClient = useQueryClient();
  useEffect(() => {
    const read = () => void queryClient.invalidateQueries({ queryKey: keys.screens });
    const soon = paced(read, READ_AGAIN_PAUSE_MS);
    const stops = [
      live.on('ready', read),
      live.on('command-status', soon.call),
      live.on('screen-status', ({ screenId, online }) => {
        showOnline(queryClient, screenId, online);
        soon.call();
      }),
      soon.stop,
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
