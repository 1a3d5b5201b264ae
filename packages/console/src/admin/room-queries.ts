import type { Room, User } from '@bongsu/protocol';
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect } from 'react';
import { toProblem } from '../api/problem.js';
import type { HistoryPage, HistoryPiece } from '../api/room-calls.js';
import { given, PAGE_SIZE, paging, whileShort } from './queries.js';
import { useServices, useUser } from './services.js';

/** Who is not in a room gets no event of it, and the reader has 100 requests a minute for everything. */
const PEOPLE_REFRESH_MS = 4000;
const ROOM_REFRESH_MS = 10_000;

export const roomKeys = {
  rooms: ['rooms'] as const,
  lists: ['rooms', 'lists'] as const,
  room: (roomId: string) => ['rooms', 'one', roomId] as const,
  facts: (roomId: string) => ['rooms', 'one', roomId, 'facts'] as const,
  people: (roomId: string) => ['rooms', 'one', roomId, 'people'] as const,
  kicked: (roomId: string) => ['rooms', 'one', roomId, 'kicked'] as const,
  history: (roomId: string) => ['rooms', 'one', roomId, 'history'] as const,
};

/** One's own, and those one is in; everybody's for administrators. */
export function useRooms() {
  const { api } = useServices();
  const all = useUser()?.role === 'admin';
  return useInfiniteQuery({
    queryKey: [...roomKeys.lists, all],
    queryFn: ({ pageParam, signal }) =>
      api.listRooms({ ...given({ cursor: pageParam }), limit: PAGE_SIZE, all }, signal),
    ...paging,
    refetchInterval: ({ state }) => whileShort(state.data?.pages, ROOM_REFRESH_MS),
  });
}

export function useRoom(roomId: string) {
  const { api } = useServices();
  return useQuery({
    queryKey: roomKeys.facts(roomId),
    queryFn: ({ signal }) => api.getRoom(roomId, signal),
    refetchInterval: ROOM_REFRESH_MS,
  });
}

/** `enabled`: false for those who may not know. */
export function useParticipants(roomId: string, { enabled = true }: { enabled?: boolean } = {}) {
  const { api } = useServices();
  const query = useQuery({
    queryKey: roomKeys.people(roomId),
    queryFn: ({ signal }) => api.listParticipants(roomId, signal),
    enabled,
    refetchInterval: PEOPLE_REFRESH_MS,
  });
  useTruth(roomId, query.error);
  return query;
}

/** For those who may let them come again. */
export function useKicked(roomId: string) {
  const { api } = useServices();
  const query = useQuery({
    queryKey: roomKeys.kicked(roomId),
    queryFn: ({ signal }) => api.listKicked(roomId, signal),
    refetchInterval: ROOM_REFRESH_MS,
  });
  useTruth(roomId, query.error);
  return query;
}

/** The last entries first; the next page is the one before. */
export function useRoomHistory(roomId: string) {
  const { api } = useServices();
  const query = useInfiniteQuery({
    queryKey: roomKeys.history(roomId),
    queryFn: ({ pageParam, signal }) => api.getHistory(roomId, pageParam, signal),
    initialPageParam: undefined as HistoryPiece | undefined,
    getNextPageParam: ({ before }: HistoryPage) => before ?? undefined,
    refetchInterval: ({ state }) => whileShort(state.data?.pages, ROOM_REFRESH_MS),
  });
  useTruth(roomId, query.error);
  return query;
}

/** A part of a room that is refused, because the room ended or one was put out, has the room itself read again. */
function useTruth(roomId: string, error: unknown): void {
  const queryClient = useQueryClient();
  useEffect(() => {
    if (!error || !['ROOM_NOT_FOUND', 'ROOM_CLOSED'].includes(toProblem(error).code)) return;
    void queryClient.invalidateQueries({ queryKey: roomKeys.facts(roomId) });
  }, [queryClient, roomId, error]);
}

/** Owners and administrators lock and close, admit and kick. */
export function mayManageRoom(
  user: User | null | undefined,
  room: Pick<Room, 'ownerId'> | undefined,
): boolean {
  if (!user) return false;
  return user.role === 'admin' || user.userId === room?.ownerId;
}
