/** All screens of a socket's commands; a room is its own lane, by its stream. */
export const SCREENS_LANE = 0;

interface Lane {
  key: number;
  count: number;
}

/**
 * What each socket has sent to the ledger without an answer yet. Rooms and screens are stored by different batches, so a command to a
 * room waits for the socket's uncommitted commands to anything else, and they for it: the order of sending is the order of
 * acceptance. Commands of one room keep their order by their batches; inboxes of different screens have none between them.
 */
export class SocketOrder {
  readonly #lanes = new Map<string, Lane>();
  readonly #waiting = new Map<string, () => void>();

  admits(socketId: string, key: number): boolean {
    const lane = this.#lanes.get(socketId);
    return lane === undefined || lane.key === key;
  }

  /** Resolves when nothing of the socket is uncommitted. One waits at a time: who holds the socket's turn. */
  clear(socketId: string): Promise<void> {
    return new Promise((resolve) => {
      if (this.#lanes.has(socketId)) this.#waiting.set(socketId, resolve);
      else resolve();
    });
  }

  enter(socketId: string, key: number): void {
    const lane = this.#lanes.get(socketId);
    if (lane) lane.count += 1;
    else this.#lanes.set(socketId, { key, count: 1 });
  }

  /** Answered, by whatever. */
  leave(socketId: string): void {
    const lane = this.#lanes.get(socketId);
    if (!lane) return;
    lane.count -= 1;
    if (lane.count > 0) return;
    this.#lanes.delete(socketId);
    const wake = this.#waiting.get(socketId);
    this.#waiting.delete(socketId);
    wake?.();
  }

  /** Sockets with commands under way. */
  get size(): number {
    return this.#lanes.size;
  }
}
