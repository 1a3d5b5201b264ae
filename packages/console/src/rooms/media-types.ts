/** Why a device gives nothing. `insecure`: browsers lend devices to pages over https only. */
export type Refusal = 'denied' | 'missing' | 'busy' | 'insecure';
export type DeviceState = 'off' | 'starting' | 'on' | Refusal;
export type DeviceKind = 'microphone' | 'camera';
export const DEVICE_KINDS: readonly DeviceKind[] = ['microphone', 'camera'];

export interface Device {
  id: string;
  label: string;
}

/** What of us goes out to the others. */
export interface Saying {
  microphone: boolean;
  camera: boolean;
  screen: boolean;
}

export interface MediaState {
  microphone: DeviceState;
  camera: DeviceState;
  /** `failed`: for another reason than that somebody thought better of it. */
  screen: 'off' | 'starting' | 'on' | 'failed';
  /** By the tracks themselves: nobody is heard who is told to be muted. */
  sends: Saying;
  devices: Record<DeviceKind, Device[]>;
  chosen: Record<DeviceKind, string | undefined>;
  /** One that was chosen and could not be used, while the one before goes on. */
  unusable: Record<DeviceKind, Device | undefined>;
  /** Which go on with the next call. */
  resting: readonly DeviceKind[];
}

/** What of the browser is used. `devices` is undefined where it lends none. */
export interface MediaSource {
  devices:
    | Pick<
        MediaDevices,
        'getUserMedia' | 'getDisplayMedia' | 'enumerateDevices' | 'addEventListener' | 'removeEventListener'
      >
    | undefined;
  /** What was decided about a device; undefined where the browser does not tell. */
  permission(kind: DeviceKind): Promise<PermissionState | undefined>;
  /** A picture of nothing, sent while there is neither camera nor screen, so that one can take its place at any time. */
  blank(): MediaStreamTrack;
}
