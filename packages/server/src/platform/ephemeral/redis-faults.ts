import type { Verdict } from '../resilience/circuit-breaker.js';

/** What cannot be mended by waiting: a start ends with it. */
export class RedisRefused extends Error {
  override readonly name = 'RedisRefused';
}

/**
 * `connection`: not reachable, or no answer in time; what was asked may have been done. `reply`: Redis answered no.
 * Never holds what was sent: errors of the driver do, passwords included.
 */
export class RedisFault extends Error {
  override readonly name = 'RedisFault';
  constructor(
    readonly kind: 'connection' | 'reply',
    message: string,
  ) {
    super(message);
  }
}

/** Answers of a Redis that cannot work just now, rather than of one that refuses what was asked. */
const UNWELL = /^-?(LOADING|CLUSTERDOWN|MASTERDOWN|READONLY|NOAUTH|WRONGPASS|BUSY|TRYAGAIN|MOVED|ASK) /;

export function toRedisFault(error: unknown): RedisFault {
  if (error instanceof RedisFault) return error;
  if (!(error instanceof Error)) return new RedisFault('connection', String(error));
  const isReply = error.name === 'ReplyError' && !UNWELL.test(error.message);
  return new RedisFault(isReply ? 'reply' : 'connection', reasonOf(error));
}

/** With the reason that a node of a cluster gave, where there is one. */
export function reasonOf(error: Error & { lastNodeError?: unknown; code?: unknown }): string {
  const { lastNodeError, message, code } = error;
  if (lastNodeError instanceof Error) return lastNodeError.message;
  // Node's error for several addresses that all failed has no message of its own.
  return message === '' ? String(code) : message;
}

/** A refusal of one command is the answer of a Redis that is well. */
export function judgeRedis(error: unknown): Verdict {
  if (!(error instanceof RedisFault)) return 'nothing';
  return error.kind === 'connection' ? 'failure' : 'answer';
}

const REFUSED_LOGIN = /WRONGPASS|NOAUTH|invalid (username-)?password|DB index is out of range/i;

/** In words for who runs the server, where the fault is in REDIS_URL, or whatever setting says where that Redis is. */
export function explainRefusedLogin(message: string, setting: string): string | undefined {
  if (!REFUSED_LOGIN.test(message)) return undefined;
  return `Redis refuses the user, password or database of ${setting}: ${message}`;
}
