import type { Page } from 'playwright-core';

/** Where a script of the page found one of the secrets. */
export interface Find {
  place: string;
  secret: string;
}

/**
 * Looks for secrets as a script that got into the page could: in every storage, in cookies that it may read, in the address
 * and the history, and in every object that leads from a global or from an element over properties, maps and sets.
 * Private fields and closures are out of its reach.
 */
export async function findSecrets(page: Page, secrets: Record<string, string | RegExp>): Promise<Find[]> {
  const patterns = Object.entries(secrets).map(([name, secret]) => [
    name,
    typeof secret === 'string' ? secret.replace(/[.*+?^${}()|[\]\\]/g, '\\$&') : secret.source,
  ]);
  return page.evaluate(lookEverywhere, patterns as [string, string][]);
}

/**
 * What a script of the page is told when it need not look: by other tabs, over the channel on which they share access tokens, and
 * by the server, which refreshes for whoever comes with the cookie.
 */
export async function askAsTheConsole(page: Page): Promise<{ tabs: string; refresh: string }> {
  return page.evaluate(async () => {
    const channel = new BroadcastChannel(`bongsu-tokens:${location.origin}:cookie`);
    const heard = new Promise<MessageEvent>((resolve) => {
      channel.onmessage = resolve;
    });
    channel.postMessage({ kind: 'ask' });
    const tabs = JSON.stringify((await heard).data);
    channel.close();
    const answer = await fetch('/api/auth/refresh', {
      method: 'POST',
      headers: { 'x-bongsu-cookies': '1' },
    });
    return { tabs, refresh: JSON.stringify([...answer.headers]) + (await answer.text()) };
  });
}

/** Runs in the page. */
async function lookEverywhere(patterns: [string, string][]): Promise<Find[]> {
  const wanted = patterns.map(([secret, source]) => ({ secret, test: new RegExp(source) }));
  const finds: Find[] = [];
  const look = (place: string, text: string) => {
    for (const { secret, test } of wanted) if (test.test(text)) finds.push({ place, secret });
  };

  look('localStorage', JSON.stringify({ ...localStorage }));
  look('sessionStorage', JSON.stringify({ ...sessionStorage }));
  look('document.cookie', document.cookie);
  look('location', location.href);
  look('history.state', JSON.stringify(history.state ?? null));
  look('window.name', window.name);
  look('requested addresses', JSON.stringify(performance.getEntries().map(({ name }) => name)));
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      look(`cache ${name}`, request.url + (await (await cache.match(request))?.text()));
    }
  }

  const settled = <T>(request: IDBRequest<T>) =>
    new Promise<T>((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  for (const { name = '' } of await indexedDB.databases()) {
    const database = await settled(indexedDB.open(name));
    for (const store of database.objectStoreNames) {
      const records = await settled(database.transaction(store).objectStore(store).getAll());
      look(`IndexedDB ${name}/${store}`, JSON.stringify(records));
    }
    database.close();
  }

  const seen = new Set<object>();
  const open: { place: string; thing: object }[] = [];
  const visit = (place: string, thing: unknown) => {
    if (typeof thing === 'string') look(place, thing);
    if ((typeof thing !== 'object' && typeof thing !== 'function') || thing === null || seen.has(thing))
      return;
    seen.add(thing);
    open.push({ place, thing });
  };
  const read = (thing: object, key: PropertyKey): unknown => {
    try {
      return Reflect.get(thing, key);
    } catch {
      return undefined;
    }
  };
  visit('window', window);
  for (const element of document.querySelectorAll('*')) visit(element.tagName, element);
  for (let next = open.pop(); next; next = open.pop()) {
    const { place, thing } = next;
    if (typeof (thing as { getToken?: unknown }).getToken === 'function') {
      finds.push({ place: `${place}.getToken`, secret: 'a way to the access token' });
    }
    for (const key of Reflect.ownKeys(thing)) visit(`${place}.${String(key)}`.slice(-300), read(thing, key));
    visit(`${place}.__proto__`.slice(-300), Object.getPrototypeOf(thing));
    if (thing instanceof Map || thing instanceof Set) {
      for (const [key, value] of thing.entries()) {
        visit(`${place}.key`, key);
        visit(`${place}.entry`, value);
      }
    }
  }
  return finds;
}
