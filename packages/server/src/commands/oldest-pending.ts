import type { DatabaseClock } from '../platform/clock.js';
import type { Metrics } from '../platform/metrics.js';

/** How far the connected screens of this node are behind, read from memory at each scrape. */
export function measureOldestPending(
  metrics: Metrics,
  databaseClock: DatabaseClock,
  inboxes: () => Iterable<{ oldestPendingAt: number | undefined }>,
): void {
  metrics.gauge(
    'bongsu_oldest_pending_seconds',
    'Age of the oldest command that waits for a screen connected here; 0 when none does.',
    [],
    (gauge) => {
      const now = databaseClock();
      let oldest = now;
      for (const { oldestPendingAt = now } of inboxes()) oldest = Math.min(oldest, oldestPendingAt);
      gauge.set((now - oldest) / 1000);
    },
  );
}
