const ROOM_ID = /^[A-Za-z0-9_-]{3,100}$/;
/** The page of a room, and that of its call. */
const ROOM_PATH = /^\/rooms\/([^/]+)(?:\/call)?\/?$/;

/** The id that was typed, or that is in a link of the console at `origin`; undefined when it is neither. */
export function readRoomId(typed: string, origin: string): string | undefined {
  const trimmed = typed.trim();
  const roomId = idInLink(trimmed, origin) ?? trimmed;
  return ROOM_ID.test(roomId) ? roomId : undefined;
}

function idInLink(text: string, origin: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const url = new URL(text);
  return url.origin === origin ? ROOM_PATH.exec(url.pathname)?.[1] : undefined;
}
