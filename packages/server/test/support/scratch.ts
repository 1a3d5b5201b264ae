import { chmodSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { memoryFolder } from '../../../../bench/lib/memory-folder.mjs';

const NAME = /^bongsu-tests-(\d+)-/;

/**
 * Points this process and all that it starts to a temporary folder of the run, in memory where there is room: a run makes and removes
 * clusters of a thousand files each all the time, which took a tenth of its CPU where they lay on ext4.
 * @returns what removes the folder
 */
export function openScratch(): () => void {
  const former = process.env.TMPDIR;
  const parent = memoryFolder();
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
