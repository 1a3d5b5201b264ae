import type { Database } from '../../src/platform/database/database.js';

export interface GatedDatabase {
  database: Database;
  /** Holds the next transactions back until `release`; resolves when one waits. */
  hold(): Promise<void>;
  release(): void;
  /** Statements with this text fail from now on. */
  fail(text: string): void;
}

/** The same database for one process of several, which a test holds back before its next transaction or cuts off. */
export function gated(database: Database): GatedDatabase {
  let arrive: (() => void) | undefined;
  let release = () => {};
  let failing = '';
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const transaction: Database['transaction'] = async (work, options) => {
    if (arrive) {
      arrive();
      await released;
    }
    return database.transaction(work, options);
  };
  const query: Database['query'] = (text, ...rest) =>
    failing !== '' && text.includes(failing)
      ? Promise.reject(new Error('SQL is away'))
      : database.query(text, ...rest);
  const own: Partial<Record<PropertyKey, unknown>> = { transaction, query };
  return {
    database: new Proxy(database, {
      get(target, name) {
        const value = own[name] ?? Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    }),
    hold: () =>
      new Promise<void>((resolve) => {
        arrive = resolve;
      }),
    release: () => release(),
    fail(text: string) {
      failing = text;
    },
  };
}
