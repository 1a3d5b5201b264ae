import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fillPgliteFolder } from './pglite-databases.js';

const BIN = fileURLToPath(new URL('../../bin/bongsu.js', import.meta.url));

/**
 * For servers that live for seconds: PGlite is compiled once and quickly, and not a second time for speed that comes too late for
 * them. A start takes 3.0 s of CPU with it, and 4.6 s without.
 */
export const SHORT_LIVED = ['--liftoff-only'];

export interface Ended {
  code: number | null;
  out: string;
  err: string;
}

export interface Running {
  child: ChildProcess;
  ended: Promise<Ended>;
  /** Resolves with the text when stdout or stderr matches. @throws when the process ends before */
  shows(wanted: string | RegExp): Promise<string>;
}

/** The built command line as users start it, in a folder of its own, on any free port. */
export class BongsuProcesses {
  private readonly running: Running[] = [];

  constructor(private readonly folder: string) {}

  private get dataDir(): string {
    return join(this.folder, 'data');
  }

  /** For tests that are not about the first start of all, whose initdb takes seconds. */
  prepareData(): Promise<void> {
    return fillPgliteFolder(this.dataDir, true);
  }

  run(args: string[], env: Record<string, string> = {}, stdin?: string): Running {
    const child = spawn(process.execPath, [...SHORT_LIVED, BIN, ...args], {
      cwd: this.folder,
      env: { PATH: process.env.PATH ?? '', PORT: '0', DATA_DIR: this.dataDir, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    child.stdin.end(stdin);
    const text = { out: '', err: '' };
    const watchers = new Set<() => void>();
    const collect = (name: 'out' | 'err') => (chunk: Buffer) => {
      text[name] += chunk.toString();
      for (const watch of watchers) watch();
    };
    child.stdout.on('data', collect('out'));
    child.stderr.on('data', collect('err'));
    const ended = once(child, 'close').then(([code]) => ({ code, ...text }) as Ended);
    const shows = (wanted: string | RegExp) =>
      new Promise<string>((resolve, reject) => {
        const watch = () => {
          const [shown] = `${text.out}${text.err}`.match(wanted) ?? [];
          if (shown !== undefined) resolve(shown);
        };
        watchers.add(watch);
        ended.then(
          (end) => reject(new Error(`It ended before it showed "${wanted}": ${JSON.stringify(end)}`)),
          reject,
        );
        watch();
      });
    const started = { child, ended, shows };
    this.running.push(started);
    return started;
  }

  async killAll(): Promise<void> {
    for (const { child } of this.running) if (child.exitCode === null) child.kill('SIGKILL');
    await Promise.all(this.running.map(({ ended }) => ended));
  }
}
