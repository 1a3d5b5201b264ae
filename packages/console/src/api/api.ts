import type { ClientTokenManager } from '@bongsu/client';
import type { ClaimedPairing, Screen } from '@bongsu/protocol';

type Options = NonNullable<Parameters<ClientTokenManager['request']>[1]>;

/** The calls of the console, each one HTTP request. All throw BongsuError. */
export function createApi(tokens: Pick<ClientTokenManager, 'request'>) {
  const request = <T>(path: string, options?: Options) => tokens.request<T>(`/api${path}`, options);
  return {
    async listScreens(signal?: AbortSignal): Promise<Screen[]> {
      const items: Screen[] = [];
      let cursor: string | null = null;
      do {
        const query: string = cursor ? `?limit=200&cursor=${encodeURIComponent(cursor)}` : '?limit=200';
        const page: { items: Screen[]; nextCursor: string | null } = await request(
          `/screens${query}`,
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
  };
}

export type Api = ReturnType<typeof createApi>;

function path(screenId: string): string {
  return `/screens/${encodeURIComponent(screenId)}`;
}

function withSignal(signal: AbortSignal | undefined): Options {
  return signal ? { signal } : {};
}
