import { z } from 'zod';
import { isStorable, wanted } from './common.js';
import { MAX_CANDIDATE_BYTES, MAX_SDP_BYTES } from './limits.js';
import { ParticipantIdSchema, RoomIdSchema } from './rooms.js';

const encoder = new TextEncoder();
const bytesOf = (text: string) => encoder.encode(text).length;

/** Too large is PAYLOAD_TOO_LARGE, anything else VALIDATION_ERROR. */
function limited<Schema extends z.ZodType>(schema: Schema, maxBytes: number, size: (value: never) => number) {
  return schema.superRefine((value, context) => {
    if (size(value as never) <= maxBytes) return;
    context.addIssue({
      code: 'custom',
      message: `must have at most ${maxBytes} bytes`,
      params: { errorCode: 'PAYLOAD_TOO_LARGE' },
    });
  });
}

const storable = z.string().refine(isStorable, 'must not contain NUL or a lone surrogate');

const NEGOTIATION_ID_RULE = 'must be 1 to 64 of A-Z, a-z, 0-9, _ and -';
export const NegotiationIdSchema = z
  .string(wanted(NEGOTIATION_ID_RULE))
  .regex(/^[A-Za-z0-9_-]{1,64}$/, NEGOTIATION_ID_RULE);

const sdp = limited(storable, MAX_SDP_BYTES, bytesOf);
/** An RTCSessionDescriptionInit with its text. */
export const DescriptionSchema = z.object({ type: z.enum(['offer', 'answer', 'pranswer']), sdp });
export type Description = z.infer<typeof DescriptionSchema>;

/** An RTCIceCandidateInit; its `candidate` is empty, or it is null altogether, at the end of candidates. */
export const CandidateSchema = limited(
  z
    .object({
      candidate: storable.default(''),
      sdpMid: storable.nullish(),
      sdpMLineIndex: z.number().int().min(0).max(65_535).nullish(),
      usernameFragment: storable.nullish(),
    })
    .nullable(),
  MAX_CANDIDATE_BYTES,
  (value) => bytesOf(JSON.stringify(value)),
);
export type Candidate = z.infer<typeof CandidateSchema>;

const addressed = { roomId: RoomIdSchema, to: ParticipantIdSchema };
const CONTENTS = ['description', 'candidate', 'restart'] as const;

/** `signal`: exactly one of description, candidate and restart. */
export const SignalSchema = z
  .object({
    ...addressed,
    negotiationId: NegotiationIdSchema,
    description: DescriptionSchema.optional(),
    candidate: CandidateSchema.optional(),
    /** Asks the other side to offer anew with an ICE restart. */
    restart: z.literal(true).optional(),
  })
  .refine((signal) => CONTENTS.filter((name) => signal[name] !== undefined).length === 1, {
    error: 'must have exactly one of description, candidate and restart',
  });
export type SignalInput = z.input<typeof SignalSchema>;
export type Signal = z.output<typeof SignalSchema>;

/** The plain events of tutorial clients. A description may come as its object or as its text alone. */
const described = (type: 'offer' | 'answer') =>
  limited(
    z.union(
      [
        z.object({ type: z.literal(type), sdp: storable }),
        storable.transform((text) => ({ type, sdp: text })),
      ],
      { error: `must be an ${type}: {type: "${type}", sdp}` },
    ),
    // Here, because a union does not tell which of its schemas refused what.
    MAX_SDP_BYTES,
    ({ sdp }: Description) => bytesOf(sdp),
  );
const negotiationId = NegotiationIdSchema.optional();
export const OfferSchema = z.object({ ...addressed, offer: described('offer'), negotiationId });
export const AnswerSchema = z.object({ ...addressed, answer: described('answer'), negotiationId });
export const IceCandidateSchema = z.object({ ...addressed, candidate: CandidateSchema, negotiationId });

/** What every signal says of itself when it arrives. */
export interface SignalEnvelope {
  roomId: string;
  /** The sender's participant id, stamped by the server. */
  from: string;
  negotiationId: string;
  /** Whether the receiver gives way when offers cross. Fixed for a pair; the other side gets the opposite. */
  polite: boolean;
}
export interface SignalEvent extends SignalEnvelope {
  description?: Description;
  candidate?: Candidate;
  restart?: true;
}
export interface OfferEvent extends SignalEnvelope {
  offer: Description;
}
export interface AnswerEvent extends SignalEnvelope {
  answer: Description;
}
export interface IceCandidateEvent extends SignalEnvelope {
  candidate: Candidate;
}
/** The ack. */
export interface Signaled {
  /** The negotiation that it belongs to; null for a plain answer or candidate of which there is none. */
  negotiationId: string | null;
  /** Its negotiation is over: it went nowhere. */
  stale?: true;
  /** The wish to restart went nowhere: the other side takes plain events, which have no word for it. Offer anew instead. */
  unheard?: true;
}
