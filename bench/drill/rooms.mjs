import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { signUp } from '../lib/bongsu.mjs';
import { isAlive, stop, until } from '../lib/processes.mjs';

const PEOPLE_A_ROOM = 5;
const LANES = 4;
const ONLINE_MS = 60_000;

/** The people in rooms, a listener in each, and whoever comes later. */
export class Rooms {
  #child;
  #state = { online: 0, of: 0 };
  #figures;

  /** Resolves when all have their seats. @param options.people at least five, five to a room */
  static async start({ url, people, perSecond }) {
    const tokens = [];
    const rooms = Math.floor(people / PEOPLE_A_ROOM);
    const lanes = Array.from({ length: LANES }, async () => {
      while (tokens.length < people + rooms) {
        const place = tokens.push('') - 1;
        tokens[place] = (await signUp(url)).accessToken;
      }
    });
    await Promise.all(lanes);
    const started = new Rooms();
    const listeners = tokens.splice(people);
    await started.#start({ url, tokens, listeners, perSecond });
    return started;
  }

  async #start(options) {
    this.#child = fork(fileURLToPath(new URL('./talkers.mjs', import.meta.url)), {
      stdio: ['ignore', 2, 2, 'ipc'],
    });
    let seated = false;
    this.#child.on('message', (message) => {
      if (message.seated) seated = true;
      else if (message.figures) this.#figures = message.figures;
      else this.#state = message;
    });
    this.#child.send(options);
    await this.#until('all are in their rooms', () => seated);
  }

  talk() {
    this.#child.send({ talk: true });
  }

  get count() {
    return this.#state.of;
  }

  allOnline() {
    return this.#until('all are online', () => this.#state.online === this.#state.of);
  }

  /** More connect, who are in no room; resolves when all are online. */
  async come(count) {
    const before = this.#state.of;
    this.#child.send({ come: count });
    await this.#until(
      `${count} more are online`,
      () => this.#state.of === before + count && this.#state.online === this.#state.of,
    );
  }

  /** They stop talking; what was said, never answered, missed, heard twice or out of order, and how long they waited. */
  async end() {
    const ended = once(this.#child, 'exit');
    this.#child.send({ end: true });
    await ended;
    if (!this.#figures) throw new Error('The people in rooms ended without a word');
    return this.#figures;
  }

  async stop() {
    if (this.#child && isAlive(this.#child)) await stop(this.#child, 'SIGKILL');
  }

  #until(what, check) {
    return until(
      what,
      () => {
        if (!isAlive(this.#child)) throw new Error('The people in rooms ended');
        return check();
      },
      ONLINE_MS,
    );
  }
}
