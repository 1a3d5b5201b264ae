import type { Command, CommandStatus } from '@bongsu/protocol';
import { type InfiniteData, type QueryClient, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import type { Page } from '../api/api.js';
import { type ShownCommand, withStatus } from '../commands/command-state.js';
import { paced } from './paced.js';
import { keys } from './queries.js';
import { useServices } from './services.js';

/** As in use-live-screens: a busy minute must leave requests for the reader. */
const LIST_PAUSE_MS = 5000;
const LETTERS_PAUSE_MS = 8000;

/** Keeps shown commands and the count of dead letters live, by the statuses of the user's own commands. */
export function useLiveCommands(): void {
  const { live } = useServices();
  const queryClient = useQueryClient();
  useEffect(() => {
    const lists = paced(
      () => void queryClient.invalidateQueries({ queryKey: keys.commandLists }),
      LIST_PAUSE_MS,
    );
    const letters = paced(
      () => void queryClient.invalidateQueries({ queryKey: keys.letters }),
      LETTERS_PAUSE_MS,
    );
    const stops = [
      live.on('ready', () => {
        void queryClient.invalidateQueries({ queryKey: keys.commands });
        void queryClient.invalidateQueries({ queryKey: keys.letters });
      }),
      live.on('command-status', (status) => {
        // One that no list holds was sent meanwhile.
        if (!showStatus(queryClient, status)) lists.call();
        if (status.status === 'dead') letters.call();
      }),
      lists.stop,
      letters.stop,
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }, [live, queryClient]);
}

type Lists = InfiniteData<Page<ShownCommand>>;

/** Works the status into every list and page that shows its command. False when no list does. */
function showStatus(queryClient: QueryClient, status: CommandStatus): boolean {
  let known = false;
  queryClient.setQueriesData<Lists>({ queryKey: keys.commandLists }, (lists) => {
    if (!lists?.pages.some(({ items }) => items.some(({ id }) => id === status.id))) return lists;
    known = true;
    return changed(lists, (item) => withStatus(item, status));
  });
  queryClient.setQueriesData<Command>(
    { queryKey: ['commands', 'one', status.id] },
    (command) => command && withStatus(command, status),
  );
  return known;
}

/** An answer of the server about one command, at once in everything that shows it. An id is one of its sender only. */
export function showCommand(
  queryClient: QueryClient,
  command: ShownCommand,
  senderId: string | undefined,
): void {
  const sender = senderId ?? command.from?.userId;
  const merge = (item: ShownCommand) =>
    item.id === command.id && item.from?.userId === sender ? { ...item, ...command } : item;
  queryClient.setQueriesData<Lists>(
    { queryKey: keys.commandLists },
    (lists) => lists && changed(lists, merge),
  );
  queryClient.setQueriesData<ShownCommand>(
    { queryKey: keys.command(command.id, senderId) },
    (shown) => shown && { ...shown, ...command },
  );
}

function changed(lists: Lists, change: (item: ShownCommand) => ShownCommand): Lists {
  return { ...lists, pages: lists.pages.map((page) => ({ ...page, items: page.items.map(change) })) };
}
