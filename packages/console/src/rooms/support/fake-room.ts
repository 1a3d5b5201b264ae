import type { CallPeers, CallRoom } from '../call-types.js';

class Told {
  readonly #listeners = new Map<string, Set<(value: never) => void>>();

  on = (event: string, listener: (value: never) => void): (() => void) => {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  };

  tell(event: string, value: unknown): void {
    for (const listener of [...(this.#listeners.get(event) ?? [])]) listener(value as never);
  }

  get listening(): number {
    return [...this.#listeners.values()].reduce((sum, { size }) => sum + size, 0);
  }
}

/** A channel whose other end is the test. */
export class FakeChannel extends EventTarget {
  readyState: RTCDataChannelState = 'connecting';
  readonly sent: unknown[] = [];

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  open(): void {
    this.readyState = 'open';
    this.dispatchEvent(new Event('open'));
  }

  receive(data: unknown): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data }));
  }
}

export class FakePeers extends Told {
  readonly connections = new Map<string, RTCPeerConnection>();
  readonly channels = new Map<string, FakeChannel>();
  /** What was asked of it, oldest first. */
  readonly done: string[] = [];

  /** A connection with somebody, as the SDK tells of it. */
  connect(participantId: string): FakeChannel {
    const channel = new FakeChannel();
    this.channels.set(participantId, channel);
    const connection = { createDataChannel: () => channel } as unknown as RTCPeerConnection;
    this.connections.set(participantId, connection);
    this.tell('peer', { participantId, connection });
    return channel;
  }

  addTrack(track: MediaStreamTrack): void {
    this.done.push(`add ${track.label}`);
  }

  async replaceTrack(old: MediaStreamTrack, next: MediaStreamTrack): Promise<void> {
    this.done.push(`${old.label} → ${next.label}`);
  }
}

export const person = (participantId: string, username: string) =>
  ({ participantId, userId: `user of ${participantId}`, username, state: 'joined' }) as const;

export class FakeRoom extends Told {
  participantId = 'me';
  readonly participants = new Map<string, ReturnType<typeof person>>();
  readonly media = new FakePeers();
  left = 0;
  /** What peers() was given. */
  sent: MediaStream | undefined;

  constructor(...others: ReturnType<typeof person>[]) {
    super();
    for (const other of others) this.participants.set(other.participantId, other);
  }

  async leave(): Promise<void> {
    this.left += 1;
  }

  async peers({ stream }: { stream: MediaStream }): Promise<CallPeers> {
    this.sent = stream;
    return this.media as unknown as CallPeers;
  }

  get real(): CallRoom {
    return this as unknown as CallRoom;
  }
}
