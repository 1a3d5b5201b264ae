import { createSocket, type Socket } from 'node:dgram';
import { EventEmitter, once } from 'node:events';

export interface UdpProxy {
  port: number;
  /** From now on nothing passes, either way; the target's side keeps its ports. */
  cut(): void;
  /** All passes again, under the same ports as before. */
  mend(): void;
  /** Datagrams that went on their way, of both directions. */
  passed(): number;
  /** Datagrams that were swallowed, of both directions. */
  dropped(): number;
  /** Resolves when the next datagram is swallowed. */
  nextDrop(): Promise<void>;
  close(): Promise<void>;
}

const LOOPBACK = '127.0.0.1';

async function openSocket(port = 0): Promise<Socket> {
  const socket = createSocket('udp4').bind(port, LOOPBACK);
  await once(socket, 'listening');
  return socket;
}

/** Passes datagrams on, or swallows them. */
class Gate {
  readonly drops = new EventEmitter();
  open = true;
  passed = 0;
  dropped = 0;

  pass(send: () => void): void {
    if (this.open) {
      this.passed += 1;
      send();
    } else {
      this.dropped += 1;
      this.drops.emit('drop');
    }
  }
}

/** Between clients and a UDP server on the loopback: a network that goes away and comes back. Each client has one port at the server. */
export async function startUdpProxy(targetPort: number): Promise<UdpProxy> {
  const front = await openSocket();
  const upstreams = new Map<string, Promise<Socket>>();
  const gate = new Gate();
  let closed = false;

  const upstreamOf = (port: number, address: string): Promise<Socket> => {
    const key = `${address}:${port}`;
    const known = upstreams.get(key);
    if (known) return known;
    const opening = openSocket().then((upstream) =>
      upstream.on('message', (datagram) => gate.pass(() => front.send(datagram, port, address))),
    );
    upstreams.set(key, opening);
    return opening;
  };
  front.on('message', async (datagram, { port, address }) => {
    if (closed) return;
    const upstream = await upstreamOf(port, address);
    if (!closed) gate.pass(() => upstream.send(datagram, targetPort, LOOPBACK));
  });

  return {
    port: front.address().port,
    cut() {
      gate.open = false;
    },
    mend() {
      gate.open = true;
    },
    passed: () => gate.passed,
    dropped: () => gate.dropped,
    async nextDrop() {
      await once(gate.drops, 'drop');
    },
    async close() {
      closed = true;
      const all = [front, ...(await Promise.all(upstreams.values()))];
      await Promise.all(all.map((socket) => new Promise<void>((done) => socket.close(() => done()))));
    },
  };
}
