import { abortable, unref } from './clock.js';

/** The part of `navigator.locks` that is used; the type keeps tests and Node honest. */
export interface Locks {
  request<T>(
    name: string,
    options: { ifAvailable?: boolean; signal?: AbortSignal },
    task: (lock: unknown) => Promise<T>,
  ): Promise<T>;
}

const held = new Map<string, Promise<unknown>>();

/** The same for the objects of one process, where there is no `navigator.locks`. */
export const processLocks: Locks = {
  async request(name, { ifAvailable, signal }, task) {
    const before = held.get(name);
    if (before && ifAvailable) return task(null);
    const run = (async () => {
      await abortable(before ?? Promise.resolve(), signal);
      return task({ name });
    })();
    const settled = Promise.allSettled([before, run]).then(() => {
      if (held.get(name) === settled) held.delete(name);
    });
    held.set(name, settled);
    return run;
  },
};

/** What one tab tells the others. */
export interface TabChannel {
  post(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  close(): void;
}

export function browserLocks(): Locks | undefined {
  const { navigator } = globalThis as { navigator?: { locks?: Locks } };
  return navigator?.locks;
}

export function openChannel(name: string): TabChannel | undefined {
  if (typeof BroadcastChannel !== 'function') return undefined;
  const channel = new BroadcastChannel(name);
  // In Node a channel would keep the process alive.
  unref(channel);
  return {
    post: (message) => channel.postMessage(message),
    onMessage: (listener) =>
      channel.addEventListener('message', (event: MessageEvent) => listener(event.data)),
    close: () => channel.close(),
  };
}

/**
 * Runs `task` while no other tab runs one of the same name. `waited` says that another tab was in front, and
 * so may have done the work already.
 */
export async function exclusively<T>(
  locks: Locks,
  name: string,
  task: (waited: boolean) => Promise<T>,
): Promise<T> {
  const first = await locks.request(name, { ifAvailable: true }, async (lock) =>
    lock ? { value: await task(false) } : undefined,
  );
  return first ? first.value : locks.request(name, {}, () => task(true));
}
