import type { ClientTokenManager } from '@bongsu/client';

export interface Options extends NonNullable<Parameters<ClientTokenManager['request']>[1]> {
  /** Typed for this very call: where a fresh proof is due, it is one, and nobody is asked twice. */
  password?: string;
}

/** One call under /api. @throws BongsuError */
export type Request = <T>(path: string, options?: Options) => Promise<T>;

export interface Page<Item> {
  items: Item[];
  nextCursor: string | null;
}

/** "?a=1&b=2" of what is given; nothing when nothing is. */
export function query(parts: Record<string, string | null | undefined>): string {
  const given = Object.entries(parts).flatMap(([name, value]) => (value ? [[name, value]] : []));
  return given.length === 0 ? '' : `?${new URLSearchParams(given)}`;
}

export function withSignal(signal: AbortSignal | undefined): Options {
  return signal ? { signal } : {};
}
