import type { Clock } from './clock.js';
import { Emitter } from './emitter.js';
import { IceServerSource } from './ice-servers.js';
import { LocalTracks } from './local-tracks.js';
import { onNetworkChange } from './network.js';
import { Peer } from './peer.js';
import type { PeersEvents, PeersOptions } from './peers-types.js';
import type { Room } from './room.js';
import type { RoomCalls } from './room-calls.js';

/** Peer connections with everybody in a room. Made by `room.peers`. */
export class Peers extends Emitter<PeersEvents> {
  closed = false;
  private readonly peers = new Map<string, Peer>();
  private readonly tracks: LocalTracks;
  private readonly ice: IceServerSource;
  private readonly stops: (() => void)[];

  constructor(
    private readonly given: {
      room: Pick<Room, 'state' | 'participants' | 'on'>;
      calls: Pick<RoomCalls, 'iceServers' | 'takeSignals' | 'signal' | 'renewIceServers'>;
      clock: Clock;
      serverNow: () => number;
      options: PeersOptions;
    },
  ) {
    super();
    const { room, calls, clock, serverNow, options } = given;
    this.tracks = new LocalTracks(options.stream, options.tracks);
    this.ice = new IceServerSource({
      clock,
      serverNow,
      renew: (signal) => calls.renewIceServers(signal),
      onChange: () => this.configure(),
    });
    this.ice.take(calls.iceServers);
    this.stops = [
      room.on('joined', ({ participantId, polite }) => this.add(participantId, polite)),
      room.on('left', ({ participantId }) => this.remove(participantId)),
      room.on('returned', ({ participantId, resumed }) =>
        this.peers.get(participantId)?.onReturned({ resumed }),
      ),
      room.on('rejoined', ({ anew }) => this.onRejoined(anew)),
      onNetworkChange(() => this.each((peer) => peer.onNetworkChange())),
    ];
    // Whoever awaits this object has its listeners to attach first.
    this.stops.push(clock.after(0, () => this.begin()));
  }

  /** The connections as they are now, by participantId; of some there may be none yet. */
  get connections(): ReadonlyMap<string, RTCPeerConnection> {
    const made = [...this.peers].flatMap(([id, { connection }]) =>
      connection ? [[id, connection] as const] : [],
    );
    return new Map(made);
  }

  /**
   * Gives everybody one more track, now and later; without streams, in one of its own.
   * @example
   * const screen = await navigator.mediaDevices.getDisplayMedia();
   * const [track] = screen.getVideoTracks();
   * peers.addTrack(track, screen);
   * track.addEventListener('ended', () => peers.removeTrack(track));
   */
  addTrack(track: MediaStreamTrack, ...streams: MediaStream[]): void {
    this.tracks.add(track, streams);
    this.eachConnection((connection) => this.tracks.attachTo(connection));
  }

  /** Takes it from everybody. The track itself goes on: stop it where it was made. */
  removeTrack(track: MediaStreamTrack): void {
    this.tracks.remove(track);
    this.eachConnection((connection) => this.tracks.detachFrom(connection, track));
  }

  /**
   * Shows another track of the same kind in the place of one, without a new negotiation.
   * @example await peers.replaceTrack(camera, screen); // and back: peers.replaceTrack(screen, camera)
   * @throws TypeError when `old` is not sent; what RTCRtpSender.replaceTrack throws, of the first connection that refuses: then all
   * go on with `old`
   */
  async replaceTrack(old: MediaStreamTrack, next: MediaStreamTrack): Promise<void> {
    this.tracks.replace(old, next);
    try {
      await this.exchange(old, next);
    } catch (error) {
      if (this.tracks.has(next)) {
        this.tracks.replace(next, old);
        await this.exchange(next, old).catch(() => {});
      }
      throw error;
    }
  }

  /** Ends all connections. The tracks go on, and so does the room. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    for (const stop of this.stops) stop();
    this.given.calls.takeSignals(undefined);
    this.ice.close();
    this.each((peer) => peer.close());
    this.peers.clear();
  }

  /** On all connections; then tells what the first that refused said. */
  private async exchange(old: MediaStreamTrack, next: MediaStreamTrack): Promise<void> {
    const connections = [...this.connections.values()];
    const results = await Promise.allSettled(
      connections.map((connection) => this.tracks.exchangeOn(connection, old, next)),
    );
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  private begin(): void {
    const { room, calls } = this.given;
    for (const { participantId, polite } of room.participants.values()) this.add(participantId, polite);
    calls.takeSignals((signal) => this.peers.get(signal.from)?.onSignal(signal));
  }

  private add(participantId: string, polite: boolean): void {
    if (this.closed || this.peers.has(participantId)) return;
    const { room, calls, clock } = this.given;
    const peer = new Peer({
      polite,
      clock,
      tracks: this.tracks,
      isSeated: () => room.state === 'joined',
      send: (signal) => calls.signal({ ...signal, to: participantId }),
      connect: () => this.connect(),
      freshen: () => this.ice.freshen(),
      onConnection: (connection) => this.emit('peer', { participantId, connection }),
      onTrack: ({ track, streams }) => this.emit('track', { participantId, track, streams }),
      onState: (state) => this.emit('state', { participantId, state }),
      onError: (error) => this.emit('error', { participantId, error }),
    });
    this.peers.set(participantId, peer);
    peer.start();
  }

  private remove(participantId: string): void {
    const peer = this.peers.get(participantId);
    if (!peer) return;
    this.peers.delete(participantId);
    peer.close();
    this.emit('left', { participantId });
  }

  /** With another seat we are somebody else to all. */
  private onRejoined(anew: boolean): void {
    const { room, calls } = this.given;
    this.ice.take(calls.iceServers);
    if (anew) {
      for (const id of [...this.peers.keys()]) this.remove(id);
      for (const { participantId, polite } of room.participants.values()) this.add(participantId, polite);
    } else {
      this.each((peer) => peer.onSeated());
    }
  }

  private connect(): RTCPeerConnection {
    const Connection = this.given.options.RTCPeerConnection ?? globalThis.RTCPeerConnection;
    if (!Connection)
      throw new TypeError('There is no RTCPeerConnection here: give one by `RTCPeerConnection`');
    return new Connection(this.configuration());
  }

  private configuration(): RTCConfiguration {
    const { calls, options } = this.given;
    const iceServers = [
      ...(options.config?.iceServers ?? []),
      ...(calls.iceServers.iceServers as RTCIceServer[]),
    ];
    return { ...options.config, iceServers };
  }

  private configure(): void {
    const configuration = this.configuration();
    this.eachConnection((connection) => {
      if (connection.signalingState !== 'closed') connection.setConfiguration(configuration);
    });
  }

  private each(task: (peer: Peer) => void): void {
    for (const peer of [...this.peers.values()]) task(peer);
  }

  private eachConnection(task: (connection: RTCPeerConnection) => void): void {
    for (const connection of this.connections.values()) task(connection);
  }
}
