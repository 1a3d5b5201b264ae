/** What everybody gets of us, the same on all connections. */
export class LocalTracks {
  private tracks = new Map<MediaStreamTrack, readonly MediaStream[]>();
  /** The tracks that senders are being given: browsers show them once they have them. */
  private readonly coming = new WeakMap<RTCRtpSender, { track: MediaStreamTrack }>();

  constructor(stream?: MediaStream, tracks: readonly MediaStreamTrack[] = []) {
    for (const track of stream?.getTracks() ?? []) this.tracks.set(track, stream ? [stream] : []);
    for (const track of tracks) if (!this.tracks.has(track)) this.add(track, []);
  }

  add(track: MediaStreamTrack, streams: readonly MediaStream[]): void {
    this.tracks.set(track, streams.length > 0 ? streams : streamOf(track));
  }

  has(track: MediaStreamTrack): boolean {
    return this.tracks.has(track);
  }

  remove(track: MediaStreamTrack): void {
    this.tracks.delete(track);
  }

  /** In the place of the old one, for connections that are made later. @throws TypeError when the old one is not sent */
  replace(old: MediaStreamTrack, next: MediaStreamTrack): void {
    if (!this.tracks.has(old)) throw new TypeError('This track is not sent: add it by addTrack first');
    this.tracks = new Map(
      [...this.tracks].map(([track, streams]) => [track === old ? next : track, streams]),
    );
  }

  /** Adds what the connection does not send yet. */
  attachTo(connection: RTCPeerConnection): void {
    const sent = new Set(connection.getSenders().map((sender) => this.trackOf(sender)));
    for (const [track, streams] of this.tracks) if (!sent.has(track)) connection.addTrack(track, ...streams);
  }

  detachFrom(connection: RTCPeerConnection, track: MediaStreamTrack): void {
    const sender = this.senderOf(connection, track);
    if (sender) connection.removeTrack(sender);
  }

  /** Without a new negotiation where the browser can do without. */
  async exchangeOn(
    connection: RTCPeerConnection,
    old: MediaStreamTrack,
    next: MediaStreamTrack,
  ): Promise<void> {
    const sender = this.senderOf(connection, old);
    if (!sender) return;
    const coming = { track: next };
    this.coming.set(sender, coming);
    try {
      await sender.replaceTrack(next);
    } catch (error) {
      // Who left meanwhile refuses nothing.
      if (connection.signalingState !== 'closed') throw error;
    } finally {
      if (this.coming.get(sender) === coming) this.coming.delete(sender);
    }
  }

  private senderOf(connection: RTCPeerConnection, track: MediaStreamTrack): RTCRtpSender | undefined {
    return connection.getSenders().find((sender) => this.trackOf(sender) === track);
  }

  /** What it sends, or will in a moment. */
  private trackOf(sender: RTCRtpSender): MediaStreamTrack | null {
    return this.coming.get(sender)?.track ?? sender.track;
  }
}

/** The other side shows streams: a track without one of its own would arrive without any. */
function streamOf(track: MediaStreamTrack): MediaStream[] {
  return globalThis.MediaStream ? [new MediaStream([track])] : [];
}
