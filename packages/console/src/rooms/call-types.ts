import type { BongsuError, RoomUser } from '@bongsu/protocol';
import type { CallEnd } from './call-end.js';
import type { MediaState, Saying } from './media-types.js';

/** Somebody else in the call. */
export interface Tile extends RoomUser {
  /** `reconnecting`: their link to the server is lost; the media may flow on. */
  seat: 'joined' | 'reconnecting';
  /** Of the connection from browser to browser. */
  link: RTCPeerConnectionState;
  /** Their picture and sound; undefined until something came. */
  stream: MediaStream | undefined;
  /** What they say of themselves over the peer connection. Undefined: nothing; then what comes is shown. */
  says: Saying | undefined;
}

export interface CallState {
  /** `ready`: not joined yet, or not any more. `waiting`: in the lobby. */
  phase: 'ready' | 'joining' | 'waiting' | 'joined' | 'reconnecting';
  end: CallEnd | undefined;
  participantId: string | undefined;
  tiles: Tile[];
  media: MediaState;
  /** Our own picture. */
  picture: MediaStream | undefined;
  /** Raised whenever somebody comes to the lobby. */
  knocks: number;
}

type Listen<Events> = <Name extends keyof Events>(
  event: Name,
  listener: (value: Events[Name]) => void,
) => () => void;

type Seated = RoomUser & { state: 'joined' | 'reconnecting' };

export type RoomState = 'joining' | 'waiting' | 'joined' | 'reconnecting' | 'closed';

interface RoomNews {
  state: { state: RoomState };
  rejoined: { participantId: string };
  joined: Seated;
  reconnecting: Seated;
  returned: Seated;
  left: RoomUser;
  waiting: RoomUser;
  closed: { reason: string; error?: BongsuError };
}

interface PeersNews {
  peer: { participantId: string; connection: RTCPeerConnection };
  track: { participantId: string; track: MediaStreamTrack };
  state: { participantId: string; state: RTCPeerConnectionState };
}

/** What a call uses of the SDK's room. */
export interface CallRoom {
  readonly participantId: string;
  readonly participants: ReadonlyMap<string, Seated>;
  on: Listen<RoomNews>;
  leave(): Promise<void>;
  peers(options: { stream: MediaStream }): Promise<CallPeers>;
}

/** What it uses of the SDK's peers. */
export interface CallPeers {
  readonly connections: ReadonlyMap<string, RTCPeerConnection>;
  on: Listen<PeersNews>;
  addTrack(track: MediaStreamTrack, ...streams: MediaStream[]): void;
  replaceTrack(old: MediaStreamTrack, next: MediaStreamTrack): Promise<void>;
}

export interface EnterOptions {
  /** The seat of before a reload. */
  participantId?: string;
  /** We are in the lobby. */
  onWaiting(): void;
  signal: AbortSignal;
}
