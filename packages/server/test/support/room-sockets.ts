import type { GroupEvent, SocketGroups } from '../../src/platform/push.js';

export interface Told {
  event: string;
  payload: Record<string, unknown>;
}

interface Member {
  node: string;
  told: Told[];
}

/** Sockets of several processes, and the groups that they share; everything arrives at once. */
export class RoomSockets {
  readonly #sockets = new Map<string, Member>();
  readonly #groups = new Map<string, Set<string>>();

  connect(socketId: string, node: string): Told[] {
    const told: Told[] = [];
    this.#sockets.set(socketId, { node, told });
    return told;
  }

  drop(socketId: string): void {
    this.#sockets.delete(socketId);
    for (const members of this.#groups.values()) members.delete(socketId);
  }

  dropNode(node: string): void {
    for (const [socketId, socket] of this.#sockets) if (socket.node === node) this.drop(socketId);
  }

  /** Sockets of a group. */
  members(group: string): string[] {
    return [...(this.#groups.get(group) ?? [])].sort();
  }

  /** Groups that anybody is in. */
  get groups(): string[] {
    return [...this.#groups].filter(([, members]) => members.size > 0).map(([group]) => group);
  }

  /** As a process sees them. */
  of(node: string): SocketGroups {
    const emitHere = (group: string, event: GroupEvent, payload: object, except?: string) => {
      for (const socketId of this.#groups.get(group) ?? []) {
        const socket = this.#sockets.get(socketId);
        if (socketId !== except && socket?.node === node)
          socket.told.push({ event, payload: { ...payload } });
      }
    };
    return {
      join: (socketId, group) => {
        if (this.#sockets.get(socketId)?.node !== node) return false;
        const members = this.#groups.get(group) ?? new Set();
        this.#groups.set(group, members.add(socketId));
        return true;
      },
      unreadBytes: () => 0,
      leave: (socketId, group) => void this.#groups.get(group)?.delete(socketId),
      emitHere,
      emitTo: (socketId, event, payload) => {
        const socket = this.#sockets.get(socketId);
        if (socket?.node === node) socket.told.push({ event, payload: { ...payload } });
      },
    };
  }
}
