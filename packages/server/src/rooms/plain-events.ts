import type {
  AnswerSchema,
  Candidate,
  Description,
  IceCandidateSchema,
  OfferSchema,
  Signal,
  SignalEnvelope,
} from '@bongsu/protocol';
import type { z } from 'zod';
import type { SocketGroups } from '../platform/push.js';
import { type Seat, seatGroup } from './seat.js';

// The plain events `offer`, `answer` and `ice-candidate` are `signal` in other words: everything is translated here, both ways.

export type SignalContent = { description: Description } | { candidate: Candidate } | { restart: true };
export type SignalKind = 'offer' | 'answer' | 'candidate' | 'restart';

/** A signal in whatever words it came. */
export interface SentSignal {
  roomId: string;
  to: string;
  /** Plain events may leave it to the server. */
  negotiationId: string | undefined;
  content: SignalContent;
  words: NonNullable<Seat['signaling']>;
}

export function kindOf(content: SignalContent): SignalKind {
  if ('candidate' in content) return 'candidate';
  if ('restart' in content) return 'restart';
  return content.description.type === 'offer' ? 'offer' : 'answer';
}

export function fromSignal({ description, candidate, ...signal }: Signal): SentSignal {
  const { roomId, to, negotiationId } = signal;
  return { roomId, to, negotiationId, content: contentOf(description, candidate), words: 'signal' };
}

function contentOf(description: Description | undefined, candidate: Candidate | undefined): SignalContent {
  if (description) return { description };
  return candidate === undefined ? { restart: true } : { candidate };
}

export function fromOffer({ offer, ...address }: z.output<typeof OfferSchema>): SentSignal {
  return fromPlain(address, { description: offer });
}

export function fromAnswer({ answer, ...address }: z.output<typeof AnswerSchema>): SentSignal {
  return fromPlain(address, { description: answer });
}

export function fromIceCandidate({ candidate, ...address }: z.output<typeof IceCandidateSchema>): SentSignal {
  return fromPlain(address, { candidate });
}

interface PlainAddress {
  roomId: string;
  to: string;
  negotiationId?: string | undefined;
}

function fromPlain({ roomId, to, negotiationId }: PlainAddress, content: SignalContent): SentSignal {
  return { roomId, to, negotiationId, content, words: 'events' };
}

/** Of what the sender wrote; the envelope is ours. */
export function bytesOf(content: SignalContent): number {
  if ('description' in content) return Buffer.byteLength(content.description.sdp);
  return 'candidate' in content ? Buffer.byteLength(content.candidate?.candidate ?? '') : 0;
}

/** The wish to restart has no plain form: whoever takes plain events is not told. */
export function canHear({ signaling }: Pick<Seat, 'signaling'>, content: SignalContent): boolean {
  return signaling !== 'events' || !('restart' in content);
}

/** To a socket of this process, in the words that its seat understands, whatever the sender's were. */
export function emitSignal(
  groups: Pick<SocketGroups, 'emitHere'>,
  seat: Pick<Seat, 'participantId' | 'signaling'>,
  envelope: SignalEnvelope,
  content: SignalContent,
): void {
  const group = seatGroup(seat.participantId);
  if (seat.signaling !== 'events') groups.emitHere(group, 'signal', { ...envelope, ...content });
  else if ('candidate' in content) groups.emitHere(group, 'ice-candidate', { ...envelope, ...content });
  else if ('description' in content) {
    const { description } = content;
    if (description.type === 'offer') groups.emitHere(group, 'offer', { ...envelope, offer: description });
    else groups.emitHere(group, 'answer', { ...envelope, answer: description });
  }
}
