import { type Clock, memoryStore, type Screen, type ScreenStore, screen, systemClock } from '@bongsu/client';
import { fileStore } from '@bongsu/client/file-store';
import type { Entry } from '@bongsu/protocol';
import type { ScreenOptions } from './messages.js';
import { pause } from './processes.js';
import { type ChaosScreen, instructionsOf, type ScreenHost } from './screen-host.js';

/** Attempts to connect follow each other quickly: a run is short. */
const LONGEST_WAIT_MS = 100;
const hasty: Clock = {
  ...systemClock,
  after: (delayMs, task) => systemClock.after(Math.min(delayMs, LONGEST_WAIT_MS), task),
};

interface Place {
  epoch: string;
  done: number;
}

/** A screen made with the SDK. */
export class SdkScreen implements ChaosScreen {
  executed = 0;
  online = false;
  readonly #screen: Screen;
  readonly #host: ScreenHost;
  readonly #screenId: string;
  #sockets = 0;
  #place: Place | undefined;

  constructor(
    url: string,
    { credential, policy, window, storePath, inMemory = false }: ScreenOptions,
    host: ScreenHost,
    asShipped = false,
  ) {
    this.#host = host;
    this.#screenId = credential.screenId;
    const handle = (entry: Entry) => this.#run(entry);
    this.#screen = screen({
      url,
      store: this.#watched(inMemory ? memoryStore() : fileStore(storePath)),
      credential,
      policy,
      window,
      clock: asShipped ? systemClock : hasty,
      onTrigger: handle,
      onNavigate: handle,
    });
    this.#screen.on('ready', ({ epoch, streams }) => {
      this.#sockets += 1;
      host.write({
        kind: 'open',
        screen: this.#screenId,
        socket: this.#socket,
        epoch,
        recovered: streams[`screen:${this.#screenId}`]?.recovered ?? false,
        window,
        ...(this.#place ? { resumeEpoch: this.#place.epoch, resumeSeq: this.#place.done } : {}),
      });
    });
    this.#screen.on('receipt', ({ entry: { id, stream, seq }, receipt }) => {
      const { status } = receipt;
      const retryable = receipt.status === 'failed' && receipt.retryable !== false;
      const place = { screen: this.#screenId, socket: this.#socket, id, stream, seq };
      host.write({ kind: 'answer', ...place, status, retryable });
      if (status === 'executed') {
        host.write({ kind: 'done', screen: this.#screenId, id, seq });
        host.reach('after-store');
      }
    });
    this.#screen.on('state', ({ state, error }) => {
      if (this.online && state !== 'online') {
        host.write({ kind: 'shut', screen: this.#screenId, socket: this.#socket });
      }
      this.online = state === 'online';
      if (state === 'closed' && error) host.fault(`${this.#screenId} closed: ${error.code}`);
      host.changed();
    });
  }

  get #socket(): string {
    return `${process.pid}:${this.#sockets}`;
  }

  /** What it stores is what it resumes from. */
  #watched(store: ScreenStore): ScreenStore {
    const stream = `screen:${this.#screenId}`;
    const note = (key: string, value: unknown) => {
      if (key === stream) this.#place = value as Place | undefined;
    };
    return {
      ...store,
      get: async (key) => {
        const value = await store.get(key);
        note(key, value);
        return value;
      },
      set: async (key, value) => {
        await store.set(key, value);
        note(key, value);
      },
    };
  }

  duplicate(): void {
    // One process, one client: the SDK never makes a second connection.
  }

  close(): Promise<void> {
    return this.#screen.close();
  }

  async #run(entry: Entry): Promise<void> {
    const { id, stream, seq, epoch, attempt } = entry;
    const wanted = instructionsOf(entry);
    if (wanted.do === 'reject') throw Object.assign(new Error('rejected'), { retryable: false });
    if (wanted.do === 'fail' && (!wanted.once || attempt === 1)) throw new Error('failed');
    this.#host.reach('before-run');
    this.#host.write({ kind: 'run', screen: this.#screenId, id, stream, seq, epoch, attempt });
    if (wanted.takesMs) await pause(wanted.takesMs);
    this.#host.reach('after-run');
    this.executed += 1;
    this.#host.changed();
  }
}
