import type { Socket } from 'socket.io-client';

/** Where sockets may connect: one node of a deployment, straight or through a balancer that is told which. */
export interface Place {
  url: string;
  headers?: Record<string, string>;
}

/** Spreads the sockets of a suite over the nodes of a deployment, and counts what goes from one node to another. */
export class Places {
  #turn = 0;
  /** Of what was sent by which socket's place, under its id. */
  readonly #sentAt = new Map<string, Place>();
  #delivered = 0;
  #crossed = 0;

  constructor(private readonly places: readonly [Place, ...Place[]]) {}

  get count(): number {
    return this.places.length;
  }

  /** One after another: who talks to each other is made one after another too. */
  next(): Place {
    const place = this.places[this.#turn % this.places.length] ?? this.places[0];
    this.#turn += 1;
    return place;
  }

  watch(socket: Socket, place: Place): void {
    socket.onAnyOutgoing((_event, payload) => {
      for (const id of idsOf(payload)) this.#sentAt.set(id, place);
    });
    socket.onAny((_event, payload) => {
      const from = idsOf(payload).flatMap((id) => this.#sentAt.get(id) ?? []);
      if (from[0] === undefined) return;
      this.#delivered += 1;
      if (from[0] !== place) this.#crossed += 1;
    });
  }

  /** @throws Error when so little was delivered, or so much of it stayed on one node, that nothing is shown of several */
  expectCrossed({ share, deliveries }: { share: number; deliveries: number }): void {
    if (this.places.length === 1) return;
    if (this.#delivered >= deliveries && this.#crossed >= share * this.#delivered) return;
    throw new Error(
      `${this.#crossed} of ${this.#delivered} deliveries crossed from node to node: at least ${deliveries}, and a share of ${share}, must be seen`,
    );
  }
}

/** Of a command or an entry, and of a signal. */
function idsOf(payload: unknown): string[] {
  const { id, negotiationId } = (payload ?? {}) as { id?: unknown; negotiationId?: unknown };
  return [id, negotiationId].filter((each) => typeof each === 'string');
}
