import type { Namespace, Socket } from 'socket.io';
import type { SocketGroups } from '../platform/push.js';
import type { OtherNodes } from './other-nodes.js';
import { unreadBytes } from './unread-bytes.js';

/** Socket.IO puts each socket into a room of its own id, which has no colon. */
const nameOf = (group: string) => `group:${group}`;

/** In how many rooms a socket has a seat: each has a group of its own for those in it. */
export function countRooms(socket: Socket): number {
  let count = 0;
  for (const name of socket.rooms) if (name.startsWith(nameOf('room:'))) count += 1;
  return count;
}

/**
 * Groups as rooms of Socket.IO: each broadcast is encoded once here, and once for all other nodes. Domains get it before
 * there are sockets; until `bind` nobody is in any group.
 */
export class NamespaceGroups implements SocketGroups {
  readonly #others: Pick<OtherNodes, 'emit'> | undefined;
  #namespace: Namespace | undefined;

  constructor(others?: Pick<OtherNodes, 'emit'>) {
    this.#others = others;
  }

  bind(namespace: Namespace): void {
    this.#namespace = namespace;
  }

  join(socketId: string, group: string): boolean {
    const socket = this.#namespace?.sockets.get(socketId);
    if (!socket?.connected) return false;
    void socket.join(nameOf(group));
    return true;
  }

  leave(socketId: string, group: string): void {
    void this.#namespace?.sockets.get(socketId)?.leave(nameOf(group));
  }

  unreadBytes(socketId: string): number {
    const socket = this.#namespace?.sockets.get(socketId);
    return socket ? unreadBytes(socket) : 0;
  }

  emit: SocketGroups['emit'] = (group, event, payload, exceptSocketId) => {
    this.emitHere(group, event, payload, exceptSocketId);
    // The one that is left out is of this node.
    this.#others?.emit([nameOf(group)], event, payload);
  };

  emitHere: SocketGroups['emitHere'] = (group, event, payload, exceptSocketId) => {
    const here = this.#namespace?.local.to(nameOf(group));
    (exceptSocketId === undefined ? here : here?.except(exceptSocketId))?.emit(event, payload);
  };

  emitTo: SocketGroups['emitTo'] = (socketId, event, payload) => {
    this.#namespace?.sockets.get(socketId)?.emit(event as string, payload);
  };
}
