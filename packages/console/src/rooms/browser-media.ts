import type { DeviceKind, MediaSource } from './media-types.js';

const BLANK_WIDTH = 320;
const BLANK_HEIGHT = 180;

/** This browser's devices. */
export function browserMedia(): MediaSource {
  return {
    // Types say that it is always there; over plain http it is not.
    devices: (navigator as Partial<Navigator>).mediaDevices,
    permission,
    blank,
  };
}

/** Not every browser knows the names of devices, and some have no permissions to ask for. */
async function permission(name: DeviceKind): Promise<PermissionState | undefined> {
  try {
    return (await navigator.permissions.query({ name })).state;
  } catch {
    return undefined;
  }
}

function blank(): MediaStreamTrack {
  const canvas = document.createElement('canvas');
  canvas.width = BLANK_WIDTH;
  canvas.height = BLANK_HEIGHT;
  canvas.getContext('2d')?.fillRect(0, 0, BLANK_WIDTH, BLANK_HEIGHT);
  const [track] = canvas.captureStream(1).getVideoTracks();
  if (!track) throw new Error('captureStream made no track');
  return track;
}
