import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { screen } from '@bongsu/client';
import { fileStore } from '@bongsu/client/file-store';
import { io } from 'socket.io-client';
import { call, createScreen, signUp } from '../../lib/bongsu.mjs';
import { monotonicMs } from '../../lib/history.mjs';
import { idMaker } from '../../lib/ids.mjs';
import { until } from '../../lib/processes.mjs';

const LANES = 2;
const PAUSE_MS = 150;
/** A screen that gets one entry at a time waits for the way home and back after each: a few a second. */
const WINDOW = 8;
const PAGE = 100;

/** Controllers at each node that keep sending, each command again under its id until it is accepted, to a screen at each node. */
export class Load {
  /** By id, when it was first sent, and from where. */
  accepted = new Map();
  runs = [];
  refusals = {};
  /** What screens were told at their last `ready`, by screen. */
  readies = new Map();
  screens = [];
  #pending = 0;
  #issuing = false;
  #sockets = [];
  #newId = idMaker();

  constructor({ home, far, folder }) {
    this.nodes = [{ region: 'home', url: home.url }, ...far.map(({ url }) => ({ region: 'far', url }))];
    this.folder = folder;
  }

  async start() {
    this.owner = await signUp(this.nodes[0].url);
    for (const node of this.nodes) this.screens.push(await this.#makeScreen(node));
    for (const node of this.nodes) this.#sockets.push({ ...node, socket: await this.#connect(node.url) });
    this.#issuing = true;
    for (const from of this.#sockets) for (let n = 0; n < LANES; n += 1) void this.#keepSending(from, n);
  }

  async #makeScreen({ region, url }) {
    const { credential } = await createScreen(this.nodes[0].url, this.owner.accessToken, `Screen ${region}`);
    const { screenId } = credential;
    const store = fileStore(join(this.folder, `${screenId}.json`));
    const onTrigger = ({ id, seq, epoch }) => {
      this.runs.push({ id, seq, epoch, screenId, region, at: monotonicMs() });
    };
    const device = screen({ url, store, credential, onTrigger, window: WINDOW });
    device.on('ready', ({ streams }) => this.readies.set(screenId, Object.values(streams)[0]));
    await until('the screen is ready', () => this.readies.has(screenId));
    return { screenId, region, device };
  }

  async #connect(url) {
    const socket = io(url, {
      auth: { token: this.owner.accessToken },
      ...{ transports: ['websocket'], forceNew: true },
      ...{ reconnectionDelay: 30, reconnectionDelayMax: 200 },
    });
    await new Promise((resolve) => socket.once('ready', resolve));
    return socket;
  }

  async #keepSending(from, lane) {
    for (let n = lane; this.#issuing; n += 1) {
      const { screenId } = this.screens[n % this.screens.length];
      this.#pending += 1;
      await this.#send(from, { id: this.#newId(), target: { screenId }, action: 'show' });
      this.#pending -= 1;
      await pause(PAUSE_MS);
    }
  }

  async #send({ socket, region }, command) {
    const sentAt = monotonicMs();
    for (;;) {
      const answer = await socket
        .timeout(5000)
        .emitWithAck('trigger', { ...command, timestamp: Date.now() })
        .catch(() => ({ error: { code: 'NO_ANSWER', retryable: true } }));
      if (answer.success) {
        this.accepted.set(command.id, { sentAt, region, acceptedAt: monotonicMs() });
        return;
      }
      const { code, retryable, retryAfterMs } = answer.error;
      this.refusals[code] = (this.refusals[code] ?? 0) + 1;
      if (!retryable) return;
      await pause(Math.min(retryAfterMs ?? PAUSE_MS, 500));
    }
  }

  /** How long after `since` the first command that was sent later, from one region, ran in the other; the slower of both ways. */
  async crossesAfter(since) {
    const first = (from, to) =>
      this.runs.find(({ id, region }) => {
        const command = this.accepted.get(id);
        return region === to && command?.region === from && command.sentAt > since;
      })?.at;
    const ways = [
      ['home', 'far'],
      ['far', 'home'],
    ];
    await until('commands cross again', () => ways.every((way) => first(...way)), 60_000);
    return Math.max(...ways.map((way) => first(...way))) - since;
  }

  async settles() {
    this.#issuing = false;
    await until('every command is answered', () => this.#pending === 0, 60_000);
    await until('all is executed', () => this.lost().length === 0, 60_000).catch(() => undefined);
  }

  resume() {
    this.#issuing = true;
    for (const from of this.#sockets) for (let n = 0; n < LANES; n += 1) void this.#keepSending(from, n);
  }

  lost() {
    const ran = new Set(this.runs.map(({ id }) => id));
    return [...this.accepted.keys()].filter((id) => !ran.has(id));
  }

  verdict() {
    const inOrder = ({ screenId }) => {
      const ofScreen = this.runs.filter((run) => run.screenId === screenId);
      return ofScreen.every(({ seq, epoch }, n) => {
        const before = ofScreen[n - 1];
        return !before || before.epoch !== epoch || seq > before.seq;
      });
    };
    const { UNAVAILABLE = 0, INDETERMINATE = 0, BUSY = 0, NO_ANSWER = 0, ...other } = this.refusals;
    return {
      accepted: this.accepted.size,
      lost: this.lost().length,
      twice: this.runs.length - new Set(this.runs.map(({ id }) => id)).size,
      outOfOrder: this.screens.filter((each) => !inOrder(each)).length,
      otherRefusals: Object.keys(other).length,
      refusals: { UNAVAILABLE, INDETERMINATE, BUSY, NO_ANSWER },
    };
  }

  /** All commands of all screens as a node lists them, newest first, and which screens it says are online. */
  async view(url) {
    const lists = {};
    for (const { screenId } of this.screens) lists[screenId] = await this.#list(url, screenId);
    const { items } = await this.#get(url, '/api/screens?limit=100');
    const online = items.filter((each) => each.online).map(({ screenId }) => screenId);
    return { lists, online: online.sort() };
  }

  async #list(url, screenId) {
    const all = [];
    for (let cursor = ''; cursor !== null; ) {
      const path = `/api/commands?screenId=${screenId}&limit=${PAGE}${cursor && `&cursor=${cursor}`}`;
      const { items, nextCursor } = await this.#get(url, path);
      all.push(...items.map(({ id, status }) => `${id} ${status}`));
      cursor = nextCursor;
    }
    return all;
  }

  #get(url, path) {
    return call(url, 'GET', path, { token: this.owner.accessToken });
  }

  async end() {
    this.#issuing = false;
    for (const { socket } of this.#sockets) socket.disconnect();
    await Promise.all(this.screens.map(({ device }) => device.close()));
  }
}
