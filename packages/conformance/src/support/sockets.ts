import {
  type Accepted,
  AcceptedSchema,
  type Entry,
  ErrorResponseSchema,
  type Ready,
  type WireError,
} from '@bongsu/protocol';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { expect } from 'vitest';
import { type Place, Places } from './places.js';

export type Options = Partial<ManagerOptions & SocketOptions>;

const PATIENCE_MS = 10_000;

/** Every socket of a suite, so that none outlives it. */
export class Sockets {
  private readonly open = new Set<Socket>();

  readonly places: Places;

  /** @param at where: in turn, when there are several */
  constructor(at: string | readonly Place[]) {
    const [first, ...others] = typeof at === 'string' ? [{ url: at }] : at;
    if (!first) throw new Error('Sockets need a place to connect to');
    this.places = new Places([first, ...others]);
  }

  /** A stock client, not connected yet. Reconnection is off unless asked for, so that a test sees what the server did. */
  make(auth: unknown, options: Options = {}): Socket {
    const place = this.places.next();
    const socket = io(place.url, {
      auth: auth as Record<string, unknown>,
      autoConnect: false,
      forceNew: true,
      reconnection: false,
      transports: ['websocket'],
      ...(place.headers ? { extraHeaders: place.headers } : {}),
      ...options,
    });
    this.places.watch(socket, place);
    this.open.add(socket);
    return socket;
  }

  /** Connects and waits for `ready`. Listeners that must hear everything are attached by `prepare`. */
  async connect(
    auth: Record<string, unknown>,
    prepare: (socket: Socket) => void = () => undefined,
    options: Options = {},
  ): Promise<{ socket: Socket; ready: Ready }> {
    const socket = this.make(auth, options);
    prepare(socket);
    const ready = nextEvent<Ready>(socket, 'ready');
    const refused = new Promise<never>((_, reject) => socket.once('connect_error', reject));
    socket.connect();
    return { socket, ready: await Promise.race([ready, refused]) };
  }

  /** Connects and expects a refusal: what came as `connect_error.data`. */
  async refusal(auth: unknown, options: Options = {}): Promise<WireError> {
    const socket = this.make(auth, options);
    const refused = nextEvent<Error & { data?: WireError }>(socket, 'connect_error');
    const let_in = nextEvent(socket, 'connect').then(() => {
      throw new Error('the handshake was not refused');
    });
    socket.connect();
    const error = await Promise.race([refused, let_in]);
    let_in.catch(() => undefined);
    socket.disconnect();
    expect(error.data, `connect_error without data: ${error.message}`).toBeDefined();
    return error.data as WireError;
  }

  closeAll(): void {
    for (const socket of this.open) socket.disconnect();
    this.open.clear();
  }
}

/** The next event of that name; rejects after ten seconds, so that a missing one has a name in the report. */
export function nextEvent<Payload>(socket: Socket, event: string): Promise<Payload> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      socket.off(event, heard);
      reject(new Error(`no "${event}" within ${PATIENCE_MS} ms`));
    }, PATIENCE_MS);
    const heard = (payload: Payload) => {
      clearTimeout(timer);
      resolve(payload);
    };
    socket.once(event, heard);
  });
}

/** Emits with whatever arguments and returns the ack, whatever it is. */
export function send(socket: Socket, event: string, ...args: unknown[]): Promise<unknown> {
  return socket.timeout(PATIENCE_MS).emitWithAck(event, ...args);
}

/** Asserts `{success:true}` with the shape of an accepted command. */
export function expectAccepted(answer: unknown): Accepted {
  expect(answer).toMatchObject({ success: true });
  return AcceptedSchema.parse(answer);
}

/** Asserts `{success:false}` with this code, and returns the error. */
export function expectRefused(answer: unknown, code: string): WireError {
  expect(answer).toMatchObject({ success: false, error: { code } });
  return ErrorResponseSchema.parse(answer).error as WireError;
}

export type Answering = (entry: Entry) => unknown;

/** A screen made of a stock client: collects entries and answers each by `answer`; undefined means no answer. */
export class StockScreen {
  readonly entries: Entry[] = [];
  private readonly waiting = new Set<() => void>();

  private constructor(
    readonly socket: Socket,
    public answer: Answering,
  ) {
    for (const event of ['trigger', 'navigate']) {
      socket.on(event, (entry: Entry, ack: (receipt: unknown) => void) => {
        this.entries.push(entry);
        const receipt = this.answer(entry);
        if (receipt !== undefined) ack(receipt);
        for (const check of this.waiting) check();
      });
    }
  }

  static async connect(
    sockets: Sockets,
    auth: Record<string, unknown>,
    answer: Answering = () => ({ status: 'executed' }),
  ): Promise<StockScreen & { ready: Ready }> {
    let screen: StockScreen | undefined;
    const { ready } = await sockets.connect(auth, (socket) => {
      screen = new StockScreen(socket, answer);
    });
    if (!screen) throw new Error('never prepared');
    return Object.assign(screen, { ready });
  }

  /** Resolves when `count` entries have come. */
  received(count: number): Promise<Entry[]> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiting.delete(check);
        reject(new Error(`${this.entries.length} of ${count} entries within ${PATIENCE_MS} ms`));
      }, PATIENCE_MS);
      const check = () => {
        if (this.entries.length < count) return;
        clearTimeout(timer);
        this.waiting.delete(check);
        resolve(this.entries);
      };
      this.waiting.add(check);
      check();
    });
  }

  get ids(): string[] {
    return this.entries.map(({ id }) => id);
  }
}
