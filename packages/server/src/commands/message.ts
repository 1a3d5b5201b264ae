import type { Accepted } from '@bongsu/protocol';
import type { Acceptor, Caller } from './accept.js';

export interface MessageCommand {
  id: string;
  /** Milliseconds; may be left out over HTTP. */
  timestamp?: number | undefined;
  roomId: string;
  data: unknown;
  nonce?: string | undefined;
}

/** Accepts a message into a room's stream; it goes to no screen. @throws BongsuError */
export function message(acceptor: Acceptor, caller: Caller, input: MessageCommand): Promise<Accepted> {
  return acceptor.accept(caller, {
    id: input.id,
    timestamp: input.timestamp,
    target: { roomId: input.roomId },
    content: { type: 'message', data: input.data },
    ttlMs: undefined,
    retries: undefined,
    notify: 'none',
    nonce: input.nonce,
  });
}
