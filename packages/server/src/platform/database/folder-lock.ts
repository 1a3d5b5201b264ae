import { randomUUID } from 'node:crypto';
import { link, open, readFile, rm, stat, utimes } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { type Clock, sleep } from '../clock.js';
import { ensureFolder } from '../ensure-folder.js';
import { readBootId, readStartTime } from './boot.js';

/** What `bongsu.lock` in the data folder holds, as JSON. */
export interface FolderOwner {
  pid: number;
  startTime?: string | undefined;
  host: string;
  bootId?: string | undefined;
  node: string;
  /** Where commands beside the running server talk to it. */
  controlSocket?: string | undefined;
}

export interface FolderLock {
  /** What an owner left that did not stop cleanly. */
  readonly leftBy: FolderOwner | undefined;
  release(): Promise<void>;
  /** Stops caring for it but leaves it there, so that the next owner sees that the stop was not clean. */
  leave(): void;
}

/** `in-use`: by a live process, see `owner`. `unusable`: cannot be made or written. `version`: of another PostgreSQL. */
export class DataFolderError extends Error {
  override readonly name = 'DataFolderError';
  constructor(
    readonly reason: 'in-use' | 'unusable' | 'version',
    message: string,
    readonly owner?: FolderOwner,
    cause?: unknown,
  ) {
    super(message, { cause });
  }
}

const LOCK_FILE = 'bongsu.lock';
const HEARTBEAT_MS = 5_000;
/** An owner in another container or machine cannot be looked up: its heartbeat tells whether it lives. */
const SILENT_MS = 15_000;
const PAUSE_MS = 500;
const TAKEOVER_PAUSE_MS = 20;

export async function readOwner(folder: string): Promise<FolderOwner | undefined> {
  const text = await readFile(join(folder, LOCK_FILE), 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as FolderOwner;
  } catch {
    // Cut off by a crash while it was written: nobody that lives.
    return { pid: 0, host: hostname(), node: 'unknown' };
  }
}

/** The owner if it lives. For commands that look for a running server. */
export async function findLiveOwner(folder: string): Promise<FolderOwner | undefined> {
  const owner = await readOwner(folder);
  return owner && (await isAlive(folder, owner)) ? owner : undefined;
}

/**
 * Makes the folder if need be and takes it for this process.
 * @throws DataFolderError `in-use` or `unusable`
 */
export async function lockFolder(
  folder: string,
  who: Pick<FolderOwner, 'node' | 'controlSocket'>,
  clock: Clock,
): Promise<FolderLock> {
  const owner: FolderOwner = {
    pid: process.pid,
    startTime: await readStartTime(process.pid),
    host: hostname(),
    bootId: await readBootId(),
    ...who,
  };
  const draft = join(folder, `${LOCK_FILE}.${randomUUID()}`);
  try {
    await ensureFolder(folder);
    await writeDurably(draft, JSON.stringify(owner));
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new DataFolderError(
      'unusable',
      `The data folder ${folder} cannot be written: ${reason}`,
      undefined,
      error,
    );
  }
  try {
    const leftBy = await take(folder, draft, clock);
    await syncFolder(folder);
    return keep(folder, owner, leftBy, clock);
  } finally {
    await rm(draft, { force: true });
  }
}

async function take(folder: string, draft: string, clock: Clock): Promise<FolderOwner | undefined> {
  const path = join(folder, LOCK_FILE);
  const giveUpAt = clock.monotonic() + SILENT_MS + PAUSE_MS;
  for (;;) {
    try {
      await link(draft, path);
      return undefined;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = await readOwner(folder);
    if (!owner) continue;
    if (!(await isAlive(folder, owner))) {
      if (await replaceStale(path, draft, owner)) return owner;
      await sleep(clock, TAKEOVER_PAUSE_MS);
    } else if (owner.host === hostname() || clock.monotonic() > giveUpAt) {
      throw inUse(folder, owner);
    } else {
      await sleep(clock, PAUSE_MS);
    }
  }
}

function inUse(folder: string, owner: FolderOwner): DataFolderError {
  return new DataFolderError(
    'in-use',
    `The data folder ${folder} is in use by node "${owner.node}", process ${owner.pid} on ${owner.host}`,
    owner,
  );
}

/** Stale locks are removed under a guard only: of two that found one, the later would remove the lock of the earlier. */
async function replaceStale(path: string, draft: string, owner: FolderOwner): Promise<boolean> {
  const guard = `${path}.takeover`;
  try {
    await link(draft, guard);
  } catch {
    const left = await stat(guard).catch(() => undefined);
    if (left && Date.now() - left.ctimeMs > SILENT_MS) await rm(guard, { force: true });
    return false;
  }
  try {
    const present = await readOwner(dirname(path));
    if (JSON.stringify(present) !== JSON.stringify(owner)) return false;
    await rm(path, { force: true });
    await link(draft, path);
    return true;
  } catch {
    return false;
  } finally {
    await rm(guard, { force: true });
  }
}

async function isAlive(folder: string, owner: FolderOwner): Promise<boolean> {
  if (owner.pid === 0) return false;
  if (owner.host !== hostname()) {
    const file = await stat(join(folder, LOCK_FILE)).catch(() => undefined);
    return file !== undefined && Date.now() - file.mtimeMs < SILENT_MS;
  }
  if (owner.bootId !== (await readBootId())) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return owner.startTime === (await readStartTime(owner.pid));
}

function keep(folder: string, owner: FolderOwner, leftBy: FolderOwner | undefined, clock: Clock): FolderLock {
  const path = join(folder, LOCK_FILE);
  const stop = clock.every(HEARTBEAT_MS, () => {
    const now = new Date();
    void utimes(path, now, now).catch(() => undefined);
  });
  return {
    leftBy,
    leave: stop,
    async release() {
      stop();
      const present = await readOwner(folder);
      if (present?.pid === owner.pid && present.startTime === owner.startTime)
        await rm(path, { force: true });
    },
  };
}

/** After a power loss the lock tells that the stop was not clean, so it must be on the disk itself. */
async function writeDurably(path: string, text: string): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}
