/** What goes over this window's sockets, seen from outside of the SDK: its offers, and which of them crossed another one. */
class SignalLog {
  #offers = 0;
  #crossed = 0;
  #lastAt = 0;
  /** Our offer that is not answered, and one of theirs that we have not answered. */
  #ours;
  #theirs;

  look() {
    return {
      offers: this.#offers,
      crossed: this.#crossed,
      isOpen: this.#ours !== undefined || this.#theirs !== undefined,
      idleMs: performance.now() - this.#lastAt,
    };
  }

  sent(payload) {
    this.#read(payload, (signal) => this.#onSent(signal));
  }

  received(payload) {
    this.#read(payload, (signal) => this.#onReceived(signal));
  }

  #read(payload, take) {
    const signal = signalOf(String(payload));
    if (!signal) return;
    this.#lastAt = performance.now();
    if (signal.description) take(signal);
  }

  #onSent({ negotiationId, description }) {
    if (description.type === 'offer') {
      this.#offers += 1;
      this.#ours = negotiationId;
    } else if (negotiationId === this.#theirs) this.#theirs = undefined;
  }

  #onReceived({ negotiationId, description, polite }) {
    if (description.type !== 'offer') {
      if (negotiationId === this.#ours) this.#ours = undefined;
      return;
    }
    if (this.#ours !== undefined) {
      this.#crossed += 1;
      // The other side ignores ours, or we ignore theirs.
      if (!polite) return;
      this.#ours = undefined;
    }
    this.#theirs = negotiationId;
  }
}

/** Of a Socket.IO event packet, with or without an ack's number. */
function signalOf(text) {
  const start = /^42\d*\["signal",/.test(text) ? text.indexOf('[') : -1;
  return start < 0 ? undefined : JSON.parse(text.slice(start))[1];
}

export const signalLog = new SignalLog();

/** Before the SDK is loaded, which takes the class as it then is. */
globalThis.WebSocket = class extends WebSocket {
  constructor(...given) {
    super(...given);
    this.addEventListener('message', ({ data }) => signalLog.received(data));
  }
  send(data) {
    signalLog.sent(data);
    super.send(data);
  }
};
