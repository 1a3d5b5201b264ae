import { randomUUID } from 'node:crypto';
import { Wire } from '../../lib/wire.mjs';
import { Listener } from './listener.mjs';

const SDP = 'v=0\r\n'.repeat(200);
const ROOM_EVENTS = new Set([
  'message',
  'user-joined',
  'user-reconnecting',
  'user-returned',
  'user-left',
  'room-closed',
]);

/** Somebody who comes to one room and goes, by all ways there are. Each verb resolves when it has been answered. */
export class Guest {
  #url;
  #token;
  #roomId;
  #random;
  #ledger;
  #wire;
  #instanceId = randomUUID();
  /** The seat that may be taken again. */
  #seat;
  #listener;
  #asked = new Set();

  constructor({ url, token, roomId, maxUsers, random, ledger }) {
    this.#url = url;
    this.#token = token;
    this.#roomId = roomId;
    this.#random = random;
    this.#ledger = ledger;
    const fault = (text) => ledger.fault(`${roomId}: ${text}`);
    this.#listener = new Listener({ maxUsers, fault });
  }

  get isConnected() {
    return this.#wire !== undefined;
  }

  get isSeated() {
    return this.#listener.participantId !== undefined;
  }

  get hasLostSeat() {
    return this.#wire === undefined && this.#seat !== undefined;
  }

  get participantId() {
    return this.#listener.participantId;
  }

  get others() {
    return this.#listener.others;
  }

  async connect() {
    this.#wire = await this.#open();
  }

  /** @returns the code of the refusal, or undefined. */
  async create(settings) {
    return this.#enter('create-room', { roomId: this.#roomId, name: 'Churn', ...settings });
  }

  async join() {
    return this.#enter('join-room', { roomId: this.#roomId });
  }

  /** The same page comes back after its socket was lost. */
  async comeBack() {
    await this.connect();
    return this.#takeAgain('returns');
  }

  /** A new page, whose predecessor's socket may live on or be lost: the seat is taken over. */
  async reload() {
    const older = this.#wire;
    this.#instanceId = randomUUID();
    this.#listener.leave();
    if (older) this.#silence(older);
    await this.connect();
    const refusal = await this.#takeAgain('reloads');
    older?.close();
    return refusal;
  }

  async leave() {
    const left = () => {
      this.#listener.leave();
      this.#seat = undefined;
    };
    return this.#count('leaves', await this.#ask('leave-room', { roomId: this.#roomId }, left));
  }

  /** As a cable that is pulled. */
  async lose() {
    this.drop();
    this.#ledger.count('losses');
  }

  async message() {
    const id = randomUUID();
    const answer = await this.#ask('message', {
      id,
      timestamp: Date.now(),
      roomId: this.#roomId,
      data: 'hello',
    });
    if (answer.success) this.#listener.sent(answer.seq);
    return this.#count('messages', answer);
  }

  async signal() {
    const others = [...this.#listener.others.keys()];
    if (others.length === 0) return undefined;
    const to = this.#random.pick(others);
    const head = { roomId: this.#roomId, to, negotiationId: randomUUID() };
    const offered = this.#ask('signal', { ...head, description: { type: 'offer', sdp: SDP } });
    const candidate = await this.#ask('signal', {
      ...head,
      candidate: { candidate: 'candidate:1', sdpMid: '0' },
    });
    return this.#count('signals', candidate.success ? await offered : candidate);
  }

  async kick(participantId) {
    return this.#count('kicks', await this.#ask('kick', { roomId: this.#roomId, participantId }));
  }

  async admit(participantId) {
    return this.#count('admissions', await this.#ask('admit', { roomId: this.#roomId, participantId }));
  }

  /** Nothing may be missing, and nobody there, when all others are gone. */
  checkAlone() {
    const left = this.#listener.others.size;
    if (left > 0) this.#ledger.fault(`${this.#roomId}: ${left} are there who have gone`);
    const missing = this.#listener.missing();
    if (missing > 0) this.#ledger.fault(`${this.#roomId}: ${missing} messages never came`);
  }

  drop() {
    if (this.#wire === undefined) return;
    this.#silence(this.#wire);
    this.#wire.close();
    this.#wire = undefined;
    this.#listener.leave();
  }

  forget() {
    this.#seat = undefined;
  }

  async #enter(event, payload) {
    const answer = await this.#ask(event, payload, (joined) => this.#sit(joined));
    return this.#count('joins', answer);
  }

  async #takeAgain(what) {
    const payload = { roomId: this.#roomId, participantId: this.#seat };
    this.#seat = undefined;
    const answer = await this.#ask('join-room', payload, (joined) => this.#sit(joined));
    return this.#count(what, answer);
  }

  #sit(joined) {
    this.#listener.seat(joined);
    this.#seat = joined.participantId;
  }

  async #open() {
    const auth = { token: this.#token, instanceId: this.#instanceId };
    const wire = await Wire.connect(this.#url, auth);
    wire.onEvent = (event, payload) => {
      if (wire !== this.#wire) return;
      if (event === 'signal') this.#ledger.count('signalsHeard');
      if (ROOM_EVENTS.has(event)) this.#listener.hear(event, payload);
      if (!this.isSeated && event === 'user-left' && payload.reason === 'kicked') this.#seat = undefined;
    };
    wire.onClose = () => {
      if (wire !== this.#wire) return;
      this.#ledger.fault(`${this.#roomId}: the server closed a socket`);
      this.#wire = undefined;
      this.#listener.leave();
      for (const resolve of this.#asked) resolve({ success: false, error: { code: 'CLOSED' } });
    };
    return wire;
  }

  #silence(wire) {
    wire.onEvent = () => {};
    wire.onClose = () => {};
  }

  /** `onSuccess` runs in the turn of the answer: what follows it on the wire finds the seat taken. */
  #ask(event, payload, onSuccess) {
    const wire = this.#wire;
    return new Promise((resolve) => {
      const onAck = (text) => {
        const [answer] = JSON.parse(text);
        if (answer.success && wire === this.#wire) onSuccess?.(answer);
        this.#asked.delete(resolve);
        resolve(answer);
      };
      this.#asked.add(resolve);
      wire.send(event, JSON.stringify(payload), onAck);
    });
  }

  #count(what, answer) {
    if (answer.success) {
      this.#ledger.count(what);
      if (answer.stale) this.#ledger.count('stale');
      return undefined;
    }
    const { code } = answer.error;
    this.#ledger.refused(what, code);
    return code;
  }
}
