import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inject } from 'vitest';
import { freePort } from '../../packages/server/src/chaos/processes.js';
import { SHORT_LIVED } from '../../packages/server/test/support/bongsu-processes.js';
import { createPgliteFolder } from '../../packages/server/test/support/pglite-databases.js';
import {
  createPostgresDatabase,
  type FreshDatabase,
} from '../../packages/server/test/support/postgres-databases.js';

const bin = fileURLToPath(new URL('../../packages/server/bin/bongsu.js', import.meta.url));
const START_DEADLINE_MS = 90_000;
const PROBE_PAUSE_MS = 100;

/** For `start`: a server, and its embedded database, by whose clock it is this much later. */
export function later(ms: number): Record<string, string> {
  const module = `const Now = Date, ahead = ${ms};
    globalThis.Date = class Date extends Now {
      constructor(...parts) { parts.length ? super(...parts) : super(Now.now() + ahead); }
      static now() { return Now.now() + ahead; }
    };`;
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(module)}` };
}

/** The built server as users start it, in a process that can be killed. */
export class ServerProcess {
  private child: ChildProcess | undefined;
  private output = '';

  private constructor(
    readonly url: string,
    private readonly dataDir: string,
    private readonly settings: Record<string, string>,
    private readonly database?: FreshDatabase,
  ) {}

  /**
   * `settings`: what it is started with besides its port and its own data folder. `embedded`: on the embedded database, also where there
   * is a PostgreSQL, which costs the machine less.
   */
  static async prepare(
    settings: Record<string, string> = {},
    { embedded = false } = {},
  ): Promise<ServerProcess> {
    const url = `http://127.0.0.1:${await freePort()}`;
    const postgres = embedded || settings.DATABASE_URL !== undefined ? '' : inject('postgresUrl');
    const database = postgres === '' ? undefined : await createPostgresDatabase(postgres, true);
    const all = database ? { ...settings, DATABASE_URL: database.url } : settings;
    const dataDir =
      all.DATABASE_URL === undefined
        ? await createPgliteFolder(true)
        : await mkdtemp(join(tmpdir(), 'bongsu-node-'));
    return new ServerProcess(url, dataDir, all, database);
  }

  /**
   * Resolves when the server is ready. `settings`: beside those that it was prepared with, this time.
   * @throws with its output when it ends before
   */
  async start(settings: Record<string, string> = {}): Promise<void> {
    const child = spawn(process.execPath, [...SHORT_LIVED, bin, 'serve'], {
      env: {
        PATH: process.env.PATH,
        HOME: this.dataDir,
        NODE_ENV: 'development',
        HOST: '127.0.0.1',
        PORT: new URL(this.url).port,
        DATA_DIR: this.dataDir,
        ...this.settings,
        ...settings,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        this.output += chunk;
      });
    }
    const deadline = Date.now() + START_DEADLINE_MS;
    while (!(await this.isReady())) {
      if (child.exitCode !== null || Date.now() > deadline) {
        throw new Error(`The server did not get ready:\n${this.output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, PROBE_PAUSE_MS));
    }
  }

  /** kill -9: no handler of the server runs. */
  async kill(): Promise<void> {
    const { child } = this;
    this.child = undefined;
    if (!child || child.exitCode !== null) return;
    const exit = once(child, 'exit');
    child.kill('SIGKILL');
    await exit;
  }

  async dispose(): Promise<void> {
    await this.kill();
    await this.database?.drop();
    await rm(this.dataDir, { recursive: true, force: true });
  }

  private async isReady(): Promise<boolean> {
    const answer = await fetch(`${this.url}/api/health/ready`).catch(() => undefined);
    return answer?.ok === true;
  }
}
