import { call } from '../../lib/bongsu.mjs';
import { Guest } from './guest.mjs';

const GUESTS = 5;
/** Less than come, so that rooms are full again and again. */
export const MAX_USERS = 4;
const LANES = 50;
const MOST_UNDER_WAY = 200;
const RETURN_CHANCE = 0.7;

/** One room: an owner who stays and hears everything, and guests who come and go, one verb at a time each. */
class Room {
  #random;
  #kicked = new Set();
  #busy = new Set();
  #guests;
  owner;
  roomId;

  constructor({ url, tokens, roomId, random, ledger }) {
    this.#random = random;
    this.roomId = roomId;
    const guest = (token) => new Guest({ url, token, roomId, maxUsers: MAX_USERS, random, ledger });
    const [first, ...others] = tokens;
    this.owner = guest(first);
    this.#guests = others.map(guest);
  }

  async open() {
    await this.owner.connect();
    const refusal = await this.owner.create({ maxUsers: MAX_USERS });
    if (refusal) throw new Error(`create-room: ${refusal}`);
  }

  /** Something of what somebody may do now. */
  async step() {
    if (this.#random.chance(0.04)) return this.#kickOrAdmit();
    const guest = this.#random.pick(this.#guests);
    if (this.#busy.has(guest)) return;
    this.#busy.add(guest);
    try {
      await this.#act(guest);
    } finally {
      this.#busy.delete(guest);
    }
  }

  async #act(guest) {
    if (guest.hasLostSeat) {
      if (!this.#random.chance(RETURN_CHANCE)) return guest.forget();
      return this.#random.chance(0.5) ? guest.comeBack() : guest.reload();
    }
    if (!guest.isConnected) await guest.connect();
    if (!guest.isSeated) return guest.join();
    const dice = this.#random.next();
    if (dice < 0.35) return guest.message();
    if (dice < 0.6) return guest.signal();
    if (dice < 0.75) return guest.leave();
    if (dice < 0.9) return guest.lose();
    return guest.reload();
  }

  async #kickOrAdmit() {
    const [kicked] = this.#kicked;
    if (kicked !== undefined) {
      this.#kicked.delete(kicked);
      await this.owner.admit(kicked);
      return;
    }
    const [victim] = this.owner.others.keys();
    if (victim !== undefined && (await this.owner.kick(victim)) === undefined) this.#kicked.add(victim);
  }

  /** Half leave, half are lost; the owner stays. */
  async empty() {
    for (const guest of this.#guests) {
      if (guest.isSeated && this.#random.chance(0.5)) await guest.leave();
      guest.drop();
      guest.forget();
    }
  }
}

/** `count` rooms of `people`, who are in many rooms each. */
export class Crowd {
  #rooms;
  #url;
  #random;
  #people;
  #ledger;

  constructor({ url, people, rooms: count, random, ledger, name }) {
    this.#url = url;
    this.#random = random;
    this.#people = people;
    this.#ledger = ledger;
    this.#rooms = Array.from({ length: count }, (_, n) => {
      const tokens = Array.from(
        { length: GUESTS + 1 },
        (_, k) => people[(n + k) % people.length].accessToken,
      );
      return new Room({ url, tokens, roomId: `${name}-${n}`, random, ledger });
    });
  }

  open() {
    return this.#each((room) => room.open());
  }

  /** `perSecond` verbs until `seconds` are over, as long as the server keeps up with that. */
  async churn({ seconds, perSecond }) {
    const endsAt = performance.now() + seconds * 1000;
    const running = new Set();
    let due = performance.now();
    while (performance.now() < endsAt) {
      for (; due <= performance.now() && running.size < MOST_UNDER_WAY; due += 1000 / perSecond) {
        const step = this.#random
          .pick(this.#rooms)
          .step()
          .catch((error) => this.#ledger.fault(error.message))
          .finally(() => running.delete(step));
        running.add(step);
      }
      if (running.size >= MOST_UNDER_WAY) due = Math.max(due, performance.now());
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await Promise.all(running);
  }

  emptyAll() {
    return this.#each((room) => room.empty());
  }

  /** True when every owner has seen all others go. */
  get isAlone() {
    return this.#rooms.every((room) => room.owner.others.size === 0);
  }

  checkAlone() {
    for (const { owner } of this.#rooms) owner.checkAlone();
  }

  /** Every other room is closed by its owner, the rest end by themselves once they are empty. */
  closeAll() {
    let n = 0;
    return this.#each(async ({ owner, roomId }) => {
      n += 1;
      const place = Number(roomId.split('-').at(-1));
      const token = this.#people[place % this.#people.length].accessToken;
      if (n % 2 === 0) await call(this.#url, 'DELETE', `/api/rooms/${roomId}`, { token });
      else await owner.leave();
      owner.drop();
    });
  }

  async #each(work) {
    const waiting = [...this.#rooms];
    const lane = async () => {
      for (let room = waiting.pop(); room; room = waiting.pop()) await work(room);
    };
    await Promise.all(Array.from({ length: LANES }, lane));
  }
}
