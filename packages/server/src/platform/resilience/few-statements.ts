import { BongsuError } from '@bongsu/protocol';
import type { Clock } from '../clock.js';

const MAX_QUEUED = 100_000;

/** For a BatchProcessor: how what sockets that come back by the thousand need goes by few statements. */
export function fewStatements(clock: Clock) {
  return {
    size: 50,
    maxSize: 256,
    maxInFlight: 2,
    maxWaitMs: 1000,
    maxQueued: MAX_QUEUED,
    maxQueuedBytes: Number.POSITIVE_INFINITY,
    refuse: () => new BongsuError('BUSY'),
    clock,
  };
}
