import type { CallPeers } from './call-types.js';
import type { LocalMedia } from './local-media.js';

/** Keeps what the peers get of us the same as what we have: one picture always, and sound once there is a microphone. */
export class Outgoing {
  readonly #media: LocalMedia;
  readonly #stream: MediaStream;
  readonly #peers: CallPeers;
  #video: MediaStreamTrack;
  #audio: MediaStreamTrack | undefined;
  /** One exchange after the other: each finds the track that the one before has put there. */
  #exchanging: Promise<void> = Promise.resolve();

  private constructor(media: LocalMedia, stream: MediaStream, peers: CallPeers) {
    this.#media = media;
    this.#stream = stream;
    this.#peers = peers;
    [this.#video] = stream.getVideoTracks() as [MediaStreamTrack];
    [this.#audio] = stream.getAudioTracks();
  }

  /** Starts with what there is now; `sync` then sends what changed while the peers were made. */
  static async start(
    media: LocalMedia,
    newStream: (tracks: MediaStreamTrack[]) => MediaStream,
    connect: (stream: MediaStream) => Promise<CallPeers>,
  ): Promise<Outgoing> {
    const { audio, video } = media;
    const stream = newStream(audio ? [audio, video] : [video]);
    return new Outgoing(media, stream, await connect(stream));
  }

  get peers(): CallPeers {
    return this.#peers;
  }

  /** Call it whenever the media changed. Resolves when everybody gets what there is now. */
  sync(): Promise<void> {
    this.#exchanging = this.#exchanging.then(() => this.#exchange());
    return this.#exchanging;
  }

  async #exchange(): Promise<void> {
    const { video, audio } = this.#media;
    if (video !== this.#video) {
      const old = this.#video;
      this.#video = video;
      await this.#replace(old, video);
    }
    if (!audio || audio === this.#audio) return;
    const old = this.#audio;
    this.#audio = audio;
    if (old) await this.#replace(old, audio);
    else this.#peers.addTrack(audio, this.#stream);
  }

  /** A connection that refuses is one that is being closed, or is made anew with what there is then. */
  async #replace(old: MediaStreamTrack, next: MediaStreamTrack): Promise<void> {
    await this.#peers.replaceTrack(old, next).catch(() => undefined);
  }
}
