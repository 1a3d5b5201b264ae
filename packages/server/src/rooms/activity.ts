import type { UserPrincipal } from '../platform/principal.js';
import type { RoomRow, RoomsDeps } from './deps.js';
import type { LiveRooms } from './live-rooms.js';
import { hears, type RoomAccess } from './room-access.js';
import { touchRooms } from './store/rooms.js';

const WRITE_EVERY_MS = 60_000;

/** Notes that something happens in rooms, each at most once a minute. */
export class RoomActivity {
  constructor(
    private readonly deps: Pick<RoomsDeps, 'database' | 'databaseClock' | 'log'> & {
      live: Pick<LiveRooms, 'here'>;
      access: Pick<RoomAccess, 'role'>;
    },
  ) {}

  /** To be called as often as one likes; what cannot be written is left to the next call. */
  touch({ id, roomId }: Pick<RoomRow, 'id' | 'roomId'>): void {
    const { database, databaseClock, live, log } = this.deps;
    const room = live.here(roomId);
    const now = Math.floor(databaseClock());
    if (room?.room.id !== id || now - room.touchedAt < WRITE_EVERY_MS) return;
    room.touchedAt = now;
    touchRooms(database, [id], now).catch((error: unknown) => {
      room.touchedAt = 0;
      log.warn({ err: error, roomId }, 'that a room is in use could not be written');
    });
  }

  /** As `touch`, if the user is a member of that room. Never rejects. */
  async touchFor(user: UserPrincipal, roomId: string): Promise<void> {
    try {
      const standing = await this.deps.access.role(user, roomId);
      if (hears(standing)) this.touch(standing.room);
    } catch (error) {
      this.deps.log.warn({ err: error, roomId }, 'whose room it is could not be read');
    }
  }
}
