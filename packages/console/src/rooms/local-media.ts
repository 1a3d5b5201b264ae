import {
  DEVICE_KINDS,
  type DeviceKind,
  type MediaSource,
  type MediaState,
  type Refusal,
} from './media-types.js';

type TrackName = DeviceKind | 'screen' | 'blank';

/** Our own microphone, camera and screen. A device that is off is let go, so that its light goes out; a microphone is muted. */
export class LocalMedia {
  state: MediaState = {
    microphone: 'off',
    camera: 'off',
    screen: 'off',
    sends: { microphone: false, camera: false, screen: false },
    devices: { microphone: [], camera: [] },
    chosen: { microphone: undefined, camera: undefined },
    unusable: { microphone: undefined, camera: undefined },
    resting: [],
  };
  readonly #source: MediaSource;
  readonly #listeners = new Set<() => void>();
  readonly #tracks: Partial<Record<TrackName, MediaStreamTrack>> = {};
  /** Raised by every order to a device, so that an answer that comes late changes nothing. */
  readonly #orders: Record<DeviceKind | 'screen', number> = { microphone: 0, camera: 0, screen: 0 };
  /** The device of each kind that gave something last. */
  readonly #worked: Partial<Record<DeviceKind, string | undefined>> = {};
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
    return { microphone: this.#isInUse('microphone'), camera: this.#isInUse('camera') };
  }

  /** Both devices with one question, where the browser has both to give; or those that are wanted. */
  async start(wanted: Record<DeviceKind, boolean> = { microphone: true, camera: true }): Promise<void> {
    const { devices } = this.#source;
    if (!devices) return this.#set({ microphone: 'insecure', camera: 'insecure', resting: [] });
    if (wanted.microphone && wanted.camera) await this.#startBoth(devices);
    else if (wanted.microphone) await this.#turnOn('microphone');
    else if (wanted.camera) await this.#turnOn('camera');
    await this.#listDevices();
  }

  async #startBoth(devices: NonNullable<MediaSource['devices']>): Promise<void> {
    const orders = { microphone: this.#order('microphone'), camera: this.#order('camera') };
    this.#set({ microphone: 'starting', camera: 'starting' });
    try {
      const stream = await devices.getUserMedia({ audio: true, video: true });
      for (const kind of DEVICE_KINDS) this.#take(kind, stream, orders[kind]);
    } catch (error) {
      const helps = await this.#whichToAskSingly(refusalOf(error));
      for (const kind of DEVICE_KINDS) {
        if (!this.#isCurrent(kind, orders[kind])) continue;
        if (helps.includes(kind)) await this.#turnOn(kind);
        else this.#set({ [kind]: 'denied' });
      }
    }
  }

  /** One that is missing says nothing of the other. But whoever closed the question is not asked it twice more. */
  async #whichToAskSingly(refusal: Refusal): Promise<readonly DeviceKind[]> {
    if (refusal !== 'denied') return DEVICE_KINDS;
    const [microphone, camera] = await Promise.all([
      this.#source.permission('microphone'),
      this.#source.permission('camera'),
    ]);
    const decided = { microphone, camera };
    const helps = (own: DeviceKind, other: DeviceKind) =>
      decided[own] === 'granted' || (decided[own] === 'prompt' && decided[other] === 'denied');
    return [
      ...(helps('microphone', 'camera') ? ['microphone' as const] : []),
      ...(helps('camera', 'microphone') ? ['camera' as const] : []),
    ];
  }

  async setMicrophone(on: boolean): Promise<void> {
    const track = this.#tracks.microphone;
    // While another one is being opened muting stops that: it opens when they unmute.
    const isSettled = track?.readyState === 'live' && this.#isChosen('microphone');
    if (!track || !isSettled) return on ? this.#turnOn('microphone') : this.#turnOff('microphone');
    track.enabled = on;
    this.#set({ microphone: on ? 'on' : 'off' });
  }

  async setCamera(on: boolean): Promise<void> {
    return on ? this.#turnOn('camera') : this.#turnOff('camera');
  }

  /** Uses this one from now on; when it is off, from when it is turned on. */
  async choose(kind: DeviceKind, id: string): Promise<void> {
    this.#set({ chosen: { ...this.state.chosen, [kind]: id } });
    if (this.#isInUse(kind)) await this.#turnOn(kind);
    else if (kind === 'microphone') this.#letGo('microphone');
  }

  /** Asks which screen or window. Who thinks better of it shares nothing. */
  async shareScreen(): Promise<void> {
    const { devices } = this.#source;
    if (!devices) return;
    this.#orders.screen += 1;
    const order = this.#orders.screen;
    this.#set({ screen: 'starting' });
    try {
      const stream = await devices.getDisplayMedia({ video: true, audio: false });
      this.#takeScreen(stream, order);
    } catch (error) {
      if (order === this.#orders.screen)
        this.#set({ screen: refusalOf(error) === 'denied' ? 'off' : 'failed' });
    }
  }

  stopSharing(): void {
    this.#orders.screen += 1;
    this.#letGo('screen');
    this.#set({ screen: 'off' });
  }

  /** Starts nothing yet: both come on with the call. */
  rest(): void {
    this.#set({ resting: DEVICE_KINDS });
  }

  /** Lets all go while nobody is there to get it. */
  pause(): void {
    const { resting: before } = this.state;
    const resting = DEVICE_KINDS.filter((kind) => this.#isInUse(kind) || before.includes(kind));
    for (const kind of DEVICE_KINDS) {
      this.#order(kind);
      this.#letGo(kind);
    }
    const off = Object.fromEntries(resting.map((kind) => [kind, 'off'] as const));
    this.#set({ ...off, resting });
    this.stopSharing();
  }

  /** Takes up what rests. */
  async resume(): Promise<void> {
    const { resting } = this.state;
    if (resting.length === 0) return;
    await this.start({ microphone: resting.includes('microphone'), camera: resting.includes('camera') });
  }

  close(): void {
    this.#closed = true;
    this.#source.devices?.removeEventListener('devicechange', this.#listDevices);
    for (const name of ['microphone', 'camera', 'screen', 'blank'] as const) this.#letGo(name);
    this.#listeners.clear();
  }

  /** Opens the device that is chosen. One that is in use goes on until the other gives something, and after that if it gives nothing. */
  async #turnOn(kind: DeviceKind): Promise<void> {
    if (this.#closed) return;
    if (!this.#source.devices) return this.#set({ [kind]: 'insecure' });
    const order = this.#order(kind);
    const id = this.state.chosen[kind];
    const before = this.#worked[kind];
    if (!this.#tracks[kind]) this.#set({ [kind]: 'starting' });
    let refusal = await this.#open(kind, id, order);
    if (refusal === 'busy' && this.#tracks[kind] && this.#isCurrent(kind, order)) {
      // Phones open no second camera before the first is closed.
      this.#letGo(kind);
      this.#set({ [kind]: 'starting' });
      refusal = await this.#open(kind, id, order);
      if (refusal && this.#isCurrent(kind, order)) await this.#open(kind, before, order);
    }
    // Names are told only to pages that were lent a device.
    await this.#listDevices();
    if (refusal && this.#isCurrent(kind, order)) this.#onRefused(kind, id, refusal);
  }

  /** Resolves with why it gave nothing. */
  async #open(kind: DeviceKind, id: string | undefined, order: number): Promise<Refusal | undefined> {
    const wanted = id === undefined ? true : { deviceId: { exact: id } };
    try {
      const stream = await this.#source.devices?.getUserMedia(
        kind === 'microphone' ? { audio: wanted } : { video: wanted },
      );
      if (stream) this.#take(kind, stream, order);
      return undefined;
    } catch (error) {
      return refusalOf(error);
    }
  }

  #take(kind: DeviceKind, stream: MediaStream, order: number): void {
    const [track] = kind === 'microphone' ? stream.getAudioTracks() : stream.getVideoTracks();
    if (!this.#isCurrent(kind, order)) {
      track?.stop();
      return;
    }
    if (!track) {
      this.#set({ [kind]: 'missing' });
      return;
    }
    this.#letGo(kind);
    this.#tracks[kind] = track;
    track.addEventListener('ended', () => this.#onEnded(kind, track));
    const id = track.getSettings().deviceId ?? this.state.chosen[kind];
    this.#worked[kind] = id;
    this.#set({ [kind]: 'on', chosen: { ...this.state.chosen, [kind]: id } });
  }

  /** The one that worked last is chosen again, unless it was this very one: then any. */
  #onRefused(kind: DeviceKind, id: string | undefined, refusal: Refusal): void {
    const { devices, chosen, unusable } = this.state;
    const worked = this.#worked[kind];
    const goesOn = this.#tracks[kind] !== undefined;
    const device = devices[kind].find((one) => one.id === id);
    this.#set({
      [kind]: goesOn ? 'on' : refusal,
      chosen: { ...chosen, [kind]: worked === id ? undefined : worked },
      unusable: { ...unusable, [kind]: goesOn ? device : undefined },
    });
  }

  #takeScreen(stream: MediaStream, order: number): void {
    const [track] = stream.getVideoTracks();
    if (this.#closed || order !== this.#orders.screen) {
      track?.stop();
      return;
    }
    if (!track) {
      this.#set({ screen: 'failed' });
      return;
    }
    this.#tracks.screen = track;
    // The browser has a button of its own for this.
    track.addEventListener('ended', () => this.stopSharing());
    this.#set({ screen: 'on' });
  }

  #turnOff(kind: DeviceKind): void {
    this.#order(kind);
    this.#letGo(kind);
    this.#set({ [kind]: 'off' });
  }

  /** Pulled out, or taken back by the browser. */
  #onEnded(kind: DeviceKind, track: MediaStreamTrack): void {
    if (this.#tracks[kind] !== track) return;
    delete this.#tracks[kind];
    this.#set({ [kind]: 'missing', chosen: { ...this.state.chosen, [kind]: undefined } });
  }

  #letGo(name: TrackName): void {
    this.#tracks[name]?.stop();
    delete this.#tracks[name];
  }

  /** A new one: what was decided or told of the device before is over. */
  #order(kind: DeviceKind): number {
    this.#orders[kind] += 1;
    const { resting, unusable } = this.state;
    this.#set({
      resting: resting.filter((one) => one !== kind),
      unusable: { ...unusable, [kind]: undefined },
    });
    return this.#orders[kind];
  }

  #isCurrent(kind: DeviceKind, order: number): boolean {
    return !this.#closed && order === this.#orders[kind];
  }

  #isChosen(kind: DeviceKind): boolean {
    return this.state.chosen[kind] === this.#worked[kind];
  }

  #isInUse(kind: DeviceKind): boolean {
    return this.state[kind] === 'on' || this.state[kind] === 'starting';
  }

  #sends(name: DeviceKind | 'screen'): boolean {
    const track = this.#tracks[name];
    return track?.readyState === 'live' && track.enabled;
  }

  #listDevices = async (): Promise<void> => {
    const all = (await this.#source.devices?.enumerateDevices().catch(() => [])) ?? [];
    const of = (kind: MediaDeviceKind) =>
      all.flatMap(({ kind: its, deviceId: id, label }) => (its === kind && id !== '' ? [{ id, label }] : []));
    this.#set({ devices: { microphone: of('audioinput'), camera: of('videoinput') } });
  };

  #set(change: Partial<MediaState>): void {
    if (this.#closed) return;
    const sends = {
      microphone: this.#sends('microphone'),
      camera: this.#sends('camera'),
      screen: this.#sends('screen'),
    };
    this.state = { ...this.state, ...change, sends };
    for (const listener of this.#listeners) listener();
  }
}

/** By the names that getUserMedia gives its errors. */
function refusalOf(error: unknown): Refusal {
  const name = error instanceof Error ? error.name : '';
  if (name === 'NotAllowedError' || name === 'SecurityError') return 'denied';
  if (name === 'NotFoundError' || name === 'OverconstrainedError') return 'missing';
  return 'busy';
}
