/**
 * One socket in a room, as its owner sees the room: holds each thing that it is told against what it was told before. Faults are texts.
 */
export class Listener {
  #fault;
  #maxUsers;
  /** participantId → 'joined' | 'reconnecting', of the others. */
  others = new Map();
  participantId;
  lastSeq;
  #lastSeat;

  constructor({ maxUsers, fault }) {
    this.#maxUsers = maxUsers;
    this.#fault = fault;
  }

  /** The answer of a join: who is there now. */
  seat({ participantId, existingUsers, lastSeq }) {
    this.participantId = participantId;
    this.#lastSeat = participantId;
    this.lastSeq = lastSeq;
    this.others = new Map(
      existingUsers.map(({ participantId, state }) => [participantId, state ?? 'joined']),
    );
    if (this.others.size !== existingUsers.length || this.others.has(participantId)) {
      this.#fault('somebody stands twice in existingUsers');
    }
    this.#count();
  }

  hear(event, payload) {
    if (event === 'message') return this.#hearMessage(payload);
    if (event === 'room-closed') return this.#unseat();
    if (event === 'user-left' && payload.participantId === this.#lastSeat) return this.#unseat();
    if (!event.startsWith('user-')) return;
    if (this.participantId === undefined) return this.#fault(`${event} without a seat`);
    this.#hearOf(event, payload);
  }

  leave() {
    this.#unseat();
  }

  #hearOf(event, { participantId, reason }) {
    const state = this.others.get(participantId);
    const expected = BEFORE[event];
    if (expected === undefined) return;
    if (!expected.includes(state)) this.#fault(`${event} of one who was ${state ?? 'not there'}`);
    if (event === 'user-left') {
      this.others.delete(participantId);
      if (reason === 'replaced') this.#fault('somebody else was told of a replaced socket');
    } else {
      this.others.set(participantId, event === 'user-reconnecting' ? 'reconnecting' : 'joined');
    }
    this.#count();
  }

  /** `seq` has no gap but for one's own messages; `ownSeqs` are those. */
  #hearMessage({ seq }) {
    if (this.participantId === undefined) return;
    for (let own = this.lastSeq + 1; this.ownSeqs.delete(own); own += 1) this.lastSeq = own;
    if (seq <= this.lastSeq) this.#fault(`message ${seq} after ${this.lastSeq}`);
    // An own message's ack may be on its way behind a later message of somebody else.
    for (let missing = this.lastSeq + 1; missing < seq; missing += 1) this.unheard.add(missing);
    this.lastSeq = seq;
  }

  ownSeqs = new Set();
  unheard = new Set();

  /** The ack of an own message. */
  sent(seq) {
    if (this.unheard.delete(seq)) return;
    if (this.participantId !== undefined && seq > this.lastSeq) this.ownSeqs.add(seq);
  }

  /** What never came, once nothing is under way. */
  missing() {
    return this.unheard.size;
  }

  #unseat() {
    this.participantId = undefined;
    this.others.clear();
    this.ownSeqs.clear();
    this.unheard.clear();
  }

  #count() {
    const size = this.others.size + 1;
    if (size > this.#maxUsers) this.#fault(`${size} in a room of ${this.#maxUsers}`);
  }
}

/** What somebody must have been before each. */
const BEFORE = {
  'user-joined': [undefined],
  'user-reconnecting': ['joined'],
  // A newer socket may take a seat whose older one lives.
  'user-returned': ['reconnecting', 'joined'],
  'user-left': ['joined', 'reconnecting'],
};
