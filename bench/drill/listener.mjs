import { randomUUID } from 'node:crypto';
import { io } from 'socket.io-client';

const AGAIN_MS = 250;

/**
 * Somebody in a room with a stock socket.io-client, by docs/protocol.md. The SDK drops what comes again and puts in order what does not come
 * so; here what the server sends is what is judged.
 */
export class Listener {
  heard = [];
  gaps = [];
  state = 'connecting';
  #roomId;
  #stream;
  #socket;
  #place;
  #participantId;
  #told;

  /** @param options.told {state, message, fault}: called with each change of state, each message and each fault */
  constructor({ url, token, roomId, told }) {
    this.#roomId = roomId;
    this.#stream = `room:${roomId}`;
    this.#told = told;
    const instanceId = randomUUID();
    const socket = io(url, {
      auth: (give) => give({ token, instanceId, ...this.#resume() }),
      transports: ['websocket'],
      forceNew: true,
    });
    this.#socket = socket;
    socket.on('ready', (ready) => this.#onReady(ready));
    socket.on('message', (entry) => this.#onMessage(entry));
    socket.on('disconnect', () => this.#setState('offline'));
    socket.on('connect_error', ({ data }) => data && told.fault(`refused: ${JSON.stringify(data)}`));
  }

  close() {
    this.#socket.disconnect();
  }

  #resume() {
    if (this.#place === undefined) return {};
    const { epoch, seq } = this.#place;
    return { resume: { epoch, streams: { [this.#stream]: seq } } };
  }

  #onReady({ epoch, streams }) {
    const state = streams?.[this.#stream];
    // Of a room that is left out the join tells.
    if (state !== undefined && !state.recovered) this.#jump(epoch, state.lastSeq);
    this.#join(this.#socket.id);
  }

  #join(socketId) {
    const known = this.#participantId === undefined ? {} : { participantId: this.#participantId };
    this.#socket.emit('join-room', { roomId: this.#roomId, ...known }, (answer) => {
      if (socketId !== this.#socket.id) return;
      if (answer.success) this.#onJoined(answer);
      else if (answer.error.retryable) setTimeout(() => this.#joinAgain(socketId), AGAIN_MS);
      else this.#told.fault(`a seat was refused: ${answer.error.code}`);
    });
  }

  #joinAgain(socketId) {
    if (socketId === this.#socket.id) this.#join(socketId);
  }

  #onJoined({ participantId, epoch, lastSeq, resumed }) {
    this.#participantId = participantId;
    if (this.#place === undefined) this.#place = { epoch, seq: lastSeq };
    else if (!resumed && lastSeq > this.#place.seq) this.#jump(epoch, lastSeq);
    this.#setState('online');
  }

  #onMessage(entry) {
    if (entry.stream !== this.#stream) return;
    this.heard.push(entry.seq);
    this.#place = { epoch: entry.epoch, seq: Math.max(entry.seq, this.#place?.seq ?? 0) };
    this.#told.message(entry);
  }

  #jump(epoch, lastSeq) {
    this.gaps.push({ after: this.#place?.seq ?? 0, lastSeq });
    this.#place = { epoch, seq: lastSeq };
  }

  #setState(state) {
    this.state = state;
    this.#told.state({ state });
  }
}
