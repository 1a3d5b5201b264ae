import { Worker } from 'node:worker_threads';
import { type Clock, sleep } from '../clock.js';
import type { Log } from '../log.js';
import { compiledEntry } from './compiled-entry.js';
import type { FromWorker, PgliteWorkerData, ToWorker } from './pglite-messages.js';
import type { PglitePort, PgliteStream } from './pglite-stream.js';

export interface PgliteHostDeps {
  clock: Clock;
  log: Log;
  /** The thread died three times within a minute, or could not be started again. */
  onFatal: (error: Error) => void;
}

const DEATHS = 3;
const WITHIN_MS = 60_000;
const CLOSE_MS = 30_000;

/** Keeps PGlite's thread alive and gives its one connection to one stream at a time. */
export class PgliteHost implements PglitePort {
  readonly #data: PgliteWorkerData;
  readonly #deps: PgliteHostDeps;
  #worker: Worker | undefined;
  #ready: Promise<void> = Promise.resolve();
  #stream: PgliteStream | undefined;
  #deaths: number[] = [];
  #closing = false;

  constructor(data: PgliteWorkerData, deps: PgliteHostDeps) {
    this.#data = data;
    this.#deps = deps;
  }

  /** @throws Error when PGlite cannot open the cluster */
  async start(): Promise<void> {
    this.#ready = this.#launch();
    await this.#ready;
  }

  ready(): Promise<void> {
    return this.#ready;
  }

  send(bytes: Uint8Array): void {
    // A copy: a small Buffer is a window on a pool, and the whole pool would travel.
    this.#post(Uint8Array.from(bytes));
  }

  attach(stream: PgliteStream): void {
    this.#stream = stream;
  }

  detach(stream: PgliteStream, busy: boolean): void {
    if (this.#stream !== stream) return;
    this.#stream = undefined;
    // A statement that nobody waits for any more would hold the only connection: nothing but the end stops it.
    if (busy) void this.#worker?.terminate();
  }

  /** For tests: ends the thread as a crash would. */
  async kill(): Promise<void> {
    await this.#worker?.terminate();
  }

  async close(): Promise<void> {
    this.#closing = true;
    const worker = this.#worker;
    if (!worker) return;
    if (this.#data.throwAway) return void (await worker.terminate());
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    this.#post('close');
    const tooLong = new AbortController();
    await Promise.race([exited, sleep(this.#deps.clock, CLOSE_MS, tooLong.signal).catch(() => undefined)]);
    tooLong.abort();
    await worker.terminate();
  }

  #launch(): Promise<void> {
    const worker = new Worker(compiledEntry('./pglite-worker', import.meta.url), {
      workerData: this.#data,
      execArgv: [],
    });
    this.#worker = worker;
    let failure: Error | undefined;
    worker.on('error', (error: Error) => {
      failure = error;
    });
    return new Promise((resolve, reject) => {
      let ready = false;
      worker.on('message', (message: FromWorker) => {
        if (message === 'ready') {
          ready = true;
          resolve();
        } else if (message !== 'closed') {
          this.#stream?.receive(message);
        }
      });
      worker.on('exit', () => {
        if (this.#worker === worker) this.#worker = undefined;
        const error = failure ?? new Error("PGlite's thread ended unexpectedly");
        if (ready) this.#onDeath(error);
        else reject(error);
      });
    });
  }

  #onDeath(error: Error): void {
    const stream = this.#stream;
    this.#stream = undefined;
    if (!this.#closing) this.#restart(error);
    stream?.destroy(error);
  }

  #restart(error: Error): void {
    const now = this.#deps.clock.monotonic();
    this.#deaths = [...this.#deaths.filter((at) => now - at < WITHIN_MS), now];
    this.#deps.log.error({ err: error, deaths: this.#deaths.length }, "PGlite's thread died");
    if (this.#deaths.length >= DEATHS) {
      this.#ready = Promise.reject(error);
      this.#ready.catch(() => undefined);
      this.#deps.onFatal(error);
      return;
    }
    this.#ready = this.#launch();
    this.#ready.catch((failed: Error) => this.#deps.onFatal(failed));
  }

  #post(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }
}
