import type { Commanders, Kicked, Participant, Room, RoomHistory, ScreenRoom } from '@bongsu/protocol';
import { type Page, query, type Request, withSignal } from './request.js';

export interface NewRoom {
  /** Made up by the server when it is left out. */
  roomId?: string;
  name: string;
  maxUsers: number;
  lobby: boolean;
  persistent: boolean;
  commanders: Commanders;
}

export type RoomEntry = RoomHistory['items'][number];

/** A piece of a room's history, oldest first. */
export interface HistoryPage {
  items: RoomEntry[];
  /** Where the piece before this one begins; null when nothing before it is kept. */
  before: HistoryPiece | null;
}

/** So many entries after an offset. */
export interface HistoryPiece {
  after: number;
  limit: number;
}

export const HISTORY_PAGE = 50;
const PEOPLE_PAGE = 200;

export function roomCalls(request: Request) {
  const one = (roomId: string) => `/rooms/${encodeURIComponent(roomId)}`;
  const readHistory = (roomId: string, { after, limit }: HistoryPiece, signal?: AbortSignal) =>
    request<RoomHistory>(
      `${one(roomId)}/history${query({ after: String(after), limit: String(limit) })}`,
      withSignal(signal),
    );
  const readAll = async <Item>(path: string, signal?: AbortSignal): Promise<Item[]> => {
    const items: Item[] = [];
    let cursor: string | null = null;
    do {
      const page: Page<Item> = await request(
        `${path}${query({ limit: String(PEOPLE_PAGE), cursor })}`,
        withSignal(signal),
      );
      items.push(...page.items);
      cursor = page.nextCursor;
    } while (cursor);
    return items;
  };
  const decide = (verb: 'admit' | 'kick') => (roomId: string, participantId: string) =>
    request<unknown>(`${one(roomId)}/${verb}`, { method: 'POST', body: { participantId } });
  const screen = (roomId: string, screenId: string) =>
    `${one(roomId)}/screens/${encodeURIComponent(screenId)}`;
  return {
    /** @throws FORBIDDEN for those of `all` to who is no administrator */
    listRooms: (asked: { cursor?: string; limit: number; all: boolean }, signal?: AbortSignal) => {
      const parts = { ...asked, limit: String(asked.limit), all: String(asked.all) };
      return request<Page<Room>>(`/rooms${query(parts)}`, withSignal(signal));
    },

    async getRoom(roomId: string, signal?: AbortSignal): Promise<Room> {
      const { room } = await request<{ room: Room }>(one(roomId), withSignal(signal));
      return room;
    },

    /** @throws CONFLICT when an open room has this id */
    async createRoom(room: NewRoom): Promise<Room> {
      const made = await request<{ room: Room }>('/rooms', { method: 'POST', body: room });
      return made.room;
    },

    renameRoom: (roomId: string, name: string) =>
      request<unknown>(one(roomId), { method: 'PATCH', body: { name } }),

    say: (roomId: string, text: string) =>
      request<unknown>(`${one(roomId)}/messages`, { method: 'POST', body: { data: { text } } }),

    closeRoom: (roomId: string) => request<unknown>(one(roomId), { method: 'DELETE' }),

    lockRoom: (roomId: string, locked: boolean) =>
      request<unknown>(`${one(roomId)}/${locked ? 'lock' : 'unlock'}`, { method: 'POST' }),

    admit: decide('admit'),

    kick: decide('kick'),

    /** Those that have a seat, and those in the lobby. */
    listParticipants: (roomId: string, signal?: AbortSignal) =>
      readAll<Participant>(`${one(roomId)}/participants`, signal),

    /** Who was kicked and not admitted since. */
    listKicked: (roomId: string, signal?: AbortSignal) => readAll<Kicked>(`${one(roomId)}/kicked`, signal),

    /** The rooms that command a screen. */
    listScreenRooms: (screenId: string, signal?: AbortSignal) =>
      readAll<ScreenRoom>(`/screens/${encodeURIComponent(screenId)}/rooms`, signal),

    /** A piece; the last one when none is named. Offsets are without gaps, so pieces need no cursor. */
    async getHistory(
      roomId: string,
      asked: HistoryPiece | undefined,
      signal?: AbortSignal,
    ): Promise<HistoryPage> {
      let piece = asked ?? { after: 0, limit: HISTORY_PAGE };
      let history = await readHistory(roomId, piece, signal);
      const last = Math.max(history.floorSeq, history.lastSeq - HISTORY_PAGE);
      if (!asked && last > 0 && history.nextCursor !== null) {
        piece = { after: last, limit: HISTORY_PAGE };
        history = await readHistory(roomId, piece, signal);
      }
      const after = Math.max(history.floorSeq, piece.after - HISTORY_PAGE);
      const before = piece.after > after ? { after, limit: piece.after - after } : null;
      return { items: history.items, before };
    },

    putRoomScreen: (roomId: string, screenId: string) =>
      request<unknown>(screen(roomId, screenId), { method: 'PUT' }),

    deleteRoomScreen: (roomId: string, screenId: string) =>
      request<unknown>(screen(roomId, screenId), { method: 'DELETE' }),
  };
}
