import type { Sender } from '@bongsu/protocol';

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

export function isRoomHint(message: unknown): message is RoomHint {
  return (
    typeof message === 'object' && message !== null && 'entries' in message && Array.isArray(message.entries)
  );
}
