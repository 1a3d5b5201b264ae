import {
  BongsuError,
  type IceServers,
  type Joined,
  type SignalEvent,
  type Signaled,
  type SignalInput,
} from '@bongsu/protocol';
import { ask } from './ask.js';
import { EarlySignals } from './early-signals.js';
import type { Peers } from './peers.js';
import type { PeersOptions } from './peers-types.js';
import type { Room } from './room.js';
import type { RoomDeps } from './room-deps.js';

interface RoomCallsOptions extends Pick<RoomDeps, 'clock' | 'request' | 'link' | 'serverNow' | 'loadPeers'> {
  room: Pick<Room, 'roomId' | 'state' | 'participants' | 'on'>;
}

/** What a room has for its calls: the signals, the ICE servers, and once somebody asks for them the peers. */
export class RoomCalls {
  iceServers: IceServers = { iceServers: [], expiresAt: null };
  private onSignal: ((signal: SignalEvent) => void) | undefined;
  private readonly early = new EarlySignals();
  private media: { peers: Peers; options: PeersOptions } | undefined;

  constructor(private readonly options: RoomCallsOptions) {
    const { room } = options;
    room.on('left', ({ participantId }) => this.early.drop(participantId));
    // Another page, whose connection is another.
    room.on('returned', ({ participantId, resumed }) => resumed || this.early.drop(participantId));
    room.on('rejoined', ({ anew }) => anew && this.early.clear());
  }

  async peers(options: PeersOptions): Promise<Peers> {
    const { room, clock, serverNow, loadPeers } = this.options;
    const Connection = options.RTCPeerConnection ?? globalThis.RTCPeerConnection;
    if (!Connection && !this.open)
      throw new TypeError('There is no RTCPeerConnection here: give one by `RTCPeerConnection`');
    const { Peers } = await loadPeers();
    const { open } = this;
    if (open) {
      const others = differing(options, open.options);
      if (others.length > 0) throw new BongsuError('CONFLICT', { details: { options: others } });
      return open.peers;
    }
    const peers = new Peers({ room, calls: this, clock, serverNow, options });
    this.media = { peers, options };
    // The room ended meanwhile.
    if (room.state === 'closed') peers.close();
    return peers;
  }

  /** Where signals go; what came before and still counts is told at once. */
  takeSignals(handler: ((signal: SignalEvent) => void) | undefined): void {
    this.onSignal = handler;
    if (handler) for (const signal of this.early.take()) handler(signal);
  }

  onSignaled(signal: SignalEvent): void {
    if (this.onSignal) this.onSignal(signal);
    else this.early.push(signal);
  }

  onJoined({ iceServers, expiresAt }: Joined): void {
    this.iceServers = { iceServers, expiresAt };
  }

  /** @throws BongsuError UNAVAILABLE without a seat */
  signal(signal: Omit<SignalInput, 'roomId'>): Promise<Signaled> {
    const { room, clock } = this.options;
    const link = this.options.link();
    if (room.state !== 'joined' || !link) return Promise.reject(new BongsuError('UNAVAILABLE'));
    return ask(clock, link, (ack) => link.emit('signal', { ...signal, roomId: room.roomId }, ack));
  }

  async renewIceServers(signal?: AbortSignal): Promise<IceServers> {
    const { room, request } = this.options;
    const path = `/api/ice-servers?roomId=${encodeURIComponent(room.roomId)}`;
    this.iceServers = await request<IceServers>(path, signal ? { signal } : {});
    return this.iceServers;
  }

  close(): void {
    this.early.clear();
    this.media?.peers.close();
  }

  private get open() {
    return this.media?.peers.closed === false ? this.media : undefined;
  }
}

/** The names of what is given and was not so the first time. What makes the connections does not matter. */
function differing(given: PeersOptions, first: PeersOptions): string[] {
  const isSame = {
    stream: given.stream === first.stream,
    tracks:
      given.tracks?.length === first.tracks?.length &&
      given.tracks?.every((one, at) => one === first.tracks?.[at]),
    config: JSON.stringify(given.config) === JSON.stringify(first.config),
  };
  const names = Object.keys(isSame) as (keyof typeof isSame)[];
  return names.filter((name) => given[name] !== undefined && !isSame[name]);
}
