import type { Namespace, Socket } from 'socket.io';
import type { SocketGroups } from '../platform/push.js';
import { unreadBytes } from './unread-bytes.js';

/** Socket.IO puts each socket into a room of its own id, which has no colon. */
const nameOf = (group: string) => `group:${group}`;

/** In how many rooms a socket has a seat: each has a group of its own for those in it. */
export function countRooms(socket: Socket): number {
  let count = 0;
  for (const name of socket.rooms) if (name.startsWith(nameOf('room:'))) count += 1;
  return count;
}

/** Groups as rooms of Socket.IO. Domains get it before there are sockets; until `bind` nobody is in any group. */
export class NamespaceGroups implements SocketGroups {
  #namespace: Namespace | undefined;

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

  emitHere: SocketGroups['emitHere'] = (group, event, payload, exceptSocketId) => {
    const here = this.#namespace?.local.to(nameOf(group));
    (exceptSocketId === undefined ? here : here?.except(exceptSocketId))?.emit(event, payload);
  };

  emitTo: SocketGroups['emitTo'] = (socketId, event, payload) => {
    this.#namespace?.sockets.get(socketId)?.emit(event as string, payload);
  };
}
