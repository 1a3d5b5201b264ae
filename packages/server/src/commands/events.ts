import { MessageSchema, NavigateSchema, StatusQuerySchema, TriggerSchema } from '@bongsu/protocol';
import { defineEvent, type Events } from '../platform/surface.js';
import type { Acceptor } from './accept.js';
import { message } from './message.js';
import { navigate } from './navigate.js';
import { type StatusDeps, statusOf } from './status.js';
import { trigger } from './trigger.js';

export interface CommandEventsDeps {
  acceptor: Acceptor;
  status: StatusDeps;
  /** Counts one call of a user. @throws RATE_LIMIT */
  countCall(userId: string): void;
}

/** `limit: 'command'` marks what the verbs count themselves, in memory and at once. */
export function commandEvents({ acceptor, status, countCall }: CommandEventsDeps): Events {
  return {
    trigger: defineEvent({
      right: 'commands.send',
      limit: 'command',
      schema: TriggerSchema,
      handle: (context, input) => trigger(acceptor, context, input),
    }),
    navigate: defineEvent({
      right: 'commands.send',
      limit: 'command',
      schema: NavigateSchema,
      handle: (context, input) => navigate(acceptor, context, input),
    }),
    status: defineEvent({
      right: 'commands.read',
      limit: 'command',
      schema: StatusQuerySchema,
      async handle({ principal }, { ids }) {
        if (principal.kind === 'user') countCall(principal.userId);
        return { items: await statusOf(status, principal, ids) };
      },
    }),
  };
}

/** What is said in a room. */
export function roomEvents(acceptor: Acceptor): Events {
  return {
    message: defineEvent({
      right: 'rooms.post',
      limit: 'command',
      schema: MessageSchema,
      handle: (context, input) => message(acceptor, context, input),
    }),
  };
}
