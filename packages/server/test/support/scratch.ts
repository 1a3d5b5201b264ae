import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const IN_MEMORY = '/dev/shm';
/** A whole run was seen to hold some 250 MB at a time. What is less may be a container's 64 MB, or needed for something else. */
const NEEDED_BYTES = 4 * 1024 ** 3;
const NAME = /^bongsu-tests-(\d+)-/;

/**
 * Points this process and all that it starts to a temporary folder of the run, in memory where there is room: a run makes and removes
 * clusters of a thousand files each all the time, which took a tenth of its CPU where they lay on ext4.
 * @returns what removes the folder
 */
export function openScratch(): () => void {
  const former = process.env.TMPDIR;
  const parent = hasRoomInMemory() ? IN_MEMORY : tmpdir();
  removeAbandoned(parent);
  const folder = mkdtempSync(join(parent, `bongsu-tests-${process.pid}-`));
  // PostgreSQL refuses to run as root: whoever runs it has to get to its own folder in here.
  chmodSync(folder, 0o711);
  process.env.TMPDIR = folder;
  return () => {
    if (former === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = former;
    rmSync(folder, { recursive: true, force: true });
  };
}

function hasRoomInMemory(): boolean {
  try {
    const mount = readFileSync('/proc/mounts', 'utf8')
      .split('\n')
      .find((line) => line.split(' ')[1] === IN_MEMORY);
    const { bavail, bsize } = statfsSync(IN_MEMORY);
    return mount !== undefined && !mount.includes('noexec') && bavail * bsize >= NEEDED_BYTES;
  } catch {
    return false;
  }
}

/** Of runs that were killed: memory must not fill up with them. */
function removeAbandoned(parent: string): void {
  for (const name of readdirSync(parent)) {
    const [, pid] = NAME.exec(name) ?? [];
    if (pid !== undefined && !runs(Number(pid))) rmSync(join(parent, name), { recursive: true, force: true });
  }
}

function runs(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Somebody else's.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
