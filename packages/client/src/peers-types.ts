import type { RoomUser, SignalInput } from '@bongsu/protocol';

export interface PeersOptions {
  /** What everybody gets: all its tracks. */
  stream?: MediaStream;
  /** Tracks besides, each in a stream of its own. */
  tracks?: readonly MediaStreamTrack[];
  /** Of each RTCPeerConnection. `iceServers` here are used besides the server's. */
  config?: RTCConfiguration;
  /** Makes the connections; for tests and for Node. Default: the browser's RTCPeerConnection. */
  RTCPeerConnection?: new (
    config: RTCConfiguration,
  ) => RTCPeerConnection;
}

export interface PeersEvents {
  /**
   * A connection with somebody was made, the first or another one (they reloaded): the moment for data channels and statistics.
   */
  peer: { participantId: string; connection: RTCPeerConnection };
  track: { participantId: string; track: MediaStreamTrack; streams: readonly MediaStream[] };
  /** `new`: a connection is being made; the others as `connection.connectionState`. */
  state: { participantId: string; state: RTCPeerConnectionState };
  /** They left, and their connection is closed. */
  left: Pick<RoomUser, 'participantId'>;
  /** Something failed and is tried again, or was refused and is not needed (one of several ICE candidates). */
  error: { participantId: string; error: unknown };
}

/** A signal as it goes out. */
export type Outgoing = Omit<SignalInput, 'roomId' | 'to'>;
