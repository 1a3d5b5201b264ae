import { statfs } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { type Clock, sleep } from '../clock.js';
import type { Log } from '../log.js';
import { compiledEntry } from './compiled-entry.js';
import type { FromWorker, PgliteWorkerData, ToWorker } from './pglite-messages.js';
import type { PglitePort, PgliteStream } from './pglite-stream.js';

export interface PgliteHostDeps {
  clock: Clock;
  log: Log;
  /** The thread died three times within a minute, disk full aside. */
  onFatal: (error: Error) => void;
}

const DEATHS = 3;
const WITHIN_MS = 60_000;
const CLOSE_MS = 30_000;
const RETRY_MS = 1_000;
/** Two files of the log: less is a full disk to the engine. */
const ROOM_BYTES = 32 * 2 ** 20;

/** Keeps PGlite's thread alive and gives its one connection to one stream at a time. */
export class PgliteHost implements PglitePort {
  readonly #data: PgliteWorkerData;
  readonly #deps: PgliteHostDeps;
  #worker: Worker | undefined;
  #ready: Promise<void> = Promise.resolve();
  #stream: PgliteStream | undefined;
  #deaths: number[] = [];
  #closing = false;
  #closed = false;
  #givenUp = false;

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

  /** @returns whether all is on the disk */
  async close(): Promise<boolean> {
    this.#closing = true;
    const worker = this.#worker;
    if (!worker) return false;
    if (this.#data.throwAway) {
      await worker.terminate();
      return true;
    }
    const exited = new Promise((resolve) => worker.once('exit', resolve));
    this.#post('close');
    const tooLong = new AbortController();
    await Promise.race([exited, sleep(this.#deps.clock, CLOSE_MS, tooLong.signal).catch(() => undefined)]);
    tooLong.abort();
    await worker.terminate();
    return this.#closed;
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
        } else if (message === 'closed') {
          this.#closed = true;
        } else {
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
    if (!this.#closing) this.#recover(error);
    stream?.destroy(error);
  }

  #recover(error: Error): void {
    this.#ready = this.#relaunch(error);
    this.#ready.catch((failure: Error) => {
      if (this.#givenUp || this.#closing) return;
      this.#deps.log.error({ err: failure }, "PGlite's thread could not be started again yet");
      this.#deps.clock.after(RETRY_MS, () => {
        if (!this.#closing) this.#recover(failure);
      });
    });
  }

  async #relaunch(error: Error): Promise<void> {
    // A full disk kills the engine at each try. That is no reason to end: it mends as soon as there is room.
    if (await isDiskFull(this.#data.cluster)) throw new Error('No space left on device');
    const now = this.#deps.clock.monotonic();
    this.#deaths = [...this.#deaths.filter((at) => now - at < WITHIN_MS), now];
    this.#deps.log.error({ err: error, deaths: this.#deaths.length }, "PGlite's thread died");
    if (this.#deaths.length >= DEATHS) {
      this.#givenUp = true;
      this.#deps.onFatal(error);
      throw error;
    }
    await this.#launch();
  }

  #post(message: ToWorker): void {
    this.#worker?.postMessage(message);
  }
}

async function isDiskFull(folder: string): Promise<boolean> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize < ROOM_BYTES;
}
