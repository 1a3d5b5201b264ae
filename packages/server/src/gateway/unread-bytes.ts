import type { Socket } from 'socket.io';

/** Where Engine.IO and ws keep what was not sent; not in their types. */
interface Outgoing {
  writeBuffer: { data?: string | Buffer }[];
  transport: { socket?: { bufferedAmount: number } };
}

/** What the transport has not taken yet, because the peer does not read. Characters of text count as bytes. */
export function unreadBytes({ conn }: Socket): number {
  const { writeBuffer, transport } = conn as unknown as Outgoing;
  // Of a websocket: what the kernel has not taken.
  let bytes = transport.socket?.bufferedAmount ?? 0;
  for (const { data } of writeBuffer) {
    bytes += typeof data === 'string' ? data.length : (data?.byteLength ?? 0);
  }
  return bytes;
}
