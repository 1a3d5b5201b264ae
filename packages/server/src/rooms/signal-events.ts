import { AnswerSchema, IceCandidateSchema, OfferSchema, type Signaled, SignalSchema } from '@bongsu/protocol';
import { defineEvent, type EventContext, type Events } from '../platform/surface.js';
import type { Newcomers } from './newcomers.js';
import { fromAnswer, fromIceCandidate, fromOffer, fromSignal, type SentSignal } from './plain-events.js';
import type { SignalRelay } from './signals.js';

export interface SignalEventsDeps {
  relay: Pick<SignalRelay, 'send'>;
  /** Counts one signal of a socket: SIGNALS_PER_SECOND. @throws RATE_LIMIT */
  countSignal(socketId: string): void;
  /** Absent where there are no other processes. */
  newcomers?: Pick<Newcomers, 'look'> | undefined;
}

/** `limit: 'command'` marks what is counted here, in memory and at once: a wait would shuffle the order of a pair's signals. */
export function signalEvents({ relay, countSignal, newcomers }: SignalEventsDeps): Events {
  const declaration = { right: 'rooms.signal', limit: 'command' } as const;
  const send = async ({ socketId }: EventContext, signal: SentSignal): Promise<Signaled> => {
    countSignal(socketId);
    const looked = newcomers?.look(socketId, signal);
    // Only then: a wait would let what comes next go first.
    if (looked) await looked;
    return relay.send(socketId, signal);
  };
  return {
    signal: defineEvent({
      ...declaration,
      schema: SignalSchema,
      handle: (context, input) => send(context, fromSignal(input)),
    }),
    offer: defineEvent({
      ...declaration,
      schema: OfferSchema,
      handle: (context, input) => send(context, fromOffer(input)),
    }),
    answer: defineEvent({
      ...declaration,
      schema: AnswerSchema,
      handle: (context, input) => send(context, fromAnswer(input)),
    }),
    'ice-candidate': defineEvent({
      ...declaration,
      schema: IceCandidateSchema,
      handle: (context, input) => send(context, fromIceCandidate(input)),
    }),
  };
}
