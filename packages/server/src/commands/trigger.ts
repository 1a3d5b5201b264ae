import type { Accepted, Trigger } from '@bongsu/protocol';
import type { Acceptor, Caller } from './accept.js';

/** Over HTTP the surface may leave `timestamp` out. */
export type TriggerCommand = Omit<Trigger, 'timestamp'> & { timestamp?: number | undefined };

/** Accepts a trigger. @throws BongsuError */
export function trigger(acceptor: Acceptor, caller: Caller, input: TriggerCommand): Promise<Accepted> {
  const { action, data, displayIndex } = input;
  return acceptor.accept(caller, {
    id: input.id,
    timestamp: input.timestamp,
    target: input.target,
    content: {
      type: 'trigger',
      action,
      ...(data === undefined ? {} : { data }),
      ...(displayIndex === undefined ? {} : { displayIndex }),
    },
    ttlMs: input.ttlMs,
    retries: input.retries,
    notify: input.notify,
    nonce: input.nonce,
  });
}
