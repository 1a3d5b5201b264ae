import type { Accepted, Answer, CommandStatus, Ready } from '@bongsu/protocol';
import type { Socket } from 'socket.io-client';
import { type Made, makeCommand } from './command-maker.js';
import { connectAnew } from './connect-anew.js';
import { type ControllerEvent, type HistoryWriter, monotonicMs } from './history.js';
import { sendOverHttp } from './http-sender.js';
import type { ControllerOptions, Mix, Person } from './messages.js';
import { type SeededRandom, seededRandom } from './seeded-random.js';

interface Pending {
  made: Made;
  transmissions: number;
}

const PAUSE_MS = 20;
const BEAT_MS = 20;
const HASTY = { reconnectionDelay: 20, reconnectionDelayMax: 60 };
const LONGEST_PAUSE_MS = 250;
/** As of the client SDK. */
const SHIPPED = { firstMs: 100, factor: 1.5, mostMs: 1000 };
/** Unanswered at a time of clients as they are shipped. Without a bound, what gathers while they are away would come back at once. */
const MOST_UNANSWERED = 64;
const REPEATS = 0.04;
const COPIES = 0.04;
const CONFLICTS = 0.02;
const STATUS_MS = 5000;
const REMEMBERED = 500;

/** A stock socket.io-client, or plain HTTP, that keeps commands in flight and sends each again, under its id, until it is answered. */
export class Controller {
  readonly name: string;
  accepted = 0;
  readonly #options: ControllerOptions;
  readonly #token: string;
  readonly #overHttp: boolean;
  readonly #history: HistoryWriter<ControllerEvent>;
  readonly #onChange: () => void;
  readonly #random: SeededRandom;
  readonly #pending = new Map<string, Pending>();
  /** Of the pending ones: not sent yet. */
  readonly #waiting: Made[] = [];
  readonly #answered: Made[] = [];
  readonly #own = new Set<string>();
  readonly #socket: Socket;
  /** Added to the local clock: what a client corrects itself by. */
  #offsetMs = 0;
  #mix: Mix | undefined;
  #places = 0;
  #beat: NodeJS.Timeout | undefined;

  constructor(
    options: ControllerOptions,
    person: Person & { seed: number },
    history: HistoryWriter<ControllerEvent>,
    onChange: () => void,
  ) {
    this.#options = options;
    this.name = person.name;
    this.#token = person.token;
    this.#overHttp = person.overHttp;
    this.#history = history;
    this.#onChange = onChange;
    this.#random = seededRandom(person.seed);
    this.#socket = connectAnew(options.url, {
      auth: { token: person.token },
      transports: ['websocket'],
      ...(options.asShipped ? {} : HASTY),
    });
    this.#socket.on('ready', (ready: Ready) => this.#onReady(ready));
    this.#socket.on('disconnect', () => this.#onDisconnect());
    this.#socket.on('command-status', (status: CommandStatus) => this.#onStatus(status));
    this.#socket.on('connect_error', (error: Error & { data?: unknown }) => {
      if (error.data) process.send?.({ fault: `${this.name} was refused: ${JSON.stringify(error.data)}` });
    });
  }

  get pending(): number {
    return this.#pending.size;
  }

  get connected(): boolean {
    return this.#socket.connected;
  }

  go(mix: Mix): void {
    this.#mix = mix;
    const { perSecond, people } = this.#options;
    if (perSecond === undefined) this.#fill();
    else this.#keepTime(mix, perSecond / people.length);
  }

  pause(): void {
    this.#mix = undefined;
    clearInterval(this.#beat);
  }

  end(): void {
    this.#socket.disconnect();
  }

  owns(id: string): boolean {
    return this.#own.has(id);
  }

  /** What the server says of these ids; empty when it does not answer. */
  async ask(ids: readonly string[]): Promise<{ id: string; status: string }[]> {
    const answer: Answer<{ items: { id: string; status: string }[] }> = await this.#socket
      .timeout(STATUS_MS)
      .emitWithAck('status', { ids });
    return answer.success ? answer.items.map(({ id, status }) => ({ id, status })) : [];
  }

  #fill(): void {
    if (this.#options.perSecond !== undefined) return;
    while (this.#mix && this.connected && this.#pending.size < this.#options.inFlight) this.#issue(this.#mix);
  }

  /** What comes into being while nobody is connected waits for it, and is seen to wait. */
  #keepTime(mix: Mix, perSecond: number): void {
    const since = monotonicMs();
    let wanted = 0;
    this.#beat = setInterval(() => {
      for (const due = ((monotonicMs() - since) * perSecond) / 1000; wanted < due; wanted += 1) {
        const made = makeCommand(this.#random, this.#options.screens, mix, this.#now());
        const { id } = made.payload;
        this.#own.add(id);
        this.#history.write({ kind: 'wanted', id, dueAt: since + (wanted * 1000) / perSecond });
        this.#pending.set(id, { made, transmissions: 0 });
        this.#waiting.push(made);
      }
      this.#sendWaiting();
    }, BEAT_MS);
  }

  #sendWaiting(): void {
    while (this.connected || this.#overHttp) {
      if (this.#pending.size - this.#waiting.length >= MOST_UNANSWERED) return;
      const next = this.#waiting.shift();
      if (!next) return;
      this.#transmit(next);
    }
  }

  #issue(mix: Mix): void {
    const random = this.#random;
    const chance = random.next();
    if (this.#answered.length > 0 && chance < REPEATS) {
      this.#transmit(random.pick(this.#answered));
      return;
    }
    if (this.#answered.length > 0 && chance < REPEATS + CONFLICTS)
      this.#contradict(random.pick(this.#answered));
    if (this.#answered.length > 0 && random.chance(mix.cancels)) this.#cancel(random.pick(this.#answered));
    const made = makeCommand(random, this.#options.screens, mix, this.#now());
    this.#own.add(made.payload.id);
    this.#transmit(made);
    // At times a copy beside it: both must get one answer.
    if (chance > 1 - COPIES) this.#transmit(made);
  }

  #now(): number {
    return Date.now() + this.#offsetMs;
  }

  #transmit(made: Made): void {
    const { id } = made.payload;
    const held = this.#pending.get(id) ?? { made, transmissions: 0 };
    held.transmissions += 1;
    this.#pending.set(id, held);
    this.#places += 1;
    const transmission = `${this.name}:${this.#places}`;
    const display = made.payload.displayIndex ?? 0;
    this.#history.write({
      kind: 'invoke',
      id,
      screen: made.screenId,
      transmission,
      type: made.type,
      display,
      expect: made.expect,
    });
    const onAnswer = (answer: Answer<Accepted>) => this.#onAnswer(made, transmission, answer);
    if (!this.#overHttp) this.#socket.emit(made.type, made.payload, onAnswer);
    else {
      void sendOverHttp(this.#options.url, this.#token, made).then((answer) => {
        if (answer) return onAnswer(answer);
        this.#history.write({ kind: 'info', id });
        this.#againLater(id);
      });
    }
  }

  #onAnswer(made: Made, transmission: string, answer: Answer<Accepted>): void {
    const { id } = made.payload;
    if (answer.success) {
      const { seq, stream, epoch, acceptedAt, duplicate } = answer;
      this.#history.write({ kind: 'ok', id, transmission, seq, stream, epoch, acceptedAt, duplicate });
      if (this.#pending.delete(id)) {
        if (!duplicate) this.accepted += 1;
        this.#answered.push(made);
        if (this.#answered.length > REMEMBERED) this.#answered.shift();
      }
    } else {
      const { code, retryable, retryAfterMs } = answer.error;
      this.#history.write({ kind: 'fail', id, transmission, code, retryable });
      if (retryable) this.#againLater(id, retryAfterMs);
      else this.#pending.delete(id);
    }
    this.#onChange();
    this.#fill();
    this.#sendWaiting();
  }

  #againLater(id: string, retryAfterMs?: number): void {
    const again = () => {
      const held = this.#pending.get(id);
      if (held && (this.connected || this.#overHttp)) this.#transmit(held.made);
    };
    const { transmissions = 1 } = this.#pending.get(id) ?? {};
    setTimeout(
      again,
      this.#options.asShipped ? shippedPauseMs(transmissions, retryAfterMs) : hastyPauseMs(retryAfterMs),
    );
  }

  /** An accepted id with other content must be refused, whatever was killed since. */
  #contradict(made: Made): void {
    const { id } = made.payload;
    const other = { ...made.payload, displayIndex: 15 - (made.payload.displayIndex ?? 0) };
    this.#socket.emit(made.type, other, (answer: Answer<Accepted>) => {
      if (answer.success) this.#history.write({ kind: 'conflict', id, code: 'accepted' });
      else if (!answer.error.retryable)
        this.#history.write({ kind: 'conflict', id, code: answer.error.code });
    });
  }

  #cancel(made: Made): void {
    const { id } = made.payload;
    fetch(`${this.#options.url}/api/commands/${id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${this.#token}` },
    }).then(
      (response) => this.#history.write({ kind: 'cancel', id, outcome: String(response.status) }),
      () => undefined,
    );
  }

  #onStatus({ id, screenId, status, attempt }: CommandStatus): void {
    this.#history.write({ kind: 'told', id, screen: screenId, status, attempt });
  }

  #onDisconnect(): void {
    this.#history.write({ kind: 'away', who: this.name });
    for (const [id, { transmissions }] of this.#pending)
      if (transmissions > 0) this.#history.write({ kind: 'info', id });
    this.#onChange();
  }

  #onReady({ serverTime }: Ready): void {
    this.#history.write({ kind: 'ready', who: this.name });
    this.#offsetMs = serverTime - Date.now();
    for (const { made, transmissions } of [...this.#pending.values()])
      if (transmissions > 0) this.#transmit(made);
    this.#fill();
    this.#sendWaiting();
    this.#onChange();
  }
}

const hastyPauseMs = (retryAfterMs = PAUSE_MS): number => Math.min(retryAfterMs, LONGEST_PAUSE_MS);

/** Hundreds that are refused must not be asked for again each moment: that would be the load. */
function shippedPauseMs(transmissions: number, retryAfterMs = 0): number {
  const { firstMs, factor, mostMs } = SHIPPED;
  const delayMs = Math.min(mostMs, firstMs * factor ** (transmissions - 1));
  return retryAfterMs + delayMs * (0.5 + Math.random());
}
