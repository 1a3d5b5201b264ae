import {
  BongsuError,
  type IceServers,
  type Joined,
  type SignalEvent,
  type Signaled,
  type SignalInput,
} from '@bongsu/protocol';
import { ask } from './ask.js';
import type { Peers } from './peers.js';
import type { PeersOptions } from './peers-types.js';
import type { Room } from './room.js';
import type { RoomDeps } from './room-deps.js';

/** Signals that come before there are peers to take them. */
const MAX_EARLY_SIGNALS = 512;

interface RoomCallsOptions extends Pick<RoomDeps, 'clock' | 'request' | 'link' | 'serverNow' | 'loadPeers'> {
  room: Pick<Room, 'roomId' | 'state' | 'participants' | 'on'>;
}

/** What a room has for its calls: the signals, the ICE servers, and once somebody asks for them the peers. */
export class RoomCalls {
  iceServers: IceServers = { iceServers: [], expiresAt: null };
  private onSignal: ((signal: SignalEvent) => void) | undefined;
  private early: SignalEvent[] = [];
  private media: Peers | undefined;

  constructor(private readonly options: RoomCallsOptions) {}

  async peers(options: PeersOptions): Promise<Peers> {
    const { room, clock, serverNow, loadPeers } = this.options;
    const { Peers } = await loadPeers();
    if (this.media && !this.media.closed) return this.media;
    const media = new Peers({ room, calls: this, clock, serverNow, options });
    this.media = media;
    // The room ended meanwhile.
    if (room.state === 'closed') media.close();
    return media;
  }

  /** Where signals go; what came before is told at once. */
  takeSignals(handler: ((signal: SignalEvent) => void) | undefined): void {
    this.onSignal = handler;
    if (handler) for (const signal of this.early.splice(0)) handler(signal);
  }

  onSignaled(signal: SignalEvent): void {
    if (this.onSignal) this.onSignal(signal);
    else if (this.early.length < MAX_EARLY_SIGNALS) this.early.push(signal);
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
    this.media?.close();
  }
}
