import { type ChildProcess, spawn } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import 'fake-indexeddb/auto';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { type FileStore, fileStore } from './file-store.js';
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
      const first = open();
      await first.set('place', { done: 7 });
      if ('close' in first) await (first as FileStore).close();
      const again = open();
      expect(await again.get('place')).toEqual({ done: 7 });
      expect(again.name === undefined).toBe(!lasting);
    });
  });
}

describe('fileStore', () => {
  it('[CL5] leaves the old content whatever becomes of a write half done', async () => {
    const path = newPath();
    const before = fileStore(path);
    await before.set('place', { done: 1 });
    await before.close();
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
    await store.close();
    expect(await fileStore(path).get('place')).toEqual({ done: 2 });
  });

  it('[CL5] is readable by its owner only, and leaves nothing beside it', async () => {
    const path = join(folder, 'alone/screen.json');
    const store = fileStore(path);
    await store.set('credential', 'secret');
    await store.close();
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
    await store.close();
    expect(await fileStore(path).get('place')).toEqual({ done: 3 });
  });
});

describe('one process a file', () => {
  const root = fileURLToPath(new URL('../', import.meta.url));
  /** A process that takes the file, says so, and stays until it is told. */
  const script = `
    import { fileStore } from './dist/file-store.js';
    const store = fileStore(process.argv[1]);
    try {
      await store.set('place', process.pid);
      console.log('taken');
    } catch (error) {
      console.log(error.name + ': ' + error.message);
      process.exit(3);
    }
    process.stdin.resume().on('end', () => process.exit(0));
  `;
  function spawnOwner(path: string) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', script, path], { cwd: root });
    children.push(child);
    const said = new Promise<string>((resolve) => {
      child.stdout.setEncoding('utf8').once('data', (text: string) => resolve(text.trim()));
    });
    return { child, said, exit: new Promise((resolve) => child.once('exit', resolve)) };
  }
  const children: ChildProcess[] = [];
  afterAll(() => {
    for (const child of children) child.kill('SIGKILL');
  });

  it('[CL17] a second process is refused by name, a killed one’s file is taken over, an ended one’s is free', async () => {
    const path = newPath();
    const first = spawnOwner(path);
    expect(await first.said).toBe('taken');
    const refused = new RegExp(
      `^FileInUseError: .*in use by process ${first.child.pid} on .*one process a file`,
    );
    expect(await spawnOwner(path).said).toMatch(refused);
    await expect(fileStore(path).get('place')).rejects.toThrow(/in use by process/);
    first.child.kill('SIGKILL');
    await first.exit;
    const second = spawnOwner(path);
    expect(await second.said).toBe('taken');
    second.child.stdin.end();
    await second.exit;
    const store = fileStore(path);
    expect(await store.get('place')).toBe(second.child.pid);
    await store.close();
    const beside = readdirSync(dirname(path)).filter((name) => name.startsWith(basename(path)));
    expect(beside).toEqual([basename(path)]);
  });

  it('[CL17] of many that find a stale lock at once one gets the file', async () => {
    const path = newPath();
    const killed = spawnOwner(path);
    await killed.said;
    killed.child.kill('SIGKILL');
    await killed.exit;
    const said = await Promise.all([1, 2, 3, 4].map(() => spawnOwner(path).said));
    expect(said.filter((text) => text === 'taken')).toHaveLength(1);
  });

  it('[CL17] the stores of one file in one process share it', async () => {
    const path = newPath();
    await Promise.all([fileStore(path).set('a', 1), fileStore(path).set('b', 2)]);
    expect(JSON.parse(readFileSync(path, 'utf8')).values).toEqual({ a: 1, b: 2 });
  });

  it('[CL17] an owner whose lock was taken while it was frozen writes no more, and leaves the lock to the other', async () => {
    const path = newPath();
    const frozen = fileStore(path);
    await frozen.set('place', { done: 1 });
    const other = JSON.stringify({ token: 'other', pid: 1, host: 'elsewhere' });
    writeFileSync(`${path}.lock`, other);
    await expect(frozen.set('place', { done: 2 })).rejects.toThrow(/taken over by another process/);
    await expect(frozen.set('place', { done: 3 })).rejects.toThrow(/taken over by another process/);
    expect(JSON.parse(readFileSync(path, 'utf8')).values).toEqual({ place: { done: 1 } });
    await frozen.close();
    expect(readFileSync(`${path}.lock`, 'utf8')).toBe(other);
    await expect(frozen.get('place')).rejects.toThrow(/in use by process 1 on elsewhere/);
  });

  it('[CL17] the beat of an owner whose lock was taken keeps nobody else’s alive', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const path = newPath();
      const store = fileStore(path);
      await store.set('place', 1);
      const lock = `${path}.lock`;
      const longAgo = new Date(Date.now() - 60_000);
      const isFresh = () => Date.now() - statSync(lock).mtimeMs < 30_000;
      utimesSync(lock, longAgo, longAgo);
      vi.advanceTimersByTime(5_000);
      await vi.waitFor(() => expect(isFresh()).toBe(true));
      writeFileSync(lock, JSON.stringify({ token: 'other', pid: 1, host: 'elsewhere' }));
      utimesSync(lock, longAgo, longAgo);
      vi.advanceTimersByTime(5_000);
      // It stops as soon as it has seen it.
      await vi.waitFor(() => expect(vi.getTimerCount()).toBe(0));
      expect(isFresh()).toBe(false);
      await store.close();
    } finally {
      vi.useRealTimers();
    }
  });

  it('[CL17] what is asked for while the file closes opens it again, with its lock', async () => {
    const path = newPath();
    const store = fileStore(path);
    await store.set('place', 1);
    const closed = store.close();
    const written = store.set('place', 2);
    await closed;
    await written;
    expect(readdirSync(dirname(path))).toContain(`${basename(path)}.lock`);
    await store.close();
    expect(readdirSync(dirname(path))).not.toContain(`${basename(path)}.lock`);
    expect(JSON.parse(readFileSync(path, 'utf8')).values).toEqual({ place: 2 });
  });

  it('[CL17] an owner on another machine lives as long as it beats', async () => {
    const path = newPath();
    mkdirSync(dirname(path), { recursive: true });
    const lock = `${path}.lock`;
    writeFileSync(lock, JSON.stringify({ token: 'x', pid: 1, host: 'elsewhere' }));
    await expect(fileStore(path).get('place')).rejects.toThrow(/process 1 on elsewhere/);
    const longAgo = new Date(Date.now() - 60_000);
    utimesSync(lock, longAgo, longAgo);
    expect(await fileStore(path).get('place')).toBeUndefined();
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
