import { BongsuError, ERRORS, type ErrorCode } from '@bongsu/protocol';

/** What the console shows of a failure: one of the server's codes, or the network's own. */
type ProblemCode = ErrorCode | 'NETWORK';

export interface Problem {
  code: ProblemCode;
  /** Milliseconds until another try makes sense. */
  retryAfterMs: number | undefined;
  /** Which field is wrong and why, where the server said so. */
  faults: { path: string; message: string }[];
  /** What was thrown: the same for as long as it is the same failure. */
  cause: unknown;
}

/** Anything thrown as a problem that can be shown. What is no error of the protocol is a fault of this page. */
export function toProblem(error: unknown): Problem {
  if (!(error instanceof BongsuError)) {
    return { code: 'INTERNAL_ERROR', retryAfterMs: undefined, faults: [], cause: error };
  }
  const { code, retryAfterMs, details } = error;
  return {
    code: isUnanswered(error) ? 'NETWORK' : code,
    retryAfterMs,
    faults: faultsOf(details),
    cause: error,
  };
}

/** True when trying the same again later may work. */
export function isAway(error: unknown): boolean {
  return error instanceof BongsuError && ERRORS[error.code].retryable;
}

/** The same of what is shown. A fault of ours may be a passing one. */
export function isWorthRetry({ code }: Problem): boolean {
  return code === 'NETWORK' || code === 'INTERNAL_ERROR' || ERRORS[code].retryable;
}

/** How often a code of the second step may still be wrong; 0 when the log-in has to begin anew. */
export function triesLeft(error: unknown): number {
  const details = error instanceof BongsuError ? error.details : undefined;
  return isRecord(details) && typeof details.triesLeft === 'number' ? details.triesLeft : 0;
}

/** The SDK keeps what fetch threw as the cause; an UNAVAILABLE that the server said has none. */
function isUnanswered(error: BongsuError): boolean {
  return error.code === 'UNAVAILABLE' && error.cause !== undefined;
}

function faultsOf(details: unknown): Problem['faults'] {
  if (!Array.isArray(details)) return [];
  return details.flatMap((item: unknown) =>
    isRecord(item) && typeof item.message === 'string'
      ? [{ path: String(item.path ?? ''), message: item.message }]
      : [],
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
