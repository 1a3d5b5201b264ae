import type { Accepted, Navigate } from '@bongsu/protocol';
import type { Acceptor, Caller } from './accept.js';

/** Over HTTP the surface may leave `timestamp` out. */
export type NavigateCommand = Omit<Navigate, 'timestamp'> & { timestamp?: number | undefined };

/** Accepts a navigate. @throws BongsuError */
export function navigate(acceptor: Acceptor, caller: Caller, input: NavigateCommand): Promise<Accepted> {
  const { url, displayIndex } = input;
  return acceptor.accept(caller, {
    id: input.id,
    timestamp: input.timestamp,
    target: input.target,
    content: { type: 'navigate', url, ...(displayIndex === undefined ? {} : { displayIndex }) },
    ttlMs: input.ttlMs,
    retries: input.retries,
    notify: input.notify,
    nonce: input.nonce,
  });
}
