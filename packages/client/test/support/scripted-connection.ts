/** What two descriptions have to agree on, as lines of an SDP. */
interface Described {
  type: 'offer' | 'answer';
  sdp: string;
}

interface Sdp {
  session: string;
  fragment: string;
  media: string[];
}

class StateError extends Error {
  override name = 'InvalidStateError';
}

function write({ session, fragment, media }: Sdp, version: number): string {
  const lines = [`v=0`, `o=- ${session} ${version} IN IP4 127.0.0.1`, 's=-', `a=ice-ufrag:${fragment}`];
  return [...lines, ...media.map((kind) => `m=${kind} 9 UDP/TLS/RTP/SAVPF 111`), ''].join('\r\n');
}

function read(sdp: string): Sdp {
  const session = /^o=- (\S+)/m.exec(sdp)?.[1] ?? '';
  const fragment = /^a=ice-ufrag:(\S+)/m.exec(sdp)?.[1] ?? '';
  return { session, fragment, media: [...sdp.matchAll(/^m=(\w+)/gm)].map(([, kind]) => kind ?? '') };
}

/** What connections run on: `soon` queues a browser's task, of one connection in order. */
export interface Browser {
  soon(owner: object, task: () => void): void;
}

/** The media paths between connections. */
export class MediaNetwork {
  readonly all = new Set<ScriptedConnection>();
  private made = 0;
  cut = false;

  constructor(readonly browser: Browser) {}

  /** The class to give to the SDK. */
  get RTCPeerConnection(): new (
    config: RTCConfiguration,
  ) => RTCPeerConnection {
    const network = this;
    return class extends ScriptedConnection {
      constructor(config: RTCConfiguration) {
        network.made += 1;
        super(network, `${network.made}`, config);
        network.all.add(this);
      }
    } as unknown as new (
      config: RTCConfiguration,
    ) => RTCPeerConnection;
  }

  /** Whom this one's packets reach and whose reach it. */
  partnerOf(one: ScriptedConnection): ScriptedConnection | undefined {
    if (this.cut) return undefined;
    return [...this.all].find((other) => other !== one && one.hears(other) && other.hears(one));
  }

  /** ICE looks whom it reaches: up, or one step further down. */
  look(): void {
    for (const connection of this.all) connection.look();
  }
}

type State = RTCSignalingState;

/** An RTCPeerConnection without media, whose signaling obeys the W3C's state machine, its operations chain and its rollback. */
export class ScriptedConnection extends EventTarget {
  signalingState: State = 'stable';
  iceConnectionState: RTCIceConnectionState = 'new';
  connectionState: RTCPeerConnectionState = 'new';
  rollbacks = 0;
  readonly transceivers: { kind: string; sender: { track: MediaStreamTrack | null } }[] = [];
  private readonly current: { local?: Sdp; remote?: Sdp } = {};
  private readonly pending: { local?: Described; remote?: Described } = {};
  private said: { local?: Described; remote?: Described } = {};
  private candidates = new Set<string>();
  private fragments = 0;
  private fragment = '';
  private restartDue = false;
  private isNeeded = false;
  private chain: Promise<unknown> = Promise.resolve();
  private operations = 0;
  private updateWhenEmpty = false;
  private version = 0;
  private checks = 0;

  constructor(
    private readonly network: MediaNetwork,
    readonly session: string,
    public config: RTCConfiguration,
  ) {
    super();
    this.newFragment();
  }

  /** The ICE servers of the present generation. */
  gatheredBy: RTCIceServer[] | undefined;

  get localDescription(): Described | null {
    return this.pending.local ?? this.said.local ?? null;
  }
  get remoteDescription(): Described | null {
    return this.pending.remote ?? this.said.remote ?? null;
  }

  getSenders() {
    return this.transceivers.map(({ sender }) => sender);
  }
  getTransceivers() {
    return this.transceivers;
  }
  setConfiguration(config: RTCConfiguration): void {
    if (this.signalingState === 'closed') throw new StateError('closed');
    this.config = config;
  }

  addTrack(track: MediaStreamTrack) {
    if (this.signalingState === 'closed') throw new StateError('closed');
    const free = this.transceivers.find(({ kind, sender }) => kind === track.kind && sender.track === null);
    const sender = free?.sender ?? this.addTransceiver(track.kind).sender;
    sender.track = track;
    this.updateNeeded();
    return sender;
  }
  addTransceiver(kind: string) {
    const sender = {
      track: null as MediaStreamTrack | null,
      replaceTrack: async (next: MediaStreamTrack) => {
        sender.track = next;
      },
    };
    const made = { kind, sender };
    this.transceivers.push(made);
    this.updateNeeded();
    return made;
  }
  removeTrack(sender: { track: MediaStreamTrack | null }): void {
    sender.track = null;
  }

  restartIce(): void {
    this.restartDue = true;
    this.updateNeeded();
  }

  /** What `setLocalDescription` would offer, which may be given to it later. */
  async createOffer(): Promise<Described> {
    let sdp = '';
    await this.chained(async () => {
      if (this.signalingState !== 'stable') throw new StateError(`createOffer in ${this.signalingState}`);
      const media = this.transceivers.map(({ kind }) => kind);
      const fragment = this.restartDue ? this.fragmentOf(++this.fragments) : this.fragment;
      await this.turn();
      sdp = write({ session: this.session, fragment, media }, ++this.version);
    });
    return { type: 'offer', sdp };
  }

  setLocalDescription(given?: Described): Promise<void> {
    return this.chained(async () => {
      if (given) {
        if (this.signalingState !== 'stable') throw new StateError(`offer in ${this.signalingState}`);
        await this.turn();
        const { fragment } = read(given.sdp);
        if (fragment !== this.fragment) this.restartDue = false;
        this.fragment = fragment;
        this.pending.local = given;
        this.signalingState = 'have-local-offer';
        this.gather();
        return;
      }
      const isAnswer = this.signalingState === 'have-remote-offer';
      if (isAnswer) {
        // Freshly accepted ones, too: what the offer names is answered.
        const offered = read((this.pending.remote as Described).sdp);
        const isNewGeneration = this.current.remote && this.current.remote.fragment !== offered.fragment;
        if (isNewGeneration || this.restartDue) this.newFragment();
        const { media } = offered;
        const local = { session: this.session, fragment: this.fragment, media };
        await this.turn();
        this.settle({ type: 'answer', sdp: write(local, ++this.version) }, this.pending.remote as Described);
      } else {
        if (this.restartDue) this.newFragment();
        const media = this.transceivers.map(({ kind }) => kind);
        const local = { session: this.session, fragment: this.fragment, media };
        await this.turn();
        this.pending.local = { type: 'offer', sdp: write(local, ++this.version) };
        this.signalingState = 'have-local-offer';
      }
      this.gather();
    });
  }

  setRemoteDescription(description: Described): Promise<void> {
    return this.chained(async () => {
      await this.turn();
      const remote = read(description.sdp);
      const known = this.current.remote;
      if (description.type === 'offer') {
        if (this.signalingState === 'have-local-offer') {
          // Implicit rollback.
          this.rollbacks += 1;
          delete this.pending.local;
          this.signalingState = 'stable';
        }
        if (this.signalingState !== 'stable' && this.signalingState !== 'have-remote-offer')
          throw new StateError(`offer in ${this.signalingState}`);
        if (known && known.session !== remote.session) throw new Error('another fingerprint');
        if (known && remote.media.length < known.media.length) throw new Error('m-lines are missing');
        this.associate(remote.media);
        this.pending.remote = description;
        this.signalingState = 'have-remote-offer';
      } else {
        if (this.signalingState !== 'have-local-offer')
          throw new StateError(`answer in ${this.signalingState}`);
        const offered = this.pending.local as Described;
        if (known && known.session !== remote.session) throw new Error('another fingerprint');
        if (remote.media.join() !== read(offered.sdp).media.join()) throw new Error('other m-lines');
        this.settle(offered, description);
      }
    });
  }

  addIceCandidate(candidate?: RTCIceCandidateInit | null): Promise<void> {
    return this.chained(async () => {
      await this.turn();
      if (!this.remoteDescription) throw new StateError('no remote description');
      const fragment = candidate?.usernameFragment;
      if (!candidate?.candidate) return;
      if (fragment && fragment !== read(this.remoteDescription.sdp).fragment)
        throw new Error('another generation');
      this.candidates.add(candidate.candidate);
    });
  }

  close(): void {
    this.signalingState = 'closed';
    this.iceConnectionState = 'closed';
    this.connectionState = 'closed';
    this.network.all.delete(this);
  }

  hears(other: ScriptedConnection): boolean {
    const { local, remote } = this.current;
    if (!local || !remote || remote.session !== other.session) return false;
    const theirs = other.current.local;
    return (
      theirs?.fragment === remote.fragment &&
      [...this.candidates].some((line) => line.includes(remote.fragment))
    );
  }

  look(): void {
    if (!this.current.remote || this.signalingState === 'closed') return;
    const isUp = this.network.partnerOf(this) !== undefined;
    this.checks = isUp ? 0 : this.checks + 1;
    if (isUp) this.setIce('connected');
    else if (this.iceConnectionState === 'connected') this.setIce('disconnected');
    else if (this.iceConnectionState === 'new') this.setIce('checking');
    else if (this.checks > 3) this.setIce('failed');
  }

  private setIce(state: 'connected' | 'disconnected' | 'failed' | 'checking'): void {
    if (this.iceConnectionState === state) return;
    this.iceConnectionState = state;
    this.connectionState = state === 'checking' ? 'connecting' : state;
    this.fire('iceconnectionstatechange');
    this.fire('connectionstatechange');
  }

  private settle(local: Described, remote: Described): void {
    this.said = { local, remote };
    this.pending.local = undefined as never;
    this.pending.remote = undefined as never;
    delete this.pending.local;
    delete this.pending.remote;
    const before = this.current.remote?.fragment;
    this.current.local = read(local.sdp);
    this.current.remote = read(remote.sdp);
    if (before !== undefined && before !== this.current.remote.fragment)
      this.candidates = new Set(
        [...this.candidates].filter((line) => line.includes(this.current.remote?.fragment ?? '')),
      );
    this.restartDue &&= this.current.local.fragment !== this.fragment;
    this.signalingState = 'stable';
    this.isNeeded = false;
    this.updateNeeded();
  }

  /** Media that the other side offers: ours of the same kind go along with it. */
  private associate(media: string[]): void {
    for (const [at, kind] of media.entries()) {
      const own = this.transceivers.findIndex((one, place) => place >= at && one.kind === kind);
      const [moved] = own < 0 ? [] : this.transceivers.splice(own, 1);
      const fresh = { kind, sender: { track: null as MediaStreamTrack | null } };
      this.transceivers.splice(at, 0, moved ?? fresh);
    }
  }

  private newFragment(): void {
    this.fragments += 1;
    this.gatheredBy = this.config.iceServers;
    this.fragment = this.fragmentOf(this.fragments);
    this.restartDue = false;
  }

  private fragmentOf(count: number): string {
    return `u${this.session}x${count}.`;
  }

  private gather(): void {
    const { fragment } = this;
    const tell = (line: string | null) =>
      this.network.browser.soon(this, () => {
        if (this.signalingState === 'closed') return;
        const init = { candidate: line, sdpMid: '0', sdpMLineIndex: 0, usernameFragment: fragment };
        const event = new Event('icecandidate');
        this.dispatchEvent(
          Object.assign(event, { candidate: line === null ? null : { ...init, toJSON: () => init } }),
        );
      });
    tell(`candidate:1 1 udp 1 10.0.0.1 5000 typ host ufrag ${fragment}`);
    tell(null);
  }

  private needs(): boolean {
    return this.restartDue || this.transceivers.length > (this.current.local?.media.length ?? 0);
  }

  private updateNeeded(): void {
    if (this.operations > 0) {
      this.updateWhenEmpty = true;
      return;
    }
    this.network.browser.soon(this, () => {
      if (this.signalingState === 'closed') return;
      if (this.operations > 0) {
        this.updateWhenEmpty = true;
        return;
      }
      if (this.signalingState !== 'stable') return;
      if (!this.needs()) {
        this.isNeeded = false;
        return;
      }
      if (this.isNeeded) return;
      this.isNeeded = true;
      this.dispatchEvent(new Event('negotiationneeded'));
    });
  }

  private fire(name: string): void {
    this.network.browser.soon(this, () => {
      if (this.signalingState !== 'closed') this.dispatchEvent(new Event(name));
    });
  }

  private turn(): Promise<void> {
    return new Promise((resolve) => this.network.browser.soon(this, resolve));
  }

  /** One after the other; what a closed connection was asked never ends. */
  private chained(operation: () => Promise<void>): Promise<void> {
    if (this.signalingState === 'closed') return Promise.reject(new StateError('closed'));
    this.operations += 1;
    const result = this.chain.then(async () => {
      if (this.signalingState === 'closed') return new Promise<void>(() => {});
      await operation();
      // Closed meanwhile.
      if ((this.signalingState as State) === 'closed') return new Promise<void>(() => {});
    });
    this.chain = result
      .catch(() => {})
      .then(() => {
        this.operations -= 1;
        if (this.operations > 0 || !this.updateWhenEmpty) return;
        this.updateWhenEmpty = false;
        this.updateNeeded();
      });
    return result;
  }
}
