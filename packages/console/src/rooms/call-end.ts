import type { BongsuError, ErrorCode } from '@bongsu/protocol';

/** Why the call is over: as the SDK says, that one left, or that there is no such room (`missing`). */
export interface CallEnd {
  reason: string;
  /** Where the reason says less. */
  error?: BongsuError | undefined;
}

const BY_CODE: Partial<Record<ErrorCode, string>> = { ROOM_NOT_FOUND: 'missing', ROOM_CLOSED: 'closed' };
/** What a refusal may name in its details: it is told as when it happens in the call. */
const NAMED = ['kicked', 'closed', 'empty', 'idle', 'replaced'];
const FOR_GOOD = ['kicked', 'closed', 'empty', 'idle', 'missing'];

/** The same end in one word, where the error that it came with has one. */
export function plainEnd(end: CallEnd): CallEnd {
  const { error } = end;
  if (!error) return end;
  const details = error.details as { reason?: unknown } | undefined;
  const reason = NAMED.find((one) => one === details?.reason) ?? BY_CODE[error.code];
  return reason === undefined ? end : { reason };
}

/** Joining again would be refused. */
export function isForGood({ reason }: CallEnd): boolean {
  return FOR_GOOD.includes(reason);
}
