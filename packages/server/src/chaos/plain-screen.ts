import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Entry, Ready, Receipt } from '@bongsu/protocol';
import type { Socket } from 'socket.io-client';
import { v7 as uuidv7 } from 'uuid';
import { connectAnew } from './connect-anew.js';
import type { ScreenOptions } from './messages.js';
import { pause } from './processes.js';
import { type ChaosScreen, instructionsOf, type ScreenHost } from './screen-host.js';

/** The place that a client keeps, by docs/delivery.md. */
interface Place {
  epoch: string;
  done: number;
  started: number;
  /** Ids executed since `done` was last taken from the server, and before that: these decide what is a repeat. */
  executed: string[];
  earlier: string[];
}
interface Arrival {
  socket: Socket;
  name: string;
  entry: Entry;
  answer: (receipt: Receipt) => void;
}

/** Of a handshake, for the history. */
interface Announced {
  window: number;
  resumeEpoch?: string;
  resumeSeq?: number;
}

const REMEMBERED = 1000;
/** A run is short: attempts to connect follow each other quickly, and silence is found soon. */
const HASTY = { reconnectionDelay: 20, reconnectionDelayMax: 60 };
const ACK_TIMEOUT_MS = 1000;
const INTERRUPTED: Receipt = { status: 'failed', error: 'interrupted', retryable: false };

/** A screen without the SDK: a stock socket.io-client and the client's rule, written out. */
export class PlainScreen implements ChaosScreen {
  executed = 0;
  readonly #url: string;
  readonly #options: ScreenOptions;
  readonly #host: ScreenHost;
  readonly #asShipped: boolean;
  readonly #screenId: string;
  readonly #stream: string;
  readonly #queue: Arrival[] = [];
  #place: Place | undefined;
  #socket: Socket;
  #sockets = 0;
  #running = false;
  #closed = false;

  constructor(url: string, options: ScreenOptions, host: ScreenHost, asShipped = false) {
    this.#url = url;
    this.#options = options;
    this.#host = host;
    this.#asShipped = asShipped;
    this.#screenId = options.credential.screenId;
    this.#stream = `screen:${this.#screenId}`;
    this.#place = readPlace(options.storePath);
    this.#socket = this.#connect();
  }

  get online(): boolean {
    return this.#socket.connected;
  }

  /** A second connection while the first still stands, as after a network that swallows the end of the first. */
  duplicate(): void {
    const older = this.#socket;
    this.#socket = this.#connect();
    // The server may have ended it for good or not; two sockets of one client must not take turns.
    older.io.reconnection(false);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#socket.disconnect();
  }

  #connect(): Socket {
    const { credential, window, kind } = this.#options;
    const instanceId = uuidv7();
    let sent: Announced = { window: 1 };
    const socket = connectAnew(this.#url, {
      auth: (give) => {
        const own = {
          token: credential.accessToken,
          ...(this.#asShipped ? {} : { ackTimeoutMs: ACK_TIMEOUT_MS }),
        };
        // A stock client announces nothing and leaves its offset to the server.
        if (kind === 'stock') return give(own);
        const place = this.#place;
        sent = { window, ...(place ? { resumeEpoch: place.epoch, resumeSeq: place.done } : {}) };
        const resume = place && { epoch: place.epoch, streams: { [this.#stream]: place.done } };
        give({ ...own, instanceId, window, ...(resume ? { resume } : {}) });
      },
      transports: ['websocket'],
      ...(this.#asShipped ? {} : HASTY),
    });
    let name = '';
    socket.on('ready', (ready: Ready) => {
      this.#sockets += 1;
      name = `${process.pid}:${this.#sockets}`;
      this.#onReady(name, ready, sent);
    });
    const take = (entry: Entry, answer: (receipt: Receipt) => void) =>
      this.#take({ socket, name, entry, answer });
    socket.on('trigger', take);
    socket.on('navigate', take);
    socket.on('disconnect', (reason) => {
      this.#host.write({ kind: 'shut', screen: this.#screenId, socket: name });
      this.#host.changed();
      // Beaten by an older one of ours that came in later, at another node: that one does not come back, so they take no turns.
      if (reason === 'io server disconnect' && socket === this.#socket && !this.#closed) socket.connect();
    });
    socket.on('connect_error', (error: Error & { data?: unknown }) => {
      if (error.data && socket === this.#socket && !this.#closed) {
        this.#host.fault(`${this.#screenId} was refused: ${JSON.stringify(error.data)}`);
      }
    });
    return socket;
  }

  #onReady(socket: string, ready: Ready, sent: Announced): void {
    const state = ready.streams[this.#stream];
    const recovered = state?.recovered ?? false;
    const { epoch } = ready;
    this.#host.write({ kind: 'open', screen: this.#screenId, socket, epoch, recovered, ...sent });
    const place = this.#place;
    if (!place) this.#place = { epoch, done: 0, started: 0, executed: [], earlier: [] };
    else if (place.epoch !== epoch || !recovered) {
      const earlier = [...place.earlier, ...place.executed].slice(-REMEMBERED);
      this.#place = { epoch, done: state?.acked ?? 0, started: 0, executed: [], earlier };
    }
    this.#host.changed();
  }

  #take(arrival: Arrival): void {
    const { id, stream, seq, prev = 0, attempt, epoch } = arrival.entry;
    const place = { screen: this.#screenId, socket: arrival.name, id, stream, seq };
    this.#host.write({ kind: 'got', ...place, prev, attempt, epoch });
    this.#queue.push(arrival);
    if (!this.#running) void this.#serve();
  }

  /** One entry at a time; what was not begun when its socket closes is forgotten. */
  async #serve(): Promise<void> {
    this.#running = true;
    for (let next = this.#queue.shift(); next; next = this.#queue.shift()) {
      if (next.socket.connected) await this.#turn(next);
    }
    this.#running = false;
  }

  async #turn(arrival: Arrival): Promise<void> {
    const { entry } = arrival;
    const place = this.#place;
    if (!place) return;
    const { seq, prev = 0, id, requeueOf } = entry;
    if (seq <= place.done) return this.#answer(arrival, { status: 'executed' });
    if (prev > place.done) return;
    if (isRepeat(place, id, requeueOf)) {
      this.#finish(place, entry);
      this.#host.write({ kind: 'done', screen: this.#screenId, id, seq });
      return this.#answer(arrival, { status: 'executed' });
    }
    if (this.#options.policy === 'at-most-once' && place.started === seq)
      return this.#answer(arrival, INTERRUPTED);
    const wanted = instructionsOf(entry);
    if (wanted.do === 'silent') return;
    if (wanted.do === 'reject') {
      return this.#answer(arrival, { status: 'failed', error: 'rejected', retryable: false });
    }
    if (wanted.do === 'fail' && (!wanted.once || entry.attempt === 1)) {
      return this.#answer(arrival, { status: 'failed', error: 'failed' });
    }
    await this.#run(place, entry, wanted.takesMs ?? 0);
    this.#answer(arrival, { status: 'executed' });
  }

  async #run(place: Place, entry: Entry, takesMs: number): Promise<void> {
    const { id, stream, seq, epoch, attempt } = entry;
    this.#host.reach('before-run');
    this.#keep({ ...place, started: seq });
    this.#host.write({ kind: 'run', screen: this.#screenId, id, stream, seq, epoch, attempt });
    if (takesMs > 0) await pause(takesMs);
    this.#host.reach('after-run');
    this.#finish(this.#place ?? place, entry);
    this.#host.write({ kind: 'done', screen: this.#screenId, id, seq });
    this.#host.reach('after-store');
    this.executed += 1;
    this.#host.changed();
  }

  /** An answer of an earlier connection never goes out, except from a stock client, which does not know better. */
  #answer({ socket, name, entry, answer }: Arrival, receipt: Receipt): void {
    const { id, stream, seq } = entry;
    const isStock = this.#options.kind === 'stock';
    if (!isStock && !socket.connected) return;
    const retryable = receipt.status === 'failed' && receipt.retryable !== false;
    const place = { screen: this.#screenId, socket: name, id, stream, seq };
    this.#host.write({ kind: 'answer', ...place, status: receipt.status, retryable });
    answer(isStock ? receipt : { ...receipt, stream, seq });
  }

  #finish(place: Place, { seq, id, requeueOf }: Entry): void {
    const ids = requeueOf === undefined ? [id] : [id, requeueOf];
    const executed = [...place.executed, ...ids].slice(-REMEMBERED);
    this.#keep({ ...place, done: seq, started: 0, executed });
  }

  #keep(place: Place): void {
    this.#place = place;
    if (this.#options.inMemory) return;
    writeFileSync(`${this.#options.storePath}.new`, JSON.stringify(place));
    renameSync(`${this.#options.storePath}.new`, this.#options.storePath);
  }
}

function isRepeat({ executed, earlier }: Place, id: string, requeueOf: string | undefined): boolean {
  if (earlier.includes(id)) return true;
  return requeueOf !== undefined && (executed.includes(requeueOf) || earlier.includes(requeueOf));
}

function readPlace(path: string): Place | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Place;
  } catch {
    return undefined;
  }
}
