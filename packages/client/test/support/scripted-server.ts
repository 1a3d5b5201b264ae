import {
  createServer,
  type Server as HttpServer,
  type IncomingMessage,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket as TcpSocket } from 'node:net';
import type { ClientToServerEvents, HandshakeInput, Ready, ServerToClientEvents } from '@bongsu/protocol';
import { Server, type Socket } from 'socket.io';

export type ServerLink = Socket<ClientToServerEvents, ServerToClientEvents>;

export interface HttpCall {
  path: string;
  headers: IncomingMessage['headers'];
  body: Record<string, unknown> | undefined;
}
export interface HttpReply {
  status?: number;
  body?: unknown;
  headers?: Record<string, string>;
}

/** The wire's other end, told what to say: for answers that a healthy server gives rarely or never. */
export class ScriptedServer {
  readonly calls: HttpCall[] = [];
  readonly handshakes: (HandshakeInput & { at: number })[] = [];
  /** Answers HTTP. */
  onHttp: (call: HttpCall) => HttpReply | Promise<HttpReply> = () => ({ status: 404, body: {} });
  /** Called for each socket after `ready` is sent. */
  onLink: (link: ServerLink, handshake: HandshakeInput) => void = () => {};
  /** Refuses a handshake with this error, or lets it in. */
  admit: (handshake: HandshakeInput) => object | undefined = () => undefined;
  ready: Partial<Ready> = {};
  /** What `ready` says besides to this client. */
  readyOf: (handshake: HandshakeInput) => Partial<Ready> = () => ({});
  /** Milliseconds; takes effect at the next start. */
  heartbeat = { pingInterval: 25_000, pingTimeout: 5_000 };
  /** Answers websocket upgrades as a proxy without them does. */
  blockWebSockets = false;
  /** What each link came over. */
  readonly transports: string[] = [];
  /** The URL of each request of Engine.IO. */
  readonly requests: string[] = [];
  private http: HttpServer | undefined;
  private io: Server | undefined;
  private readonly tcp = new Set<TcpSocket>();
  private port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<this> {
    const http = createServer((request, response) => void this.answer(request, response));
    http.on('connection', (socket) => {
      this.tcp.add(socket);
      socket.on('close', () => this.tcp.delete(socket));
    });
    this.http = http;
    const io = new Server<ClientToServerEvents, ServerToClientEvents>(http, this.heartbeat);
    this.io = io;
    io.engine.on('headers', (_headers: object, request: IncomingMessage) =>
      this.requests.push(request.url ?? ''),
    );
    const upgrades = http.listeners('upgrade') as ((...args: unknown[]) => void)[];
    http.removeAllListeners('upgrade');
    http.on('upgrade', (request, socket, head) => {
      if (this.blockWebSockets) socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
      else for (const upgrade of upgrades) upgrade(request, socket, head);
    });
    io.use((socket, next) => {
      const handshake = socket.handshake.auth as HandshakeInput;
      this.handshakes.push({ ...handshake, at: performance.now() });
      const refusal = this.admit(handshake);
      next(refusal ? Object.assign(new Error('refused'), { data: refusal }) : undefined);
    });
    io.on('connection', (socket) => {
      this.transports.push(socket.conn.transport.name);
      socket.emit('ready', {
        protocol: 1,
        epoch: 'e1',
        serverTime: Date.now(),
        sessionId: 's',
        streams: {},
        ...this.ready,
        ...this.readyOf(socket.handshake.auth as HandshakeInput),
      });
      this.onLink(socket, socket.handshake.auth as HandshakeInput);
    });
    await new Promise<void>((resolve) => http.listen(this.port, '127.0.0.1', resolve));
    this.port = (http.address() as AddressInfo).port;
    return this;
  }

  /** Ends all at once, as kill -9 does; `start` brings it back on the same port. */
  async stop(): Promise<void> {
    for (const socket of this.tcp) socket.destroy();
    this.io?.close();
    await new Promise((resolve) => this.http?.close(resolve) ?? resolve(undefined));
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** The connections stay open, and nothing comes over them any more. */
  silence(): void {
    for (const link of this.io?.sockets.sockets.values() ?? []) {
      // What the network would swallow, our own farewell too.
      link.conn.transport.send = () => {};
      link.conn.transport.close = () => {};
    }
  }

  /** Cuts every connection and goes on listening. */
  cut(): void {
    for (const socket of this.tcp) socket.destroy();
  }

  private async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const text = Buffer.concat(chunks).toString();
    const body = text === '' ? undefined : (JSON.parse(text) as Record<string, unknown>);
    const call = { path: request.url ?? '', headers: request.headers, body };
    this.calls.push(call);
    const reply = await this.onHttp(call);
    response.writeHead(reply.status ?? 200, { 'content-type': 'application/json', ...reply.headers });
    response.end(typeof reply.body === 'string' ? reply.body : JSON.stringify(reply.body ?? {}));
  }
}

export function failure(code: string, extra: object = {}): { success: false; error: never } {
  return { success: false, error: { code, message: code, retryable: false, ...extra } as never };
}
