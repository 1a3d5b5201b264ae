import type { Sender } from '@bongsu/protocol';
import type { Bus } from '../platform/ephemeral/ephemeral.js';

/** An entry of a room's stream, for whoever reads along. */
export interface RoomEntry {
  /** "room:<roomId>". */
  stream: string;
  seq: number;
  id: string;
  type: 'trigger' | 'navigate' | 'message';
  /** action, data, url, displayIndex. */
  fields: object;
  acceptedAt: number;
  sender: Sender;
  /** The socket that sent it, when the entry came by a hint: its own ack told it already. */
  socketId?: string;
}

/** What nodes tell each other of a room's stream. A lost hint costs latency: heads are compared with SQL. */
export interface RoomHint {
  streamId: number;
  generation: number;
  epoch: string;
  entries: RoomEntry[];
}

const CHANNEL = 'rooms';

/** The bus of rooms: this process hears its own hints at once, the others by the channel. */
export class RoomHints {
  readonly #bus: Bus;
  #listener: ((hint: RoomHint | 'gap') => void) | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  listen(listener: (hint: RoomHint | 'gap') => void): void {
    this.#listener = listener;
    this.#unsubscribe = this.#bus.subscribe(CHANNEL, (event) => {
      if (event.publisher === this.#bus.publisher) return;
      listener(event.type === 'gap' ? 'gap' : (event.message as RoomHint));
    });
  }

  tell(hint: RoomHint): void {
    this.#listener?.(hint);
    this.#bus.publish(CHANNEL, hint);
  }

  stop(): void {
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#listener = undefined;
  }
}
