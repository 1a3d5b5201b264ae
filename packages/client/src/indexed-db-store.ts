import type { ScreenStore } from './screen-store.js';

const OBJECT_STORE = 'values';

/**
 * Keeps a screen in the browser's IndexedDB, one transaction a write, on disk when it resolves where the browser
 * offers that (`durability: "strict"`).
 * @param name one database of this name a screen; tabs that use the same are one screen
 * @throws DOMException from its methods, e.g. QuotaExceededError
 */
export function indexedDbStore(name: string): ScreenStore {
  let opening: Promise<IDBDatabase> | undefined;

  function database(): Promise<IDBDatabase> {
    opening ??= open(name, () => {
      opening = undefined;
    }).catch((error: unknown) => {
      opening = undefined;
      throw error;
    });
    return opening;
  }

  async function run<T>(
    mode: IDBTransactionMode,
    use: (values: IDBObjectStore) => IDBRequest<T>,
  ): Promise<T> {
    const transaction = (await database()).transaction(OBJECT_STORE, mode, { durability: 'strict' });
    const request = use(transaction.objectStore(OBJECT_STORE));
    return new Promise((resolve, reject) => {
      // A request that succeeded may still be rolled back: only `complete` says that it is kept.
      transaction.oncomplete = () => resolve(request.result);
      transaction.onerror = () => reject(transaction.error ?? request.error);
      transaction.onabort = () => reject(transaction.error ?? request.error);
    });
  }

  return {
    name,
    get: (key) => run<unknown>('readonly', (values) => values.get(key)),
    set: async (key, value) => {
      await run('readwrite', (values) => values.put(value, key));
    },
    delete: async (key) => {
      await run('readwrite', (values) => values.delete(key));
    },
  };
}

function open(name: string, onClosed: () => void): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(`bongsu-${name}`, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(OBJECT_STORE);
    request.onerror = () => reject(request.error);
    request.onsuccess = () => {
      const database = request.result;
      // The browser may close it (storage cleared, another version opened): the next call opens it again.
      database.onclose = onClosed;
      database.onversionchange = () => {
        database.close();
        onClosed();
      };
      resolve(database);
    };
  });
}
