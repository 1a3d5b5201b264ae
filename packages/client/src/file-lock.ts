import { randomUUID } from 'node:crypto';
import { readFileSync, unlinkSync } from 'node:fs';
import { constants, copyFile, link, mkdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname } from 'node:path';

/** What `<file>.lock` holds. */
interface Owner {
  token: string;
  pid: number;
  host: string;
  /** Another value after each boot, and for each process of one pid; absent where the system tells none. */
  boot?: string;
  startTime?: string;
}

/** The file is in use by a live process. */
export class FileInUseError extends Error {
  override readonly name = 'FileInUseError';
}

const HEARTBEAT_MS = 5_000;
/** An owner that cannot be looked up (another machine or container) lives as long as it beats. */
const SILENT_MS = 15_000;

export interface FileLock {
  /** @throws FileInUseError once another process has taken the file, e.g. while this one was frozen */
  check(): Promise<void>;
  release(): Promise<void>;
}

/**
 * Takes `path` for this process. A lock whose process was killed is taken over.
 * @throws FileInUseError
 */
export async function lockFile(path: string): Promise<FileLock> {
  const lock = `${path}.lock`;
  const { boot, startTime } = await self();
  const owner: Owner = {
    token: randomUUID(),
    pid: process.pid,
    host: hostname(),
    ...(boot === undefined ? {} : { boot }),
    ...(startTime === undefined ? {} : { startTime }),
  };
  await mkdir(dirname(path), { recursive: true });
  const draft = `${lock}.${owner.token}`;
  await writeFile(draft, JSON.stringify(owner), { mode: 0o600 });
  try {
    while (!(await tryTake(path, lock, draft))) await new Promise((resolve) => setTimeout(resolve, 20));
  } finally {
    await rm(draft, { force: true });
  }
  return keep(path, lock, owner);
}

/** Linking fails when the name exists, and shows the file only with its whole content. */
async function tryTake(path: string, lock: string, draft: string): Promise<boolean> {
  if (await tryLink(draft, lock)) return true;
  const present = await readOwner(lock);
  if (!present) return false;
  if (await isAlive(lock, present)) {
    const who = `process ${present.pid} on ${present.host}`;
    throw new FileInUseError(`${path} is in use by ${who}; one process a file (${lock})`);
  }
  return replaceStale(lock, draft, present);
}

/** Under a guard: of two that found one stale lock, the later would else remove the lock of the earlier. */
async function replaceStale(lock: string, draft: string, stale: Owner): Promise<boolean> {
  const guard = `${lock}.takeover`;
  if (!(await tryLink(draft, guard))) {
    const left = await stat(guard).catch(() => undefined);
    if (left && Date.now() - left.ctimeMs > SILENT_MS) await rm(guard, { force: true });
    return false;
  }
  try {
    if ((await readOwner(lock))?.token !== stale.token) return false;
    await rm(lock, { force: true });
    return await tryLink(draft, lock);
  } finally {
    await rm(guard, { force: true });
  }
}

async function tryLink(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST') return false;
    if (!NO_LINKS.includes(code ?? '')) throw error;
    return copyFile(from, to, constants.COPYFILE_EXCL).then(
      () => true,
      () => false,
    );
  }
}
/** What file systems without hard links (FAT, some network shares) answer. */
const NO_LINKS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

async function readOwner(lock: string): Promise<Owner | undefined> {
  const text = await readFile(lock, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as Owner;
  } catch {
    // Cut off by a power loss: nobody that lives.
    return { token: '', pid: 0, host: hostname() };
  }
}

async function isAlive(lock: string, owner: Owner): Promise<boolean> {
  const beats = async () => {
    const file = await stat(lock).catch(() => undefined);
    return file !== undefined && Date.now() - file.mtimeMs < SILENT_MS;
  };
  if (owner.host !== hostname()) return beats();
  const { boot } = await self();
  if (owner.pid === 0 || owner.boot !== boot) return false;
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  const startTime = await startTimeOf(owner.pid);
  if (startTime !== owner.startTime) return false;
  // A thread of this process may have ended without freeing it; elsewhere a pid alone may be another process's.
  return owner.pid === process.pid || startTime === undefined ? beats() : true;
}

function keep(path: string, lock: string, owner: Owner): FileLock {
  const tokenThere = async () => (await readOwner(lock))?.token;
  /** One that cannot be read is nobody else's. */
  const isTaken = async () => ((await tokenThere()) ?? owner.token) !== owner.token;
  const beat = async () => {
    if (await isTaken()) return clearInterval(timer);
    const now = new Date();
    await utimes(lock, now, now).catch(() => {});
  };
  const timer = setInterval(() => void beat(), HEARTBEAT_MS);
  timer.unref();
  const onExit = () => {
    try {
      if ((JSON.parse(readFileSync(lock, 'utf8')) as Owner).token === owner.token) unlinkSync(lock);
    } catch {
      // Gone already.
    }
  };
  process.once('exit', onExit);
  return {
    check: async () => {
      if (await isTaken()) throw new FileInUseError(`${path} was taken over by another process (${lock})`);
    },
    release: async () => {
      clearInterval(timer);
      process.off('exit', onExit);
      if ((await tokenThere()) === owner.token) await rm(lock, { force: true });
    },
  };
}

async function self(): Promise<{ boot: string | undefined; startTime: string | undefined }> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => undefined);
  return { boot: boot?.trim(), startTime: await startTimeOf(process.pid) };
}

/** In the system's own terms; undefined where /proc is not. */
async function startTimeOf(pid: number): Promise<string | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  // The name in parentheses may hold spaces; the 22nd field overall is the 20th after it.
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19];
}
