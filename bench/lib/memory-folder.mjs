import { readFileSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';

const IN_MEMORY = '/dev/shm';
/** A whole run of the tests was seen to hold some 250 MB at a time. What is less may be a container's 64 MB, or needed for something else. */
const NEEDED_BYTES = 4 * 1024 ** 3;

/** Where temporary folders are in memory, if there is room, else the usual place for them. */
export const memoryFolder = () => (hasRoom() ? IN_MEMORY : tmpdir());

function hasRoom() {
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
