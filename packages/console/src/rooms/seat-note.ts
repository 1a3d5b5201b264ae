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
  sessionStorage.setItem(keyOf(roomId), JSON.stringify({ ...note, at: Date.now() }));
}

/** The seat that this tab had before it was loaded anew. Told once, so that a tab that is duplicated later takes no seat of ours. */
export function takeSeatNote(roomId: string): SeatNote | undefined {
  const text = sessionStorage.getItem(keyOf(roomId));
  sessionStorage.removeItem(keyOf(roomId));
  if (text === null) return undefined;
  const { at, ...note } = JSON.parse(text) as SeatNote & { at: number };
  return Date.now() - at < VALID_MS ? note : undefined;
}
