import type { Clock } from '../platform/clock.js';
import type { Log } from '../platform/log.js';

/** What Engine.IO says of a request that it refuses; 1 is a session that it does not know. */
interface Refused {
  code: number;
}
interface Engine {
  on(event: 'connection_error', listener: (refused: Refused) => void): unknown;
}

const UNKNOWN_SESSION = 1;
const QUIET_MS = 60_000;

/**
 * The client hears 400 "Session ID unknown" and connects anew; whoever runs the nodes hears why, at most once a minute. After a
 * restart it passes by itself.
 */
export function tellUnknownSessions(engine: Engine, { clock, log }: { clock: Clock; log: Log }): void {
  let quietUntil = Number.NEGATIVE_INFINITY;
  engine.on('connection_error', ({ code }) => {
    const now = clock.monotonic();
    if (code !== UNKNOWN_SESSION || now < quietUntil) return;
    quietUntil = now + QUIET_MS;
    log.warn(
      {},
      'A long-polling request named a session that this node does not have. If this goes on, the balancer does not keep clients at their node: see docs/deployment.md, or use transports: ["websocket"]',
    );
  });
}
