import { Duplex } from 'node:stream';

/** What the stream needs of the thread behind it. */
export interface PglitePort {
  /** Resolves when the thread takes statements. */
  ready(): Promise<void>;
  send(bytes: Uint8Array): void;
  /** The stream's owner is gone; `busy` while an answer is owed. */
  detach(stream: PgliteStream, busy: boolean): void;
  attach(stream: PgliteStream): void;
}

/** The first message has no type, only its length. The engine, long started, would end itself upon it. */
const STARTUP = 0;
/** AuthenticationOk and ReadyForQuery. */
const GREETING = Buffer.from('R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I', 'latin1');
/** The client's goodbye; the engine stays for the next one. */
const TERMINATE = 'X'.charCodeAt(0);

/** Looks like a socket to `pg`, so that both profiles share one driver, its types, its errors and its pool. */
export class PgliteStream extends Duplex {
  readonly #port: PglitePort;
  #owed = 0;

  constructor(port: PglitePort) {
    super();
    this.#port = port;
  }

  connect(): this {
    this.#port.attach(this);
    this.#port.ready().then(
      () => this.emit('connect'),
      (error: Error) => this.destroy(error),
    );
    return this;
  }

  /** The thread's answer to one `send`. */
  receive(bytes: Uint8Array): void {
    this.#owed -= 1;
    if (bytes.length > 0) this.push(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }

  override _read(): void {}

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    if (chunk[0] === STARTUP) {
      this.push(GREETING);
    } else if (chunk[0] !== TERMINATE) {
      this.#owed += 1;
      this.#port.send(chunk);
    }
    done();
  }

  /** `pg` corks the messages of one statement: they travel as one. */
  override _writev(chunks: { chunk: Uint8Array }[], done: () => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'utf8', done);
  }

  override _final(done: () => void): void {
    this.push(null);
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#port.detach(this, this.#owed > 0);
    done(error);
  }

  setNoDelay(): this {
    return this;
  }

  setKeepAlive(): this {
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }
}
