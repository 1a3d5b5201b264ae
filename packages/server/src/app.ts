import type { Config } from './config.js';
import type { Clock } from './platform/clock.js';
import type { Log } from './platform/log.js';

export interface Overrides {
  clock?: Clock;
  log?: Log;
}

/** One server. */
export interface App {
  /** Resolves when it listens and is ready. @throws what the surroundings lack; call `stop` then, too */
  start(): Promise<void>;
  /** Graceful, within DRAIN_SECONDS; always the same promise. May be called in the midst of `start`. @throws StopError */
  stop(reason?: string): Promise<void>;
  /** Where it listens, with the real port; known after `start`. */
  readonly url: string;
  /** The one-time link that makes the first administrator; absent once there is one. Known after `start`. */
  readonly setupUrl: string | undefined;
  /** Resolves with the error when the server cannot go on; the process should end with 1. */
  readonly fatal: Promise<unknown>;
}

export function createApp(_config: Config, _overrides: Overrides = {}): App {
  throw new Error('The server is not composed yet');
}
