import type { Bus, BusEvent } from '../platform/ephemeral/ephemeral.js';
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
}

interface Handlers {
  receive(signal: PassedSignal): void;
  lost(): void;
}

const CHANNEL = 'signals';

/**
 * Carries signals to the processes of their targets, in order. One that was sent by who knew more of the room waits until this process
 * knows as much, with all that come after it in that room: so what it is judged by is never older than what its sender saw.
 */
export class SignalBus {
  readonly #held = new Map<string, PassedSignal[]>();
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
    const { incarnation, signal } = event.message as { incarnation: string; signal: PassedSignal };
    if (incarnation !== this.deps.node.incarnation) return;
    const held = this.#held.get(signal.room.roomId);
    if (!held && this.deps.seats.knows(signal.room)) handlers.receive(signal);
    else if (this.#heldBytes >= MAX_WAITING_BYTES) handlers.lost();
    else if (held) this.#hold(held, signal);
    else void this.#giveOut(signal, handlers);
  }

  #hold(held: PassedSignal[], signal: PassedSignal): void {
    held.push(signal);
    this.#heldBytes += heldBytes(signal);
  }

  async #giveOut(first: PassedSignal, handlers: Handlers): Promise<void> {
    const { seats } = this.deps;
    const { roomId } = first.room;
    const held: PassedSignal[] = [];
    this.#held.set(roomId, held);
    this.#hold(held, first);
    for (let next: PassedSignal | undefined = first; next; next = held[0]) {
      if (!seats.knows(next.room)) await seats.catchUp(next.room);
      held.shift();
      this.#heldBytes -= heldBytes(next);
      if (seats.knows(next.room)) handlers.receive(next);
      else handlers.lost();
    }
    this.#held.delete(roomId);
  }
}

function heldBytes({ content }: PassedSignal): number {
  return sizeOf({ bytes: bytesOf(content) });
}
