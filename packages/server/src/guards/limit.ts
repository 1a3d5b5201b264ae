/** So many calls in a window, which starts with the first of them. */
export interface Limit {
  limit: number;
  windowMs: number;
}

export interface LimitResult {
  allowed: boolean;
  limit: number;
  remaining: number;
  /** Milliseconds until the whole limit is there again. */
  resetMs: number;
  /** Only when refused: milliseconds until the next call is allowed. */
  retryAfterMs?: number;
}

/** The standard headers of a limited answer. Seconds, rounded up, so that waiting so long is enough. */
export function rateLimitHeaders(result: LimitResult): Record<string, string> {
  const seconds = (ms: number) => String(Math.ceil(ms / 1_000));
  return {
    'RateLimit-Limit': String(result.limit),
    'RateLimit-Remaining': String(result.remaining),
    'RateLimit-Reset': seconds(result.resetMs),
    ...(result.retryAfterMs === undefined ? {} : { 'Retry-After': seconds(result.retryAfterMs) }),
  };
}
