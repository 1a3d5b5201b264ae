// A process of controllers: stock socket.io-clients that keep commands in flight and send each again, under its id, until it is
// answered. Every transmission and every answer goes into the history. Started by index.mjs with an IPC channel.
import { io } from 'socket.io-client';
import { historyWriter } from '../../lib/history.mjs';
import { idMaker } from '../../lib/ids.mjs';
import { seededRandom } from '../../lib/random.mjs';

const { url, people, screenIds, inFlight, seed, historyPath } = JSON.parse(process.argv[2]);
const history = historyWriter(historyPath);
const newId = idMaker();
const PAUSE_MS = 20;
const REPEATS = 0.05;
const REFUSED = 0.03;

class Controller {
  pending = new Map();
  answered = [];
  accepted = 0;
  issuing = false;

  constructor(name, token, random) {
    this.name = name;
    this.random = random;
    this.socket = io(url, {
      auth: { token },
      transports: ['websocket'],
      reconnectionDelay: 30,
      reconnectionDelayMax: 100,
      forceNew: true,
    });
    this.socket.on('ready', () => this.onReady());
    this.socket.on('disconnect', () => this.onDisconnect());
    this.socket.on('connect_error', (error) => {
      if (error.data) process.send({ fault: `${name} was refused: ${JSON.stringify(error.data)}` });
    });
  }

  go() {
    this.issuing = true;
    this.fill();
  }

  fill() {
    if (!this.socket.connected) return;
    while (this.issuing && this.pending.size < inFlight) this.issue();
  }

  issue() {
    const { random } = this;
    if (this.answered.length > 0 && random.chance(REPEATS)) return this.repeat(random.pick(this.answered));
    const command = {
      id: newId(),
      timestamp: Date.now(),
      target: { screenId: random.pick(screenIds) },
      action: 'show',
      data: { text: 'x'.repeat(random.between(0, 200)) },
    };
    if (random.chance(REFUSED)) Object.assign(command, random.pick(SPOILERS)());
    this.transmit(command);
    // At times a copy beside it: both must get one answer.
    if (random.chance(REPEATS)) this.transmit(command);
  }

  /** An id that was answered long ago must get the same answer, whatever was killed since. */
  repeat(command) {
    this.transmit(command);
  }

  transmit(command) {
    const held = this.pending.get(command.id) ?? { command, transmissions: 0 };
    held.transmissions += 1;
    this.pending.set(command.id, held);
    const transmission = `${this.name}:${this.socket.id}:${held.transmissions}`;
    history.write({ kind: 'invoke', id: command.id, screen: command.target.screenId, transmission });
    this.socket.emit('trigger', command, (answer) => this.onAnswer(command, transmission, answer));
  }

  onAnswer(command, transmission, answer) {
    const { id } = command;
    if (answer.success) {
      const { seq, stream, epoch, acceptedAt, duplicate } = answer;
      history.write({ kind: 'ok', id, transmission, seq, stream, epoch, acceptedAt, duplicate });
      if (this.pending.delete(id)) {
        this.accepted += duplicate ? 0 : 1;
        if (!duplicate) this.answered.push(command);
      }
    } else {
      const { code, retryable } = answer.error;
      history.write({ kind: 'fail', id, transmission, code, retryable });
      if (retryable) setTimeout(() => this.again(id), PAUSE_MS);
      else this.pending.delete(id);
    }
    report();
    this.fill();
  }

  again(id) {
    const held = this.pending.get(id);
    if (held && this.socket.connected) this.transmit(held.command);
  }

  onDisconnect() {
    for (const id of this.pending.keys()) history.write({ kind: 'info', id, why: 'disconnect' });
    report();
  }

  onReady() {
    for (const { command } of [...this.pending.values()]) this.transmit(command);
    this.fill();
    report();
  }

  /** What the server says of these ids: for the check that its word and the screens' agree. */
  async status(ids) {
    const answer = await this.socket.timeout(10_000).emitWithAck('status', { ids });
    return answer.success ? answer.items.map(({ id, status }) => ({ id, status })) : [];
  }
}

/** Each is refused whatever happens; none may ever be executed. */
const SPOILERS = [
  () => ({ timestamp: Date.now() - 3_600_000 }),
  () => ({ action: 'not allowed!' }),
  () => ({ data: 'x'.repeat(20_000) }),
  () => ({ displayIndex: 99 }),
  () => ({ target: { screenId: 'no-such-screen' } }),
];

const controllers = people.map(
  ({ name, token }, place) => new Controller(name, token, seededRandom(seed + place)),
);

let reporting = false;
function report() {
  if (reporting) return;
  reporting = true;
  setImmediate(() => {
    reporting = false;
    if (!process.connected) return;
    const sum = (count) => controllers.reduce((total, controller) => total + count(controller), 0);
    process.send({
      accepted: sum(({ accepted }) => accepted),
      pending: sum(({ pending }) => pending.size),
      connected: sum(({ socket }) => (socket.connected ? 1 : 0)),
    });
  });
}

process.on('message', async (message) => {
  if (message === 'go') for (const controller of controllers) controller.go();
  if (message === 'pause') for (const controller of controllers) controller.issuing = false;
  if (message.ask) {
    const { ask, name, ids } = message;
    const controller = controllers.find((each) => each.name === name);
    const items = await controller.status(ids).catch(() => []);
    process.send({ told: ask, items });
  }
  if (message === 'end') {
    for (const { socket } of controllers) socket.disconnect();
    history.close();
    process.disconnect();
  }
});
