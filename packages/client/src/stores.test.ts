import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import 'fake-indexeddb/auto';
import { afterAll, describe, expect, it } from 'vitest';
import { fileStore } from './file-store.js';
import { indexedDbStore } from './indexed-db-store.js';
import { memoryStore, type ScreenStore } from './screen-store.js';

const folder = mkdtempSync(join(tmpdir(), 'bongsu-client-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let made = 0;
const newPath = () => join(folder, `deep/${++made}.json`);

const stores: Record<string, () => { open: () => ScreenStore; lasting: boolean }> = {
  memoryStore: () => {
    const store = memoryStore();
    return { open: () => store, lasting: false };
  },
  indexedDbStore: () => {
    const name = `test-${++made}`;
    return { open: () => indexedDbStore(name), lasting: true };
  },
  fileStore: () => {
    const path = newPath();
    return { open: () => fileStore(path), lasting: true };
  },
};

for (const [name, make] of Object.entries(stores)) {
  describe(name, () => {
    it('[CL5] gives back what was set, not what was changed since, and forgets what was deleted', async () => {
      const store = make().open();
      const value = { done: 1, executed: ['a'] };
      await store.set('place', value);
      value.executed.push('b');
      const read = (await store.get('place')) as typeof value;
      expect(read).toEqual({ done: 1, executed: ['a'] });
      read.executed.push('c');
      expect(await store.get('place')).toEqual({ done: 1, executed: ['a'] });
      expect(await store.get('other')).toBeUndefined();
      await store.delete('place');
      expect(await store.get('place')).toBeUndefined();
    });

    it('[CL5] keeps keys apart, the prototype’s too, and the order of writes', async () => {
      const store = make().open();
      expect(await store.get('constructor')).toBeUndefined();
      await Promise.all(Array.from({ length: 20 }, (_, n) => store.set(n % 2 ? 'odd' : 'even', n)));
      expect([await store.get('odd'), await store.get('even')]).toEqual([19, 18]);
    });

    it('[CL5] has it still when opened again', async () => {
      const { open, lasting } = make();
      await open().set('place', { done: 7 });
      const again = open();
      expect(await again.get('place')).toEqual({ done: 7 });
      expect(again.name === undefined).toBe(!lasting);
    });
  });
}

describe('fileStore', () => {
  it('[CL5] leaves the old content whatever becomes of a write half done', async () => {
    const path = newPath();
    await fileStore(path).set('place', { done: 1 });
    // What a crash in the middle of the next write leaves behind.
    writeFileSync(`${path}.new`, '{"version":1,"values":{"pla');
    const store = fileStore(path);
    expect(await store.get('place')).toEqual({ done: 1 });
    await store.set('place', { done: 2 });
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({ version: 1, values: { place: { done: 2 } } });
  });

  it('[CL5] puts a new file in place of the old one, which is never written to', async () => {
    const path = newPath();
    const store = fileStore(path);
    await store.set('place', { done: 1 });
    const old = openSync(path, 'r');
    await store.set('place', { done: 2 });
    expect(readFileSync(old, 'utf8')).toContain('{"done":1}');
    closeSync(old);
    expect(await fileStore(path).get('place')).toEqual({ done: 2 });
  });

  it('[CL5] is readable by its owner only, and leaves nothing beside it', async () => {
    const path = join(folder, 'alone/screen.json');
    await fileStore(path).set('credential', 'secret');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(join(folder, 'alone'))).toEqual(['screen.json']);
  });

  it('[CL5] refuses a file that is not a store’s instead of forgetting what was executed', async () => {
    for (const text of [
      '',
      '{"version":1,"val',
      '[]',
      'null',
      '{"version":2,"values":{}}',
      '{"version":1}',
    ]) {
      const path = join(folder, 'foreign.json');
      writeFileSync(path, text);
      await expect(fileStore(path).get('place')).rejects.toThrow(/not a screen's store/);
      await expect(fileStore(path).set('place', 1)).rejects.toThrow(/not a screen's store/);
      expect(readFileSync(path, 'utf8')).toBe(text);
    }
  });

  it('[CL5] keeps memory and file alike when a write fails', async () => {
    const path = newPath();
    const store = fileStore(path);
    await store.set('place', { done: 1 });
    await expect(store.set('place', { done: 2, bad: 1n })).rejects.toThrow();
    expect(await store.get('place')).toEqual({ done: 1 });
    await store.set('place', { done: 3 });
    expect(await fileStore(path).get('place')).toEqual({ done: 3 });
  });
});

describe('indexedDbStore', () => {
  it('[CL5] opens again when the browser closed its database', async () => {
    const name = `test-${++made}`;
    const store = indexedDbStore(name);
    await store.set('place', 1);
    await new Promise((resolve) => {
      // A newer version asks the open connection to go.
      const request = indexedDB.deleteDatabase(`bongsu-${name}`);
      request.onsuccess = resolve;
    });
    await store.set('place', 2);
    expect(await store.get('place')).toBe(2);
  });
});
