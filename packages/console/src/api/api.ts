import type { ClientTokenManager } from '@bongsu/client';
import type {
  Accepted,
  ClaimedPairing,
  Command,
  CommandItem,
  DeadLetter,
  DeadLetterStats,
  DeadReason,
  RequeuedMany,
  Screen,
} from '@bongsu/protocol';
import { accountCalls, apiKeyCalls, mfaCalls, userCalls } from './identity-calls.js';
import { nodeCalls } from './node-calls.js';
import { type Page, query, type Request, withSignal } from './request.js';
import { roomCalls } from './room-calls.js';
import type { StepUp } from './step-up.js';

export type { Page } from './request.js';

/** The calls of the console, each one HTTP request, two where a fresh proof is due in between. All throw BongsuError. */
export function createApi(tokens: Pick<ClientTokenManager, 'request'>, stepUp: Pick<StepUp, 'guard'>) {
  const request: Request = (path, { password, ...options } = {}) =>
    stepUp.guard(() => tokens.request(`/api${path}`, options), password);
  return {
    async listScreens(signal?: AbortSignal): Promise<Screen[]> {
      const items: Screen[] = [];
      let cursor: string | null = null;
      do {
        const page: Page<Screen> = await request(
          `/screens${query({ limit: '200', cursor })}`,
          withSignal(signal),
        );
        items.push(...page.items);
        cursor = page.nextCursor;
      } while (cursor);
      return items;
    },

    async getScreen(screenId: string, signal?: AbortSignal): Promise<Screen> {
      const { screen } = await request<{ screen: Screen }>(path(screenId), withSignal(signal));
      return screen;
    },

    claimPairing: (code: string, name: string) =>
      request<ClaimedPairing>('/screens/pairings/claim', { method: 'POST', body: { code, name } }),

    renameScreen: (screenId: string, name: string) =>
      request<unknown>(path(screenId), { method: 'PATCH', body: { name } }),

    deleteScreen: (screenId: string) => request<unknown>(path(screenId), { method: 'DELETE' }),

    addController: (screenId: string, userId: string) =>
      request<unknown>(`${path(screenId)}/controllers/${encodeURIComponent(userId)}`, { method: 'PUT' }),

    removeController: (screenId: string, userId: string) =>
      request<unknown>(`${path(screenId)}/controllers/${encodeURIComponent(userId)}`, { method: 'DELETE' }),

    ...commandCalls(request),
    ...deadLetterCalls(request),
    ...roomCalls(request),
    ...accountCalls(request),
    ...mfaCalls(request),
    ...apiKeyCalls(request),
    ...userCalls(request),
    ...nodeCalls(request),
  };
}

function commandCalls(request: Request) {
  const one = (id: string, senderId: string | undefined) =>
    `/commands/${encodeURIComponent(id)}${query({ senderId })}`;
  return {
    listCommands: (asked: { screenId?: string; cursor?: string; limit: number }, signal?: AbortSignal) =>
      request<Page<CommandItem>>(
        `/commands${query({ ...asked, limit: String(asked.limit) })}`,
        withSignal(signal),
      ),

    getCommand: (id: string, senderId: string | undefined, signal?: AbortSignal) =>
      request<CommandItem>(one(id, senderId), withSignal(signal)),

    /** @throws CONFLICT when it is in flight or has ended */
    cancelCommand: (id: string, senderId: string | undefined) =>
      request<Command>(one(id, senderId), { method: 'DELETE' }),
  };
}

function deadLetterCalls(request: Request) {
  const one = (id: string) => `/dead-letters/${encodeURIComponent(id)}`;
  return {
    listDeadLetters: (
      asked: { screenId?: string; reason?: DeadReason; requeued: boolean; cursor?: string; limit: number },
      signal?: AbortSignal,
    ) =>
      request<Page<DeadLetter>>(
        `/dead-letters${query({ ...asked, requeued: String(asked.requeued), limit: String(asked.limit) })}`,
        withSignal(signal),
      ),

    getDeadLetterStats: (signal?: AbortSignal) =>
      request<DeadLetterStats>('/dead-letters/stats', withSignal(signal)),

    /** Answers as the acceptance of the new command. */
    requeue: (id: string) => request<Accepted>(`${one(id)}/requeue`, { method: 'POST' }),

    requeueMany: (which: { screenId?: string; reason?: DeadReason }) =>
      request<RequeuedMany>('/dead-letters/requeue', { method: 'POST', body: which }),

    deleteDeadLetter: (id: string) => request<unknown>(one(id), { method: 'DELETE' }),
  };
}

export type Api = ReturnType<typeof createApi>;

function path(screenId: string): string {
  return `/screens/${encodeURIComponent(screenId)}`;
}
