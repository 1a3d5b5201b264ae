import type { StreamState } from '@bongsu/protocol';
import type { FenceAnswer } from './delivery-ledger.js';

/**
 * What `ready` tells of an inbox. A resume offset counts only in the epoch it was made in and up to the log's end: otherwise data has
 * gone back and the client starts from `acked`. Without one nothing was asked, and all that is pending follows.
 */
export function resumeState(
  resume: { epoch: string; seq: number } | undefined,
  { epoch, lastSeq, ackedSeq }: Pick<FenceAnswer, 'epoch' | 'lastSeq' | 'ackedSeq'>,
): StreamState {
  const state = { lastSeq, acked: ackedSeq };
  if (resume && resume.epoch !== epoch) return { ...state, recovered: false, reason: 'epoch' };
  if (resume && resume.seq > lastSeq) return { ...state, recovered: false, reason: 'ahead' };
  return { ...state, recovered: true };
}
