import type { StreamState } from '@bongsu/protocol';
import type { FenceAnswer } from './delivery-ledger.js';

/**
 * What `ready` tells of an inbox, and up to where the client has executed it. A resume offset counts only in the epoch it was made in
 * and up to the log's end: otherwise data has gone back and the client starts from `acked`. Without one nothing was asked, and all
 * that is pending follows.
 */
export function recover(
  resume: { epoch: string; seq: number } | undefined,
  { epoch, lastSeq, ackedSeq }: Pick<FenceAnswer, 'epoch' | 'lastSeq' | 'ackedSeq'>,
): { state: StreamState; executed: number } {
  const state = { lastSeq, acked: ackedSeq };
  if (resume && resume.epoch !== epoch)
    return { state: { ...state, recovered: false, reason: 'epoch' }, executed: 0 };
  if (resume && resume.seq > lastSeq)
    return { state: { ...state, recovered: false, reason: 'ahead' }, executed: 0 };
  return { state: { ...state, recovered: true }, executed: resume?.seq ?? 0 };
}
