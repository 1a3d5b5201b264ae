import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type FileLock, lockFile } from './file-lock.js';
import type { ScreenStore } from './screen-store.js';

interface Content {
  version: 1;
  values: Record<string, unknown>;
}

/** A store in a file, which is this process's until `close` or its end. */
export interface FileStore extends ScreenStore {
  readonly name: string;
  /** Waits for the last write and frees the file for other processes. The next use takes it again. */
  close(): Promise<void>;
}

const openFiles = new Map<string, OpenFile>();

/**
 * Keeps a screen, or a client's queue, in one JSON file (mode 0600: it holds the credential). Each write makes a new
 * file, syncs it and renames it over the old one, so a crash at any moment leaves the old or the new content, never
 * a mixture. One process a file: `<file>.lock` keeps others out, and a lock whose process was killed is taken over.
 * @throws Error from its methods when another live process uses the file, when it is not a store's, or by the file
 *   system (ENOSPC, EACCES …)
 * @example screen({ url, store: fileStore('./data/screen.json'), onTrigger })
 */
export function fileStore(path: string): FileStore {
  const target = resolve(path);
  // All stores of one file in this process are one: two with a memory each would undo each other's writes.
  const file = openFiles.get(target) ?? new OpenFile(target);
  openFiles.set(target, file);
  return {
    name: target,
    get: (key) => file.get(key),
    set: (key, value) => file.change((values) => ({ ...values, [key]: structuredClone(value) })),
    delete: (key) => file.change(({ [key]: _, ...rest }) => rest),
    close: () => file.close(),
  };
}

class OpenFile {
  private lock: FileLock | undefined;
  private content: Content | undefined;
  private turn: Promise<unknown> = Promise.resolve();

  constructor(private readonly path: string) {}

  get(key: string): Promise<unknown> {
    return this.inTurn(async () => {
      const { values } = await this.load();
      return Object.hasOwn(values, key) ? structuredClone(values[key]) : undefined;
    });
  }

  /** Memory changes only after the file has. */
  change(edit: (values: Record<string, unknown>) => Record<string, unknown>): Promise<void> {
    return this.inTurn(async () => {
      const { values } = await this.load();
      const next: Content = { version: 1, values: edit(values) };
      await replace(this.path, JSON.stringify(next), this.lock);
      this.content = next;
    });
  }

  close(): Promise<void> {
    return this.inTurn(async () => {
      const { lock } = this;
      this.lock = undefined;
      this.content = undefined;
      await lock?.release();
    });
  }

  /** One after the other: what is asked for while it closes opens it again after that. */
  private inTurn<T>(task: () => Promise<T>): Promise<T> {
    const done = this.turn.then(task);
    this.turn = done.catch(() => {});
    return done;
  }

  private async load(): Promise<Content> {
    this.lock ??= await lockFile(this.path);
    this.content ??= await read(this.path);
    return this.content;
  }
}

async function read(path: string): Promise<Content> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { version: 1, values: {} };
    throw error;
  }
  const content = parse(text);
  // Starting empty would forget what was executed; that is for a person to decide.
  if (!content) throw new Error(`${path} is not a screen's store; move it away to start anew`);
  return content;
}

function parse(text: string): Content | undefined {
  try {
    const content = JSON.parse(text) as Partial<Content> | null;
    return content?.version === 1 && typeof content.values === 'object' ? (content as Content) : undefined;
  } catch {
    return undefined;
  }
}

async function replace(path: string, text: string, lock: FileLock | undefined): Promise<void> {
  // Whoever was frozen for long wakes up with a file that is somebody else's.
  await lock?.check();
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await lock?.check();
  await rename(temporary, path);
  await syncFolder(dirname(path));
}

/** Without this a power cut may undo the rename. */
async function syncFolder(path: string): Promise<void> {
  // Windows cannot open a folder, and writes renames through by itself.
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}
