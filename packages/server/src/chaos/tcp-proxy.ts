import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface TcpProxy {
  port: number;
  /** Of the URL given, through the proxy. */
  url(original: string): string;
  /** Milliseconds each chunk waits, both ways, from now on. */
  delay(delayMs: number): void;
  /** Chunks of this direction vanish from now on; the connections stay up. `none` lets all pass again. */
  swallow(direction: 'to-server' | 'to-client' | 'both' | 'none'): void;
  /** Resets every connection. */
  cut(): void;
  /** Resets the connection whose client next sends these bytes; the server still gets them (or not). */
  cutAfter(text: string, options?: { forward?: boolean }): void;
  /** New connections are reset at once until `accept(true)`. */
  accept(accepting: boolean): void;
  connections(): number;
  /** Resets the connections that go to other ports than these. */
  cutOthers(ports: readonly number[]): void;
  /** No delay and no loss any more. What lost bytes is reset: its stream means nothing now. */
  heal(): void;
  close(): Promise<void>;
}

interface Pair {
  client: Socket;
  server: Socket;
  target: number;
}

/** One direction of a connection: what goes in comes out in the same order, also when the delay ends with some of it on its way. */
export class Wire {
  readonly #tasks: { dueAt: number; task: () => void }[] = [];
  #timer: NodeJS.Timeout | undefined;

  pass(task: () => void, delayMs: number): void {
    if (delayMs === 0 && this.#tasks.length === 0) {
      task();
      return;
    }
    this.#tasks.push({ dueAt: performance.now() + delayMs, task });
    this.#timer ??= setTimeout(() => this.#run(), delayMs);
  }

  #run(): void {
    this.#timer = undefined;
    while (this.#tasks[0] && this.#tasks[0].dueAt <= performance.now()) this.#tasks.shift()?.task();
    const [next] = this.#tasks;
    if (next) this.#timer = setTimeout(() => this.#run(), next.dueAt - performance.now());
  }
}

/**
 * Between a client and a server on the loopback: what a network may do to them.
 * @param target the port, or what tells it for each new connection
 * @param localAddress of the loopback, from which the server sees them come
 */
export async function startTcpProxy(
  target: number | (() => number),
  targetHost = '127.0.0.1',
  localAddress?: string,
): Promise<TcpProxy> {
  const targetPort = typeof target === 'number' ? () => target : target;
  const pairs = new Set<Pair>();
  let delayMs = 0;
  let swallowed: 'to-server' | 'to-client' | 'both' | 'none' = 'none';
  let trigger: { text: string; forward: boolean } | undefined;
  let accepting = true;

  const reset = ({ client, server }: Pair) => {
    client.resetAndDestroy();
    server.destroy();
  };
  const onClientData = (pair: Pair, wire: Wire, chunk: Buffer) => {
    if (trigger && chunk.includes(trigger.text)) {
      const { forward } = trigger;
      trigger = undefined;
      pair.client.resetAndDestroy();
      // The server reads what was sent before it sees the end of the connection.
      if (forward) pair.server.end(chunk);
      else pair.server.destroy();
      return;
    }
    if (swallowed === 'to-server' || swallowed === 'both') return;
    wire.pass(() => pair.server.write(chunk), delayMs);
  };

  const listener = createServer((client) => {
    if (!accepting) return client.resetAndDestroy();
    const port = targetPort();
    const server = connect({ port, host: targetHost, ...(localAddress ? { localAddress } : {}) });
    const pair = { client, server, target: port };
    pairs.add(pair);
    const toServer = new Wire();
    const toClient = new Wire();
    pair.client.on('data', (chunk) => onClientData(pair, toServer, chunk));
    pair.server.on('data', (chunk) => {
      if (swallowed === 'to-client' || swallowed === 'both') return;
      toClient.pass(() => pair.client.write(chunk), delayMs);
    });
    for (const [one, other, wire] of [
      [pair.client, pair.server, toServer],
      [pair.server, pair.client, toClient],
    ] as const) {
      one.on('error', () => {});
      one.on('end', () => wire.pass(() => other.end(), delayMs));
      one.on('close', () => {
        pairs.delete(pair);
        wire.pass(() => other.destroy(), delayMs);
      });
    }
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const address = listener.address();
  if (address === null || typeof address === 'string') throw new Error('No port');

  return {
    port: address.port,
    url(original) {
      const url = new URL(original);
      url.hostname = '127.0.0.1';
      url.port = String(address.port);
      return url.href;
    },
    delay(milliseconds) {
      delayMs = milliseconds;
    },
    swallow(direction) {
      swallowed = direction;
    },
    cut() {
      for (const pair of pairs) reset(pair);
    },
    cutAfter(text, { forward = true } = {}) {
      trigger = { text, forward };
    },
    accept(value) {
      accepting = value;
    },
    connections: () => pairs.size,
    cutOthers(ports) {
      for (const pair of pairs) if (!ports.includes(pair.target)) reset(pair);
    },
    heal() {
      const lossy = swallowed !== 'none';
      delayMs = 0;
      swallowed = 'none';
      accepting = true;
      if (lossy) for (const pair of pairs) reset(pair);
    },
    async close() {
      listener.close();
      for (const pair of pairs) reset(pair);
      await once(listener, 'close');
    },
  };
}

/** As `startTcpProxy`, to where a URL points. */
export function startTcpProxyTo(url: string, defaultPort: number): Promise<TcpProxy> {
  const { hostname, port } = new URL(url);
  return startTcpProxy(Number(port || defaultPort), hostname);
}
