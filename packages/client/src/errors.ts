import { BongsuError, type BongsuErrorOptions, ERRORS, type ErrorCode } from '@bongsu/protocol';

/**
 * How `trigger` and `navigate` reject. All of BongsuError (`code`, `retryable`, `details`), and:
 * @example
 * try { await client.trigger({ screenId }, 'play'); }
 * catch (error) { if (error instanceof CommandError && !error.definite) await client.status([error.id]); }
 */
export class CommandError extends BongsuError {
  /** The command's UUID; absent when it was never sent. */
  readonly id: string | undefined;
  /** True: it was not accepted and will never run. False: unknown; ask `status`, or send again with the same id. */
  readonly definite: boolean;

  constructor(code: ErrorCode, options: BongsuErrorOptions & { id?: string | undefined; definite: boolean }) {
    super(code, options);
    this.id = options.id;
    this.definite = options.definite;
  }
}

export function isErrorCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERRORS, code);
}

/** The error of an answer's `error`, or undefined when it is none of the protocol's. */
export function errorFromWire(wire: unknown): BongsuError | undefined {
  if (typeof wire !== 'object' || wire === null || !('code' in wire)) return undefined;
  const { code, retryAfterMs, details, retryable } = wire as Record<string, unknown>;
  if (typeof code !== 'string') return undefined;
  // A newer server may know more codes than we do; what matters then is whether to try again.
  const known = isErrorCode(code) ? code : retryable === true ? 'UNAVAILABLE' : 'CONFLICT';
  return new BongsuError(known, {
    details: known === code ? details : { code, details },
    ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}),
  });
}

/**
 * Refusals that end a login for good. Anything else leaves it alone: the network, 5xx, 429, and what asks for more than the
 * login (403, MFA_REQUIRED).
 */
export function endsLogin(error: unknown): boolean {
  return (
    error instanceof BongsuError && ['AUTH_ERROR', 'TOKEN_EXPIRED', 'TOKEN_REVOKED'].includes(error.code)
  );
}

export function toBongsuError(error: unknown): BongsuError {
  return error instanceof BongsuError ? error : new BongsuError('UNAVAILABLE', { cause: error });
}
