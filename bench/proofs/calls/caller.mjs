import { until } from '../../lib/processes.mjs';

const ENTER_MS = 30_000;

/** Somebody with a window, by which they call. */
export class Caller {
  #script;
  #context;
  #options;
  page;

  constructor({ context, person, network, script }) {
    this.#context = context;
    this.#script = script;
    this.userId = person.user.userId;
    this.token = person.accessToken;
    this.network = network;
  }

  static async open(given) {
    const caller = new Caller(given);
    await caller.#open();
    return caller;
  }

  /** The page is one that the server serves: Chromium lets others reach no server on this machine by WebSocket. */
  async #open() {
    this.page = await this.#context.newPage();
    await this.page.goto(`http://127.0.0.1:${this.network.signals.port}/health/live`);
    await this.#load();
  }

  async #load() {
    await this.page.addScriptTag({ content: this.#script, type: 'module' });
    await this.page.waitForFunction('globalThis.caller !== undefined');
  }

  /** @returns the participantId */
  async enter(roomId, { isFirst = false, relay = false } = {}) {
    const { token, network } = this;
    const { turnPort } = network;
    this.roomId = roomId;
    this.#options = { token, roomId, relay, ...(turnPort ? { turnPort } : {}) };
    return this.#enter({ ...this.#options, isFirst });
  }

  /** The same window, loaded anew: it comes back by the seat that it kept. */
  async reload() {
    await this.page.reload();
    await this.#load();
    return this.#enter(this.#options);
  }

  async #enter(options) {
    const entering = this.page.evaluate((given) => globalThis.caller.enter(given), options);
    const late = new Promise((_, reject) => {
      setTimeout(reject, ENTER_MS, new Error('the room was not entered')).unref();
    });
    return Promise.race([entering, late]);
  }

  look() {
    return this.page.evaluate(() => globalThis.caller.look());
  }

  change(what) {
    return this.page.evaluate((given) => globalThis.caller.change(given), what);
  }

  routes() {
    return this.page.evaluate(() => globalThis.caller.routes());
  }

  /** As a tab is closed: the page hears nothing of it. */
  async close() {
    await this.#context.close().catch(() => {});
  }

  /** Resolves when the pictures of all these have moved on by `count` since `since`, with when the slowest of them had. */
  async seesMoving(others, { since = Date.now(), count = 5, timeoutMs = 30_000 } = {}) {
    let latest = 0;
    await until(
      `${others.length} pictures move on`,
      async () => {
        const { moves } = await this.look();
        const times = others.map(({ userId }) => (moves[userId] ?? []).filter((at) => at > since)[count - 1]);
        latest = Math.max(...times.map((at) => at ?? Number.POSITIVE_INFINITY));
        return Number.isFinite(latest);
      },
      timeoutMs,
      100,
    );
    return latest;
  }
}

/** Each sees each other. @returns when the last of them did */
export async function allSeeAll(callers, options) {
  const others = (caller) => callers.filter((other) => other !== caller);
  return Math.max(
    ...(await Promise.all(callers.map((caller) => caller.seesMoving(others(caller), options)))),
  );
}
