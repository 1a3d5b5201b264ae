import type { ClosingKey, ServerToClientEvents } from '@bongsu/protocol';

/** What an event of a domain is; the gateway's own ones and entries with an ack are not pushed this way. */
export type PushedEvent = Exclude<
  keyof ServerToClientEvents,
  'trigger' | 'navigate' | 'ready' | 'auth-expiring' | 'session-closing'
>;
type PayloadOf<Event extends PushedEvent> = Parameters<ServerToClientEvents[Event]>[0];

/** Server → client, for domains: the gateway implements it. Nothing here is durable. */
export interface Push {
  /** To all sockets of a user that may hear it (`mayHear`). */
  toUser<Event extends PushedEvent>(userId: string, event: Event, payload: PayloadOf<Event>): void;
  /** `session-closing`, then the close that the key stands for. */
  closeSession(sessionId: string, closing: ClosingKey): void;
  closeScreen(screenId: string, closing: ClosingKey): void;
}
