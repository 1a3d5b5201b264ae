/** Why a device gives nothing. `insecure`: browsers lend devices to pages over https only. */
export type Refusal = 'denied' | 'missing' | 'busy' | 'insecure';
export type DeviceState = 'off' | 'starting' | 'on' | Refusal;
export type DeviceKind = 'microphone' | 'camera';

export interface Device {
  id: string;
  label: string;
}

export interface MediaState {
  microphone: DeviceState;
  camera: DeviceState;
  screen: 'off' | 'starting' | 'on';
  devices: Record<DeviceKind, Device[]>;
  chosen: Record<DeviceKind, string | undefined>;
}

/** What of the browser it uses. `devices` is undefined where the browser lends none. */
export interface MediaSource {
  devices:
    | Pick<
        MediaDevices,
        'getUserMedia' | 'getDisplayMedia' | 'enumerateDevices' | 'addEventListener' | 'removeEventListener'
      >
    | undefined;
  /** A picture of nothing, sent while there is neither camera nor screen, so that one can take its place at any time. */
  blank(): MediaStreamTrack;
}

/** Our own microphone, camera and screen. A device that is off is let go, so that its light goes out; a microphone is muted. */
export class LocalMedia {
  state: MediaState = {
    microphone: 'off',
    camera: 'off',
    screen: 'off',
    devices: { microphone: [], camera: [] },
    chosen: { microphone: undefined, camera: undefined },
  };
  readonly #source: MediaSource;
  readonly #listeners = new Set<() => void>();
  readonly #tracks: Partial<Record<DeviceKind | 'screen' | 'blank', MediaStreamTrack>> = {};
  /** Raised by every order to a device, so that an answer that comes late changes nothing. */
  readonly #orders: Record<DeviceKind | 'screen', number> = { microphone: 0, camera: 0, screen: 0 };
  #closed = false;

  constructor(source: MediaSource) {
    this.#source = source;
    source.devices?.addEventListener('devicechange', this.#listDevices);
  }

  subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** What others hear; undefined before there was a microphone. */
  get audio(): MediaStreamTrack | undefined {
    return this.#tracks.microphone;
  }

  /** What others see: the screen before the camera, else nothing. */
  get video(): MediaStreamTrack {
    this.#tracks.blank ??= this.#source.blank();
    return this.#tracks.screen ?? this.#tracks.camera ?? this.#tracks.blank;
  }

  /** Which devices are in use, or will be in a moment. */
  get inUse(): Record<DeviceKind, boolean> {
    const isInUse = (kind: DeviceKind) => this.state[kind] === 'on' || this.state[kind] === 'starting';
    return { microphone: isInUse('microphone'), camera: isInUse('camera') };
  }

  /** Both devices with one question, where the browser has both to give; or those that are wanted. */
  async start(wanted: Record<DeviceKind, boolean> = { microphone: true, camera: true }): Promise<void> {
    const { devices } = this.#source;
    if (!devices) return this.#set({ microphone: 'insecure', camera: 'insecure' });
    if (wanted.microphone && wanted.camera) await this.#startBoth(devices);
    else if (wanted.microphone) await this.#turnOn('microphone');
    else if (wanted.camera) await this.#turnOn('camera');
    await this.#listDevices();
  }

  async #startBoth(devices: NonNullable<MediaSource['devices']>): Promise<void> {
    this.#set({ microphone: 'starting', camera: 'starting' });
    const orders = { ...this.#orders };
    try {
      const stream = await devices.getUserMedia({ audio: true, video: true });
      for (const kind of ['microphone', 'camera'] as const)
        this.#take(kind, tracksOf(stream, kind), orders[kind]);
    } catch {
      // One of them is missing or refused, which says nothing of the other.
      await this.#turnOn('microphone');
      await this.#turnOn('camera');
    }
  }

  async setMicrophone(on: boolean): Promise<void> {
    const track = this.#tracks.microphone;
    if (!track || track.readyState === 'ended') return on ? this.#turnOn('microphone') : undefined;
    track.enabled = on;
    this.#set({ microphone: on ? 'on' : 'off' });
  }

  async setCamera(on: boolean): Promise<void> {
    if (on) return this.#turnOn('camera');
    this.#orders.camera += 1;
    this.#letGo('camera');
    this.#set({ camera: 'off' });
  }

  /** Uses this one from now on; when it is off, from when it is turned on. */
  async choose(kind: DeviceKind, id: string): Promise<void> {
    this.#set({ chosen: { ...this.state.chosen, [kind]: id } });
    if (this.state[kind] === 'on') await this.#turnOn(kind);
    else if (kind === 'microphone') this.#letGo('microphone');
  }

  /** Asks which screen or window. Who thinks better of it shares nothing. */
  async shareScreen(): Promise<void> {
    const { devices } = this.#source;
    if (!devices) return;
    this.#orders.screen += 1;
    const order = this.#orders.screen;
    this.#set({ screen: 'starting' });
    const stream = await devices.getDisplayMedia({ video: true, audio: false }).catch(() => undefined);
    const [track] = stream?.getVideoTracks() ?? [];
    if (this.#closed || order !== this.#orders.screen) return track?.stop();
    if (!track) return this.#set({ screen: 'off' });
    this.#tracks.screen = track;
    // The browser has a button of its own for this.
    track.addEventListener('ended', () => this.stopSharing());
    this.#set({ screen: 'on' });
  }

  stopSharing(): void {
    this.#orders.screen += 1;
    this.#letGo('screen');
    this.#set({ screen: 'off' });
  }

  close(): void {
    this.#closed = true;
    this.#source.devices?.removeEventListener('devicechange', this.#listDevices);
    for (const name of ['microphone', 'camera', 'screen', 'blank'] as const) this.#letGo(name);
    this.#listeners.clear();
  }

  async #turnOn(kind: DeviceKind): Promise<void> {
    const { devices } = this.#source;
    if (!devices) return this.#set({ [kind]: 'insecure' });
    this.#orders[kind] += 1;
    const order = this.#orders[kind];
    this.#set({ [kind]: 'starting' });
    const id = this.state.chosen[kind];
    const wanted = id === undefined ? true : { deviceId: { exact: id } };
    try {
      const stream = await devices.getUserMedia(
        kind === 'microphone' ? { audio: wanted } : { video: wanted },
      );
      this.#take(kind, tracksOf(stream, kind), order);
      // Names are told only to pages that were lent a device.
      await this.#listDevices();
    } catch (error) {
      if (order === this.#orders[kind]) this.#set({ [kind]: refusalOf(error) });
    }
  }

  #take(kind: DeviceKind, [track]: MediaStreamTrack[], order: number): void {
    if (!track) {
      this.#set({ [kind]: 'missing' });
      return;
    }
    if (this.#closed || order !== this.#orders[kind]) {
      track.stop();
      return;
    }
    this.#letGo(kind);
    this.#tracks[kind] = track;
    track.addEventListener('ended', () => this.#onEnded(kind, track));
    const { deviceId } = track.getSettings();
    this.#set({
      [kind]: 'on',
      chosen: { ...this.state.chosen, [kind]: deviceId ?? this.state.chosen[kind] },
    });
  }

  /** Pulled out, or taken back by the browser. */
  #onEnded(kind: DeviceKind, track: MediaStreamTrack): void {
    if (this.#tracks[kind] !== track) return;
    delete this.#tracks[kind];
    this.#set({ [kind]: 'missing', chosen: { ...this.state.chosen, [kind]: undefined } });
  }

  #letGo(name: DeviceKind | 'screen' | 'blank'): void {
    this.#tracks[name]?.stop();
    delete this.#tracks[name];
  }

  #listDevices = async (): Promise<void> => {
    const all = (await this.#source.devices?.enumerateDevices().catch(() => [])) ?? [];
    const of = (kind: MediaDeviceKind) =>
      all.flatMap(({ kind: its, deviceId: id, label }) => (its === kind && id !== '' ? [{ id, label }] : []));
    this.#set({ devices: { microphone: of('audioinput'), camera: of('videoinput') } });
  };

  #set(change: Partial<MediaState>): void {
    if (this.#closed) return;
    this.state = { ...this.state, ...change };
    for (const listener of this.#listeners) listener();
  }
}

function tracksOf(stream: MediaStream, kind: DeviceKind): MediaStreamTrack[] {
  return kind === 'microphone' ? stream.getAudioTracks() : stream.getVideoTracks();
}

/** By the names that getUserMedia gives its errors. */
function refusalOf(error: unknown): Refusal {
  const name = error instanceof Error ? error.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'denied';
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'missing';
  return 'busy';
}
