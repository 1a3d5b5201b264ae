import type { RoomStreamEntry } from '@bongsu/protocol';
import type { SocketGroups } from '../../src/platform/push.js';
import type { RoomSocket } from '../../src/rooms/index.js';
import { userPrincipal } from './commands.js';

/** A user's socket that keeps what it hears, in order. */
export class FakeSocket implements RoomSocket {
  readonly heard: { event: string; payload: RoomStreamEntry }[] = [];
  readonly groups = new Set<string>();
  principal: RoomSocket['principal'];
  isOpen = true;
  /** What it has not read yet, bytes. */
  unread = 0;
  drops = 0;
  readonly #waiting: { isDone: () => boolean; resolve: () => void }[] = [];

  constructor(
    readonly socketId: string,
    principal = userPrincipal(),
  ) {
    this.principal = principal;
  }

  get seqs(): number[] {
    return this.heard.map(({ payload }) => payload.seq);
  }

  isConnected(): boolean {
    return this.isOpen;
  }

  queuedBytes(): number {
    return this.unread;
  }

  drop(): void {
    this.drops += 1;
    this.isOpen = false;
    this.#wake();
  }

  hear(event: string, payload: RoomStreamEntry): void {
    this.heard.push({ event, payload });
    this.#wake();
  }

  /** Resolves when it has heard this entry. */
  reached(seq: number): Promise<void> {
    return this.#until(() => this.heard.at(-1)?.payload.seq === seq);
  }

  dropped(): Promise<void> {
    return this.#until(() => this.drops > 0);
  }

  #until(isDone: () => boolean): Promise<void> {
    if (isDone()) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push({ isDone, resolve }));
  }

  #wake(): void {
    for (const { isDone, resolve } of this.#waiting) if (isDone()) resolve();
  }
}

/** Groups of sockets in memory, as the gateway keeps them. */
export class MemoryGroups implements SocketGroups {
  readonly #sockets = new Map<string, FakeSocket>();

  connect(socket: FakeSocket): FakeSocket {
    this.#sockets.set(socket.socketId, socket);
    return socket;
  }

  join(socketId: string, group: string): boolean {
    const socket = this.#sockets.get(socketId);
    if (!socket?.isOpen) return false;
    socket.groups.add(group);
    return true;
  }

  leave(socketId: string, group: string): void {
    this.#sockets.get(socketId)?.groups.delete(group);
  }

  unreadBytes(socketId: string): number {
    return this.#sockets.get(socketId)?.unread ?? 0;
  }

  emitHere: SocketGroups['emitHere'] = (group, event, payload, exceptSocketId) => {
    for (const socket of this.#sockets.values())
      if (socket.isOpen && socket.groups.has(group) && socket.socketId !== exceptSocketId)
        socket.hear(event, payload as unknown as RoomStreamEntry);
  };

  emitTo: SocketGroups['emitTo'] = (socketId, event, payload) => {
    const socket = this.#sockets.get(socketId);
    if (socket?.isOpen) socket.hear(event, payload as unknown as RoomStreamEntry);
  };
}
