import { WebSocket } from 'ws';

/**
 * Socket.IO by hand over `ws`: Engine.IO 4 and Socket.IO 5 as text frames, websocket only. A load generator made of
 * socket.io-client would be the limit of what it measures.
 */
export class Wire {
  #socket;
  #acks = new Map();
  #nextAck = 0;
  #corked = false;
  /** (name, payload, answer) for each event; `answer` is undefined where none is wanted. */
  onEvent = () => {};
  onClose = () => {};
  /** Sees each frame's bytes first; true where it needs no more. What counts deliveries must not decode them. */
  tap = undefined;
  /** What `ready` said. */
  ready = undefined;

  /** Resolves once the namespace is joined and, where the server sends one, `ready` has come. `onEvent` misses nothing after it. */
  static connect(url, auth, { waitForReady = true, onEvent, localAddress } = {}) {
    const wire = new Wire();
    if (onEvent) wire.onEvent = onEvent;
    return new Promise((resolve, reject) => {
      const endpoint = `${url.replace(/^http/, 'ws')}/socket.io/?EIO=4&transport=websocket`;
      const socket = new WebSocket(endpoint, {
        perMessageDeflate: false,
        skipUTF8Validation: true,
        ...(localAddress === undefined ? {} : { localAddress }),
      });
      wire.#socket = socket;
      socket.on('error', reject);
      socket.on('close', () => {
        reject(new Error('closed before it was ready'));
        wire.onClose();
      });
      socket.on('message', (data) => {
        if (wire.tap?.(data)) return;
        const frame = data.toString();
        if (frame[0] === '0') socket.send(`40${JSON.stringify(auth)}`);
        else if (frame[0] === '2') socket.send('3');
        else if (frame.startsWith('43')) wire.#settle(frame);
        else if (frame.startsWith('40') && !waitForReady) resolve(wire);
        else if (frame.startsWith('44')) reject(new Error(`refused: ${frame}`));
        else if (frame.startsWith('42["ready"')) {
          wire.ready = JSON.parse(frame.slice(2))[1];
          resolve(wire);
        } else if (frame.startsWith('42')) wire.#hear(frame);
      });
    });
  }

  /** `json` is the payload as JSON text. `onAck` gets the ack's arguments as JSON text: `[{"success":true,…}]`. */
  send(event, json, onAck) {
    const id = this.#nextAck;
    this.#nextAck += 1;
    this.#acks.set(id, onAck);
    this.#write(`42${id}["${event}",${json}]`);
  }

  /** What is sent in one turn leaves in one system call. */
  #write(frame) {
    if (!this.#corked) {
      this.#corked = true;
      const { _socket: tcp } = this.#socket;
      tcp?.cork();
      process.nextTick(() => {
        this.#corked = false;
        tcp?.uncork();
      });
    }
    this.#socket.send(frame);
  }

  close() {
    this.#socket.terminate();
  }

  #settle(frame) {
    const start = frame.indexOf('[');
    const id = Number(frame.slice(2, start));
    const onAck = this.#acks.get(id);
    this.#acks.delete(id);
    onAck?.(frame.slice(start));
  }

  #hear(frame) {
    const start = frame.indexOf('[');
    const id = frame.slice(2, start);
    const [name, payload] = JSON.parse(frame.slice(start));
    const answer = id === '' ? undefined : (json) => this.#write(`43${id}[${json}]`);
    this.onEvent(name, payload, answer);
  }
}
