import type { RoomHistoryQuerySchema, RoomHistorySchema } from '@bongsu/protocol';
import type { z } from 'zod';
import { accessRoom } from './access.js';
import type { Call, RoomsContext } from './deps.js';
import { toWire } from './live-stream.js';
import { grantOf } from './room-access.js';

/**
 * What was said in a room after a position, in order.
 * @throws ROOM_NOT_FOUND, ROOM_CLOSED, UNAVAILABLE
 */
export async function readHistory(
  { database, streams }: Pick<RoomsContext, 'database' | 'streams'>,
  call: Call,
  roomId: string,
  { after, limit }: z.output<typeof RoomHistoryQuerySchema>,
): Promise<z.output<typeof RoomHistorySchema>> {
  const room = await accessRoom(database, call, roomId, 'rooms.read');
  const grant = streams.grant(grantOf(room, 'admin'));
  const { entries, lastSeq, floorSeq, epoch } = await streams.page(grant, after, limit);
  const last = entries.at(-1)?.seq ?? lastSeq;
  return {
    items: entries.map((entry) => ({ ...toWire(entry, epoch) })),
    nextCursor: last < lastSeq ? String(last) : null,
    lastSeq,
    floorSeq,
    epoch,
  };
}
