import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { Wire } from '../../../packages/server/dist/chaos/tcp-proxy.js';

/** Linux sends again after 200 ms, what opens a connection after 1 s; each time twice as long after the last. */
const FIRST_RESEND_MS = 200;
const FIRST_RESEND_OF_OPENING_MS = 1000;

/**
 * One person's way to the server. While it is cut, packets vanish: nobody is told, neither by FIN nor by RST. What was sent meanwhile comes
 * after the cut when TCP would have sent it again, with the pauses that have grown by then. After a cut of the kind `forgotten` the
 * connections from before it carry nothing any more, and nobody is told of that either, as when a NAT has forgotten them.
 */
export async function startSignalProxy(targetPort) {
  const network = { isCut: false, delayMs: 0, onMend: new Set() };
  const lines = new Set();
  const listener = createServer((client) => {
    const line = new Line(network, client, targetPort);
    lines.add(line);
    client.on('close', () => lines.delete(line));
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    port: listener.address().port,
    /** Each way takes so much longer. */
    delay(delayMs) {
      network.delayMs = delayMs;
    },
    cut({ kind }) {
      network.isCut = true;
      if (kind === 'forgotten') for (const line of lines) line.forget();
    },
    mend() {
      network.isCut = false;
      for (const wake of [...network.onMend]) wake();
    },
    async close() {
      listener.close();
      for (const line of lines) line.destroy();
      await once(listener, 'close');
    },
  };
}

/** One connection through the proxy. */
class Line {
  #network;
  #client;
  #server;
  #isForgotten = false;

  constructor(network, client, targetPort) {
    this.#network = network;
    this.#client = client;
    client.on('error', () => {});
    client.pause();
    const opening = new Way(network, FIRST_RESEND_OF_OPENING_MS);
    opening.send(() => {
      if (client.destroyed) return;
      this.#server = connect(targetPort, '127.0.0.1')
        .setNoDelay()
        .on('error', () => {});
      this.#join(client, this.#server);
      this.#join(this.#server, client);
      client.resume();
    });
    client.setNoDelay();
  }

  forget() {
    this.#isForgotten = true;
  }

  destroy() {
    this.#client.destroy();
    this.#server?.destroy();
  }

  #join(from, to) {
    const way = new Way(this.#network, FIRST_RESEND_MS);
    const wire = new Wire();
    const pass = (task) =>
      wire.pass(() => way.send(() => !this.#isForgotten && !to.destroyed && task()), this.#network.delayMs);
    from.on('data', (chunk) => pass(() => to.write(chunk)));
    from.on('end', () => pass(() => to.end()));
    from.on('close', () => pass(() => to.destroy()));
  }
}

/** One direction: what cannot pass now passes later, in order. */
class Way {
  #network;
  #firstResendMs;
  #held = [];
  #heldSince = 0;
  #timer;

  constructor(network, firstResendMs) {
    this.#network = network;
    this.#firstResendMs = firstResendMs;
  }

  send(task) {
    if (!this.#network.isCut && this.#held.length === 0) return task();
    if (this.#held.length === 0) {
      this.#heldSince = performance.now();
      this.#network.onMend.add(this.#onMend);
    }
    this.#held.push(task);
  }

  #onMend = () => {
    clearTimeout(this.#timer);
    const age = performance.now() - this.#heldSince;
    let due = this.#firstResendMs;
    for (let pause = due * 2; due < age; pause *= 2) due += pause;
    this.#timer = setTimeout(() => this.#flush(), due - age);
  };

  #flush() {
    if (this.#network.isCut) return;
    this.#network.onMend.delete(this.#onMend);
    for (const task of this.#held.splice(0)) task();
  }
}
