import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { v4 as uuidv4 } from 'uuid';

/**
 * A client that names itself anew for each connection, as the SDK does. A balancer that hashes who a client is would otherwise take all
 * of one address to one node, and nothing would cross from node to node.
 */
export function connectAnew(url: string, options: Partial<ManagerOptions & SocketOptions>): Socket {
  const socket = io(url, { ...options, forceNew: true, query: { k: uuidv4() } });
  socket.io.on('reconnect_attempt', () => {
    socket.io.opts.query = { k: uuidv4() };
  });
  return socket;
}
