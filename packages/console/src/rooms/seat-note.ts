import type { DeviceKind } from './media-types.js';

/** A reload takes seconds, and the seat is kept for 15. Later nobody expects to be in a call again. */
const VALID_MS = 60_000;

export interface SeatNote {
  participantId: string;
  /** Which were in use. */
  devices: Record<DeviceKind, boolean>;
}

const keyOf = (roomId: string) => `bongsu-seat:${roomId}`;

/** For the page that comes after this one in the same tab. */
export function leaveSeatNote(roomId: string, note: SeatNote): void {
  withStorage((storage) => storage.setItem(keyOf(roomId), JSON.stringify({ ...note, at: Date.now() })));
}

/** The seat that this tab had before it was loaded anew. */
export function readSeatNote(roomId: string): SeatNote | undefined {
  const text = withStorage((storage) => storage.getItem(keyOf(roomId)));
  if (!text) return undefined;
  const { at, ...note } = JSON.parse(text) as SeatNote & { at: number };
  return Date.now() - at < VALID_MS ? note : undefined;
}

/** Once it has served, so that a tab that is duplicated later takes no seat of ours. */
export function dropSeatNote(roomId: string): void {
  withStorage((storage) => storage.removeItem(keyOf(roomId)));
}

/** Browsers that block storage throw when it is looked at. Then a reload is no way back, and nothing worse. */
function withStorage<Result>(use: (storage: Storage) => Result): Result | undefined {
  try {
    return use(sessionStorage);
  } catch {
    return undefined;
  }
}
