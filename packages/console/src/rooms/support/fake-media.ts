import type { DeviceKind, MediaSource } from '../media-types.js';

/** A track of no device. */
export class FakeTrack extends EventTarget {
  enabled = true;
  readyState: MediaStreamTrackState = 'live';

  constructor(
    readonly kind: 'audio' | 'video',
    readonly label: string,
    readonly deviceId?: string,
  ) {
    super();
  }

  getSettings(): MediaTrackSettings {
    return this.deviceId === undefined ? {} : { deviceId: this.deviceId };
  }

  stop(): void {
    this.readyState = 'ended';
  }

  /** Pulled out, or ended by the browser: only then there is an event. */
  end(): void {
    this.readyState = 'ended';
    this.dispatchEvent(new Event('ended'));
  }

  get real(): MediaStreamTrack {
    return this as unknown as MediaStreamTrack;
  }
}

export function fakeStream(tracks: readonly MediaStreamTrack[]): MediaStream {
  const of = (kind: string) => tracks.filter((track) => track.kind === kind);
  return {
    getTracks: () => [...tracks],
    getAudioTracks: () => of('audio'),
    getVideoTracks: () => of('video'),
  } as unknown as MediaStream;
}

export function refusal(name: string): Error {
  return Object.assign(new Error(name), { name });
}

type Wish = boolean | MediaTrackConstraints | undefined;

/** A browser's devices, as many as `cameras` and `microphones` name. */
export class FakeDevices extends EventTarget {
  /** What getUserMedia refuses a kind with. */
  readonly refused: Partial<Record<'audio' | 'video', string>> = {};
  /** What getDisplayMedia refuses with. */
  refusedScreen: string | undefined;
  /** Devices that another program has. */
  readonly taken = new Set<string>();
  /** As on phones: no second camera before the first is closed. */
  oneAtATime = false;
  /** What was decided before; nothing where the browser does not tell. */
  readonly decided: Partial<Record<DeviceKind, PermissionState>> = {};
  /** All tracks that were ever lent, oldest first. */
  readonly lent: FakeTrack[] = [];
  /** How often somebody was asked. */
  questions = 0;
  private holding: Promise<void> | undefined;

  constructor(
    readonly cameras: string[] = ['cam-1'],
    readonly microphones: string[] = ['mic-1'],
  ) {
    super();
  }

  /** From now on the person thinks, until the returned function is called. */
  hold(): () => void {
    let release = () => {};
    this.holding = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  }

  async getUserMedia({ audio, video }: MediaStreamConstraints = {}): Promise<MediaStream> {
    this.questions += 1;
    await this.holding;
    return fakeStream([
      ...this.lend('audio', audio, this.microphones),
      ...this.lend('video', video, this.cameras),
    ]);
  }

  async getDisplayMedia(): Promise<MediaStream> {
    await this.holding;
    if (this.refusedScreen) throw refusal(this.refusedScreen);
    const track = new FakeTrack('video', 'screen');
    this.lent.push(track);
    return fakeStream([track.real]);
  }

  async enumerateDevices(): Promise<MediaDeviceInfo[]> {
    const of = (kind: MediaDeviceKind, ids: string[]) =>
      ids.map((deviceId) => ({ kind, deviceId, label: `The ${deviceId}` }) as MediaDeviceInfo);
    return [...of('audioinput', this.microphones), ...of('videoinput', this.cameras)];
  }

  private lend(kind: 'audio' | 'video', wish: Wish, ids: string[]): MediaStreamTrack[] {
    if (!wish) return [];
    const refused = this.refused[kind];
    if (refused) throw refusal(refused);
    const exact = typeof wish === 'object' ? (wish.deviceId as { exact: string }).exact : undefined;
    const id = ids.find((one) => exact === undefined || one === exact);
    if (id === undefined) throw refusal('NotFoundError');
    const isOpen = this.lent.some((track) => track.kind === kind && track.readyState === 'live');
    if (this.taken.has(id) || (this.oneAtATime && isOpen)) throw refusal('NotReadableError');
    const track = new FakeTrack(kind, id, id);
    this.lent.push(track);
    return [track.real];
  }

  source(): MediaSource {
    return {
      devices: this as unknown as NonNullable<MediaSource['devices']>,
      permission: async (kind) => this.decided[kind],
      blank: () => new FakeTrack('video', 'blank').real,
    };
  }
}
