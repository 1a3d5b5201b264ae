import { io, type Socket } from 'socket.io-client';
import type { Person } from './account.js';

const PASSWORD = 'beacons on the ridge';

/** Somebody in a room by a stock Socket.IO client: everything but the console and the SDK. */
export class Guest {
  /** Why this one was put out, when it was. */
  readonly putOut: Promise<string>;
  /** Why the server closed the connection, when it did. */
  readonly closed: Promise<string>;
  private participantId: string | undefined;

  private constructor(
    readonly person: Person,
    private readonly socket: Socket,
  ) {
    this.putOut = new Promise((resolve) => {
      socket.on('user-left', ({ participantId, reason }: { participantId: string; reason: string }) => {
        if (participantId === this.participantId) resolve(reason);
      });
    });
    this.closed = new Promise((resolve) => {
      socket.on('session-closing', ({ code }: { code: string }) => resolve(code));
    });
  }

  /** With an account of its own. */
  static async arrive(url: string, username: string): Promise<Guest> {
    const person = { email: `${crypto.randomUUID()}@example.org`, username, password: PASSWORD };
    const response = await fetch(`${url}/api/auth/signup`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(person),
    });
    const { accessToken } = (await response.json()) as { accessToken: string };
    const socket = io(url, { auth: { token: accessToken }, transports: ['websocket'] });
    const guest = new Guest(person, socket);
    await new Promise<void>((resolve, reject) => {
      socket.once('ready', () => resolve());
      socket.once('connect_error', reject);
    });
    return guest;
  }

  /** "joined", "waiting" in the lobby, or the code it was refused with. */
  async join(roomId: string): Promise<string> {
    const answer = await this.ask('join-room', { roomId });
    this.participantId = answer.participantId;
    if (answer.waiting === true) return 'waiting';
    return answer.success ? 'joined' : (answer.error?.code ?? 'refused');
  }

  /** Resolves once it is stored. */
  async say(roomId: string, data: unknown): Promise<void> {
    const message = { id: crypto.randomUUID(), timestamp: Date.now(), roomId, data };
    const answer = await this.ask('message', message);
    if (!answer.success) throw new Error(`message was refused: ${JSON.stringify(answer)}`);
  }

  /** What is said next. */
  async hear(): Promise<unknown> {
    const { data } = await new Promise<{ data: unknown }>((resolve) => this.socket.once('message', resolve));
    return data;
  }

  close(): void {
    this.socket.close();
  }

  private async ask(
    event: string,
    payload: object,
  ): Promise<{ success: boolean; participantId?: string; waiting?: boolean; error?: { code: string } }> {
    return this.socket.timeout(10_000).emitWithAck(event, payload);
  }
}
