import type { Accepted } from '@bongsu/protocol';
import type { Request } from './api.js';
import type { SendOptions } from './client-types.js';
import type { Clock } from './clock.js';
import type { Link } from './connection.js';
import type { Peers } from './peers.js';

/** What a room uses of its client. */
export interface RoomDeps {
  clock: Clock;
  random: () => number;
  request: Request;
  link: () => Link | undefined;
  serverNow: () => number;
  /** Sends a message until it is accepted. */
  send: (draft: Record<string, unknown>, options: SendOptions) => Promise<Accepted>;
  isUnanswered: (id: string) => boolean;
  /** Has a seat, from now on or again. */
  onSeated: () => void;
  /** Only who calls has their code to load. */
  loadPeers: () => Promise<{ Peers: typeof Peers }>;
}

/** And what it asks of the rooms that it is one of. */
export interface OneRoomDeps extends RoomDeps {
  /** There is another one with its id: the seat is that one's. */
  isSucceeded: () => boolean;
}
