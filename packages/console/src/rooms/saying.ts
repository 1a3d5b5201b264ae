import type { Saying } from './media-types.js';

/** Both sides open it with this id, so nobody has to wait for the other's. A client that has none is one that says nothing. */
const CHANNEL = 'bongsu.call';
const CHANNEL_ID = 100;

/** Opens the line on which two pages tell each other whether they are muted. */
export function openSaying(
  connection: Pick<RTCPeerConnection, 'createDataChannel'>,
  onSaid: (says: Saying) => void,
  say: () => Saying,
): RTCDataChannel {
  const channel = connection.createDataChannel(CHANNEL, { negotiated: true, id: CHANNEL_ID });
  channel.addEventListener('open', () => tell(channel, say()));
  channel.addEventListener('message', ({ data }) => {
    const says = toSaying(data);
    if (says) onSaid(says);
  });
  return channel;
}

export function tell(channel: RTCDataChannel, says: Saying): void {
  if (channel.readyState === 'open') channel.send(JSON.stringify(says));
}

/** Comes from another browser, whatever runs there. */
export function toSaying(data: unknown): Saying | undefined {
  try {
    const said: unknown = typeof data === 'string' ? JSON.parse(data) : undefined;
    if (typeof said !== 'object' || said === null) return undefined;
    const { microphone, camera, screen } = said as Record<keyof Saying, unknown>;
    return { microphone: microphone === true, camera: camera === true, screen: screen === true };
  } catch {
    return undefined;
  }
}
