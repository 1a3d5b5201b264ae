import { randomUUID } from 'node:crypto';
import { link, open, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
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
  /** What `leftBy` means for the data was seen to: the next owner need not know. */
  settle(): void;
  /** Sets the folder free. The file stays, as nobody's, where the next owner must know of a stop that was not clean: this one or `leftBy`. */
  release(isClean?: boolean): Promise<void>;
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
/** The pid of an owner that does not live. */
const NOBODY = 0;
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
    return { pid: NOBODY, host: hostname(), node: 'unknown' };
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
    return new KeptLock(folder, owner, leftBy, clock);
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
  if (owner.pid === NOBODY) return false;
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

class KeptLock implements FolderLock {
  readonly leftBy: FolderOwner | undefined;
  readonly #folder: string;
  readonly #owner: FolderOwner;
  readonly #stopHeartbeat: () => void;
  #evidence: FolderOwner | undefined;

  constructor(folder: string, owner: FolderOwner, leftBy: FolderOwner | undefined, clock: Clock) {
    this.leftBy = leftBy;
    this.#evidence = leftBy;
    this.#folder = folder;
    this.#owner = owner;
    this.#stopHeartbeat = clock.every(HEARTBEAT_MS, () => {
      const now = new Date();
      void utimes(this.#path, now, now).catch(() => undefined);
    });
  }

  get #path(): string {
    return join(this.#folder, LOCK_FILE);
  }

  settle(): void {
    this.#evidence = undefined;
  }

  async release(isClean = true): Promise<void> {
    this.#stopHeartbeat();
    const present = await readOwner(this.#folder);
    if (present?.pid !== this.#owner.pid || present.startTime !== this.#owner.startTime) return;
    const evidence = this.#evidence ?? (isClean ? undefined : this.#owner);
    if (evidence) await this.#leave(evidence);
    else await rm(this.#path, { force: true });
  }

  async #leave({ host, bootId, node }: FolderOwner): Promise<void> {
    const draft = `${this.#path}.${randomUUID()}`;
    try {
      await writeDurably(draft, JSON.stringify({ pid: NOBODY, host, bootId, node } satisfies FolderOwner));
      await rename(draft, this.#path);
      await syncFolder(this.#folder);
    } catch {
      // As on a full disk. The file stays as it is then, which says the same once this process has ended.
      await rm(draft, { force: true });
    }
  }
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
