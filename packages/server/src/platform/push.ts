import type { ClosingKey, ServerToClientEvents } from '@bongsu/protocol';

type WithoutAck = Exclude<keyof ServerToClientEvents, 'trigger' | 'navigate'>;
type PayloadOf<Event extends WithoutAck> = Parameters<ServerToClientEvents[Event]>[0];

/** Server → client, for domains: the gateway implements it. Nothing here is durable. */
export interface Push {
  toUser<Event extends WithoutAck>(userId: string, event: Event, payload: PayloadOf<Event>): void;
  /** `session-closing`, then the close that the key stands for. */
  closeSession(sessionId: string, closing: ClosingKey): void;
  closeUser(userId: string, closing: ClosingKey): void;
  closeScreen(screenId: string, closing: ClosingKey): void;
}
