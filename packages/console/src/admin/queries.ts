import type { DeadReason } from '@bongsu/protocol';
import { infiniteQueryOptions, queryOptions, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import type { Page } from '../api/api.js';
import { findLetter, type LetterSought } from '../api/find-letter.js';
import { useServices } from './services.js';

/** Counts of waiting commands have no event of their own. */
const PENDING_REFRESH_MS = 10_000;
/** No event tells of a command that only waits, or of what others sent. */
const COMMANDS_REFRESH_MS = 10_000;
const LETTERS_REFRESH_MS = 60_000;
export const PAGE_SIZE = 25;

export interface LettersAsked {
  screenId?: string;
  reason?: DeadReason;
  requeued: boolean;
}

export const keys = {
  screens: ['screens'] as const,
  screen: (screenId: string) => ['screens', screenId] as const,
  screenRooms: (screenId: string) => ['screens', screenId, 'rooms'] as const,
  commands: ['commands'] as const,
  commandLists: ['commands', 'lists'] as const,
  commandList: (screenId: string | undefined) => ['commands', 'lists', screenId ?? null] as const,
  command: (id: string, senderId: string | undefined) => ['commands', 'one', id, senderId ?? null] as const,
  letters: ['dead-letters'] as const,
  letterLists: ['dead-letters', 'lists'] as const,
  letterList: (asked: LettersAsked) => ['dead-letters', 'lists', asked] as const,
  letterOf: ({ screenId, commandId, senderId }: LetterSought) =>
    ['dead-letters', 'of', screenId, commandId, senderId ?? null] as const,
  letterStats: ['dead-letters', 'stats'] as const,
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

/** For those who may take it out of them. */
export function useScreenRooms(screenId: string) {
  const { api } = useServices();
  return useQuery(
    queryOptions({
      queryKey: keys.screenRooms(screenId),
      queryFn: ({ signal }) => api.listScreenRooms(screenId, signal),
      refetchInterval: LETTERS_REFRESH_MS,
    }),
  );
}

/** Newest first; of one screen, or of all that the user may see. */
export function useCommands(screenId: string | undefined) {
  const { api } = useServices();
  return useInfiniteQuery(
    infiniteQueryOptions({
      queryKey: keys.commandList(screenId),
      queryFn: ({ pageParam, signal }) =>
        api.listCommands({ ...given({ screenId, cursor: pageParam }), limit: PAGE_SIZE }, signal),
      ...paging,
      refetchInterval: ({ state }) => whileShort(state.data?.pages, COMMANDS_REFRESH_MS),
    }),
  );
}

export function useCommand(id: string, senderId: string | undefined) {
  const { api } = useServices();
  return useQuery(
    queryOptions({
      queryKey: keys.command(id, senderId),
      queryFn: ({ signal }) => api.getCommand(id, senderId, signal),
      refetchInterval: ({ state }) => (state.data?.status === 'accepted' ? COMMANDS_REFRESH_MS : false),
    }),
  );
}

export function useDeadLetters(asked: LettersAsked) {
  const { api } = useServices();
  return useInfiniteQuery(
    infiniteQueryOptions({
      queryKey: keys.letterList(asked),
      queryFn: ({ pageParam, signal }) =>
        api.listDeadLetters({ ...asked, ...given({ cursor: pageParam }), limit: PAGE_SIZE }, signal),
      ...paging,
      refetchInterval: ({ state }) => whileShort(state.data?.pages, LETTERS_REFRESH_MS),
    }),
  );
}

/** The letter of one command, in whichever list it is. */
export function useLetterOf(sought: LetterSought) {
  const { api } = useServices();
  return useQuery(
    queryOptions({
      queryKey: keys.letterOf(sought),
      queryFn: ({ signal }) => findLetter(api, sought, signal),
    }),
  );
}

export function useDeadLetterStats() {
  const { api } = useServices();
  return useQuery(
    queryOptions({
      queryKey: keys.letterStats,
      queryFn: ({ signal }) => api.getDeadLetterStats(signal),
      refetchInterval: LETTERS_REFRESH_MS,
    }),
  );
}

export const paging = {
  initialPageParam: undefined as string | undefined,
  getNextPageParam: ({ nextCursor }: Page<unknown>) => nextCursor ?? undefined,
};

/** Reading again takes a request a page, so a list that somebody unrolled is left as it is. */
export function whileShort(pages: readonly unknown[] | undefined, everyMs: number): number | false {
  return pages !== undefined && pages.length > 1 ? false : everyMs;
}

/** Without the parts that are undefined. */
export function given<Parts extends Record<string, string | undefined>>(
  parts: Parts,
): { [Name in keyof Parts]?: string } {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Parts]?: string;
  };
}
