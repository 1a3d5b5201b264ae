import { randomUUID } from 'node:crypto';
import type { Accepted } from '@bongsu/protocol';
import type { CommandsDeps, RoomEntry, RoomGrant, RoomSubscriber } from '../../src/commands/index.js';
import type { Database } from '../../src/platform/database/database.js';
import type { UserPrincipal } from '../../src/platform/principal.js';
import { type CommandsHarness, commandsHarness, SENDER, userPrincipal } from './commands.js';

export interface Room {
  roomId: string;
  streamId: number;
  generation: number;
}

export interface RoomsHarness extends CommandsHarness {
  /** Open rooms by id, as `authorizeRoom` grants them to everybody. */
  rooms: Map<string, Room>;
  openRoom(roomId: string, screenIds?: readonly string[]): Promise<Room>;
  addMember(roomId: string, screenId: string): Promise<boolean>;
  grant(roomId: string): RoomGrant;
  post(roomId: string, fields?: { id?: string; data?: unknown }, options?: PostOptions): Promise<Accepted>;
}

export interface PostOptions {
  principal?: UserPrincipal;
  socketId?: string;
}

/** The commands domain with rooms that everybody may use, over a real database. */
export function roomsHarness(database: Database, overrides: Partial<CommandsDeps> = {}): RoomsHarness {
  const rooms = new Map<string, Room>();
  const harness = commandsHarness(database, {
    authorizeRoom: (_principal, roomId) => (rooms.has(roomId) ? grant(roomId) : undefined),
    ...overrides,
  });
  const { commands } = harness;
  const roomOf = (roomId: string): Room => {
    const room = rooms.get(roomId);
    if (!room) throw new Error(`No room ${roomId}`);
    return room;
  };
  const grant = (roomId: string) => commands.rooms.grant({ ...roomOf(roomId), mayCommand: true });
  const addMember = (roomId: string, screenId: string) =>
    database.transaction((tx) =>
      commands.rooms.addScreen(tx, roomOf(roomId), {
        streamId: harness.screens.get(screenId) ?? 0,
        addedBy: SENDER,
        addedAt: Date.now(),
      }),
    );
  return {
    ...harness,
    rooms,
    grant,
    addMember,
    async openRoom(roomId, screenIds = []) {
      const { streamId, generation } = await database.transaction((tx) => commands.rooms.open(tx, roomId));
      const room = { roomId, streamId, generation };
      rooms.set(roomId, room);
      for (const screenId of screenIds) await addMember(roomId, screenId);
      return room;
    },
    post: (roomId, { id = randomUUID(), data = null } = {}, options = {}) =>
      commands.rooms.message(
        { principal: userPrincipal(), socketId: 'socket', ...options },
        { id, timestamp: Date.now(), roomId, data },
      ),
  };
}

export function triggerRoom(roomId: string, fields: object = {}): { id: string } & Record<string, unknown> {
  return { id: randomUUID(), timestamp: Date.now(), target: { roomId }, action: 'show', ...fields };
}

/** Keeps what it was given. */
export class Reader implements RoomSubscriber {
  readonly entries: RoomEntry[] = [];
  readonly endings: string[] = [];
  readonly #waiting: { count: number; resolve: () => void }[] = [];

  get seqs(): number[] {
    return this.entries.map(({ seq }) => seq);
  }

  entry(entry: RoomEntry): void {
    this.entries.push(entry);
    for (const waiting of this.#waiting) if (this.entries.length >= waiting.count) waiting.resolve();
  }

  ended(reason: string): void {
    this.endings.push(reason);
  }

  /** Resolves when this many came in all. */
  async received(count: number): Promise<RoomEntry[]> {
    if (this.entries.length < count)
      await new Promise<void>((resolve) => this.#waiting.push({ count, resolve }));
    return this.entries;
  }
}
