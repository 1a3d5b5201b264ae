import type { Bus, BusEvent } from '../platform/ephemeral/ephemeral.js';
import type { Log } from '../platform/log.js';
import { bytesOf, type SignalContent } from './plain-events.js';
import type { RoomVersion, Seats } from './seams.js';
import { MAX_WAITING_BYTES, sizeOf } from './waiting-signals.js';

/** A side of a pair, and the socket that held it for all that the sender's process knew. */
export interface HeldSeat {
  participantId: string;
  holder: string;
}

/** A signal on its way from the process of its sender to that of its target. */
export interface PassedSignal {
  /** As the sender's process knew it. */
  room: RoomVersion;
  from: HeldSeat;
  to: HeldSeat;
  negotiationId: string;
  content: SignalContent;
}

interface SignalBusDeps {
  ephemeral: { bus: Bus };
  node: { incarnation: string };
  seats: Pick<Seats, 'knows' | 'catchUp'>;
  log: Pick<Log, 'warn'>;
}

interface Handlers {
  receive(signal: PassedSignal): void;
  lost(): void;
}

/** One that waits for its room. */
interface Held {
  readonly signal: PassedSignal;
  readonly bytes: number;
}

const CHANNEL = 'signals';

/**
 * Carries signals to the processes of their targets, in order. One that was sent by who knew more of the room waits until this process
 * knows as much, with all that come after it in that room: so what it is judged by is never older than what its sender saw.
 */
export class SignalBus {
  readonly #held = new Map<string, Held[]>();
  #heldBytes = 0;

  constructor(private readonly deps: SignalBusDeps) {}

  get isUp(): boolean {
    return this.deps.ephemeral.bus.isUp;
  }

  pass(incarnation: string, signal: PassedSignal): void {
    this.deps.ephemeral.bus.publish(CHANNEL, { incarnation, signal });
  }

  /** @returns ends it */
  listen(handlers: Handlers): () => void {
    return this.deps.ephemeral.bus.subscribe(CHANNEL, (event) => this.#onEvent(event, handlers));
  }

  #onEvent(event: BusEvent, handlers: Handlers): void {
    // Of a gap nothing can be said; the fence lets every new offer pass, and peers heal by themselves.
    if (event.type === 'gap') return;
    // Another version may pass what this one does not understand.
    const passed = event.message as { incarnation?: string; signal: PassedSignal } | null;
    if (passed?.incarnation !== this.deps.node.incarnation) return;
    try {
      this.#take(passed.signal, handlers);
    } catch (err) {
      this.#lose(err, handlers);
    }
  }

  #take(signal: PassedSignal, handlers: Handlers): void {
    const held = this.#held.get(signal.room.roomId);
    if (!held && this.deps.seats.knows(signal.room)) {
      handlers.receive(signal);
    } else if (this.#heldBytes >= MAX_WAITING_BYTES) {
      handlers.lost();
    } else {
      const waiting = { signal, bytes: sizeOf({ bytes: bytesOf(signal.content) }) };
      this.#heldBytes += waiting.bytes;
      if (held) held.push(waiting);
      else void this.#giveOut(waiting, handlers);
    }
  }

  /** Never rejects: one that cannot be given out is lost, and what waits behind it is not. */
  async #giveOut(first: Held, handlers: Handlers): Promise<void> {
    const { seats } = this.deps;
    const { roomId } = first.signal.room;
    const held = [first];
    this.#held.set(roomId, held);
    for (let next: Held | undefined = first; next; next = held[0]) {
      const { signal, bytes }: Held = next;
      try {
        if (!seats.knows(signal.room)) await seats.catchUp(signal.room);
        if (seats.knows(signal.room)) handlers.receive(signal);
        else handlers.lost();
      } catch (err) {
        this.#lose(err, handlers);
      }
      held.shift();
      this.#heldBytes -= bytes;
    }
    this.#held.delete(roomId);
  }

  #lose(err: unknown, handlers: Handlers): void {
    this.deps.log.warn({ err }, 'a signal of another node could not be given out');
    handlers.lost();
  }
}
