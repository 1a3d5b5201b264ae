/**
 * Where a screen keeps its credential and its place in its stream. A few small JSON values.
 * `set` is all or nothing, and durable when it resolves: the offset rule stands on it.
 */
export interface ScreenStore {
  /** Tabs whose stores have one name are one screen, and only one of them runs. Absent: not shared with others. */
  readonly name?: string;
  get(key: string): Promise<unknown>;
  set(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<void>;
}

/** Forgets all when the process ends: for tests, and for screens that may repeat after a restart. */
export function memoryStore(): ScreenStore {
  const values = new Map<string, unknown>();
  return {
    get: async (key) => structuredClone(values.get(key)),
    set: async (key, value) => {
      values.set(key, structuredClone(value));
    },
    delete: async (key) => {
      values.delete(key);
    },
  };
}
