import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { NodeTraffic } from './crossing.js';
import { isAlive, stopProcess, until } from './processes.js';

/** What the harness lifts, so that its load is not refused for being a load; and quick heartbeats. */
const LIFTED = {
  RATE_LIMIT_ENABLED: 'false',
  MAX_PENDING_PER_SCREEN: '1000000',
  ACCESS_TOKEN_EXPIRE_MINUTES: '1440',
  SESSION_TIMEOUT_MINUTES: '1440',
  HEARTBEAT_INTERVAL_MS: '1000',
  HEARTBEAT_TIMEOUT_MS: '10000',
  LOG_LEVEL: 'warn',
  DRAIN_SECONDS: '2',
};
const READY_MS = 60_000;
const SQL_MS = 10_000;
const KEPT_OUTPUT = 8000;

/** A named step of the server, before or after whose n-th call it is to die. */
export interface Failpoint {
  point: string;
  when: 'before' | 'after';
  calls: number;
}

export interface NodeOptions {
  port: number;
  settings: Readonly<Record<string, string>>;
  /** The folder of the package `bongsu`; another one holds a mutant. */
  packageFolder?: string;
  environment: Readonly<Record<string, string>>;
}

/** `bongsu serve` as a process of its own, with the means to hurt it. */
export class ServerNode {
  readonly url: string;
  /** Ids of commands that came in here, and of the entries that screens were sent, in all its lives as far as it could tell. */
  readonly traffic: NodeTraffic = { cameIn: new Set(), sent: [] };
  readonly #options: NodeOptions;
  #child: ChildProcess | undefined;
  #output = '';
  #questions = 0;

  constructor(options: NodeOptions) {
    this.#options = options;
    this.url = `http://127.0.0.1:${options.port}`;
  }

  get port(): number {
    return this.#options.port;
  }

  get output(): string {
    return this.#output;
  }

  get alive(): boolean {
    return this.#child !== undefined && isAlive(this.#child);
  }

  /** Resolves when it is ready. @throws Error with its last output when it ends before */
  async start(clockMs = 0): Promise<void> {
    const { port, settings, environment, packageFolder } = this.#options;
    const folder = packageFolder ?? fileURLToPath(new URL('../../', import.meta.url));
    const preload = new URL(`file://${folder.replace(/\/?$/, '/')}chaos/preload.mjs`);
    preload.searchParams.set('clockMs', String(clockMs));
    const bin = fileURLToPath(new URL('./bin/bongsu.js', preload.href.replace('/chaos/preload.mjs', '/')));
    const flags = ['--max-semi-space-size=32', '--import', preload.href];
    const child = spawn(process.execPath, [...flags, bin, 'serve'], {
      env: { ...environment, ...LIFTED, ...settings, PORT: String(port), HOST: '127.0.0.1' },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    this.#child = child;
    child.on('message', ({ cameIn = [], sent = [] }: { cameIn?: string[]; sent?: string[] }) => {
      for (const id of cameIn) this.traffic.cameIn.add(id);
      for (const id of sent) this.traffic.sent.push(id);
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.#output = (this.#output + chunk.toString()).slice(-KEPT_OUTPUT);
      });
    }
    await this.ready();
  }

  async ready(): Promise<void> {
    const isReady = async () => {
      if (!this.alive) throw new Error(`The server ended before it was ready:\n${this.#output}`);
      const answer = await fetch(`${this.url}/health/ready`, { signal: AbortSignal.timeout(1000) }).catch(
        () => undefined,
      );
      return answer?.ok ?? false;
    };
    await until('the server is ready', isReady, { timeoutMs: READY_MS, everyMs: 15 });
  }

  async kill(): Promise<void> {
    if (this.#child) await stopProcess(this.#child, 'SIGKILL');
  }

  async stop(): Promise<void> {
    if (this.#child) await stopProcess(this.#child, 'SIGTERM');
  }

  freeze(): void {
    this.#child?.kill('SIGSTOP');
  }

  thaw(): void {
    this.#child?.kill('SIGCONT');
  }

  /** It kills itself there; false when it did not come there in time. */
  async dieAt(failpoint: Failpoint, withinMs: number, provoke?: () => void): Promise<boolean> {
    const child = this.#child;
    if (!child || !isAlive(child)) return false;
    const ended = once(child, 'exit').then(() => true);
    child.send({ arm: failpoint });
    provoke?.();
    const tooLate = new Promise<false>((resolve) => setTimeout(() => resolve(false), withinMs).unref());
    const died = await Promise.race([ended, tooLate]);
    if (!died && isAlive(child)) child.send({ disarm: true });
    return died;
  }

  killPglite(): void {
    this.#child?.send({ killPglite: true });
  }

  /** Runs a statement on the server's own database. */
  async sql<Row>(sql: string): Promise<Row[]> {
    const child = this.#child;
    if (!child || !isAlive(child)) throw new Error('The server is down');
    this.#questions += 1;
    const id = this.#questions;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => finish(new Error(`No answer to: ${sql}`)), SQL_MS);
      const onMessage = (message: { id?: number; rows?: Row[]; error?: string }) => {
        if (message.id === id) finish(message.rows ?? new Error(message.error));
      };
      const finish = (result: Row[] | Error) => {
        clearTimeout(timer);
        child.off('message', onMessage);
        if (result instanceof Error) reject(result);
        else resolve(result);
      };
      child.on('message', onMessage);
      // It may have ended since it was looked at.
      child.send({ id, sql }, (error) => error && finish(error));
    });
  }

  /** Of the process, in MiB; undefined where there is no /proc. */
  async residentMiB(): Promise<number | undefined> {
    const status = await readFile(`/proc/${this.#child?.pid}/status`, 'utf8').catch(() => '');
    const kib = /VmRSS:\s+(\d+)/.exec(status)?.[1];
    return kib === undefined ? undefined : Math.round(Number(kib) / 1024);
  }
}
