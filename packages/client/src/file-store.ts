import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { ScreenStore } from './screen-store.js';

interface Content {
  version: 1;
  values: Record<string, unknown>;
}

/**
 * Keeps a screen in one JSON file (mode 0600: it holds the credential). Each write makes a new file, syncs it and
 * renames it over the old one, so a crash at any moment leaves the old or the new content, never a mixture.
 * One process a file.
 * @throws Error from its methods when the file is not a store's, or by the file system (ENOSPC, EACCES …)
 * @example screen({ url, store: fileStore('./data/screen.json'), onTrigger })
 */
export function fileStore(path: string): ScreenStore {
  const target = resolve(path);
  let content: Promise<Content> | undefined;
  let turn: Promise<unknown> = Promise.resolve();

  function load(): Promise<Content> {
    content ??= read(target).catch((error: unknown) => {
      content = undefined;
      throw error;
    });
    return content;
  }

  /** One write at a time; memory changes only after the file has. */
  function change(edit: (values: Record<string, unknown>) => Record<string, unknown>): Promise<void> {
    const done = turn.then(async () => {
      const { values } = await load();
      const next: Content = { version: 1, values: edit(values) };
      await replace(target, JSON.stringify(next));
      content = Promise.resolve(next);
    });
    turn = done.catch(() => {});
    return done;
  }

  return {
    name: target,
    get: async (key) => {
      const { values } = await load();
      return Object.hasOwn(values, key) ? structuredClone(values[key]) : undefined;
    },
    set: (key, value) => change((values) => ({ ...values, [key]: structuredClone(value) })),
    delete: (key) => change(({ [key]: _, ...rest }) => rest),
  };
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

async function replace(path: string, text: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const temporary = `${path}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
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
