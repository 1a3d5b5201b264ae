import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Another value after each boot of the machine; undefined where the system tells none. */
export async function readBootId(): Promise<string | undefined> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  } catch {
    return output('sysctl', ['-n', 'kern.bootsessionuuid']);
  }
}

/** When the process was started, in the system's own terms: tells a reused pid from the one that had it before. */
export async function readStartTime(pid: number): Promise<string | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The name in parentheses may hold spaces; the 22nd field overall is the 20th after it.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return output('ps', ['-o', 'lstart=', '-p', String(pid)]);
  }
}

async function output(command: string, args: string[]): Promise<string | undefined> {
  try {
    return (await run(command, args)).stdout.trim() || undefined;
  } catch {
    return undefined;
  }
}
