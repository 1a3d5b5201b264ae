/**
 * The error catalogue: every code that may leave the server, with its HTTP status, whether the same call may
 * succeed later, and the only text a client ever sees for it. docs/errors.md is compared with this by a test.
 */
export const ERRORS = {
  VALIDATION_ERROR: { status: 400, retryable: false, message: 'The request is not valid.' },
  REQUEST_EXPIRED: {
    status: 400,
    retryable: false,
    message: 'The timestamp is too far from the server time.',
  },
  UNSUPPORTED_VERSION: { status: 400, retryable: false, message: 'This protocol version is not supported.' },
  AUTH_ERROR: { status: 401, retryable: false, message: 'Authentication failed.' },
  TOKEN_EXPIRED: { status: 401, retryable: false, message: 'The token has expired.' },
  TOKEN_REVOKED: { status: 401, retryable: false, message: 'The token has been revoked.' },
  MFA_REQUIRED: { status: 401, retryable: false, message: 'A second factor is required.' },
  FORBIDDEN: { status: 403, retryable: false, message: 'This is not allowed.' },
  ROOM_FULL: { status: 403, retryable: false, message: 'The room is full.' },
  ROOM_LOCKED: { status: 403, retryable: false, message: 'The room is locked.' },
  CSRF_ERROR: { status: 403, retryable: false, message: 'The request did not come from this site.' },
  STEP_UP_REQUIRED: { status: 403, retryable: false, message: 'Please confirm your identity again.' },
  NOT_FOUND: { status: 404, retryable: false, message: 'There is no such thing here.' },
  ROOM_NOT_FOUND: { status: 404, retryable: false, message: 'There is no such room.' },
  SCREEN_NOT_FOUND: { status: 404, retryable: false, message: 'There is no such screen.' },
  PARTICIPANT_NOT_FOUND: { status: 404, retryable: false, message: 'There is no such participant.' },
  CONFLICT: { status: 409, retryable: false, message: 'This conflicts with the present state.' },
  IDEMPOTENCY_CONFLICT: {
    status: 409,
    retryable: false,
    message: 'This id was already used for a different request.',
  },
  REPLAY_DETECTED: { status: 409, retryable: false, message: 'This nonce was already used.' },
  ROOM_CLOSED: { status: 410, retryable: false, message: 'The room is closed.' },
  PAIRING_CLOSED: { status: 410, retryable: false, message: 'This pairing is over.' },
  PAYLOAD_TOO_LARGE: { status: 413, retryable: false, message: 'The payload is too large.' },
  ACCOUNT_LOCKED: { status: 423, retryable: false, message: 'The account is locked for now.' },
  RATE_LIMIT: { status: 429, retryable: true, message: 'Too many requests.' },
  INTERNAL_ERROR: { status: 500, retryable: true, message: 'Something went wrong on the server.' },
  BUSY: { status: 503, retryable: true, message: 'The server is busy.' },
  UNAVAILABLE: { status: 503, retryable: true, message: 'The service is unavailable for the moment.' },
  INDETERMINATE: {
    status: 504,
    retryable: true,
    message: 'The outcome is not known. Retry with the same id.',
  },
} as const satisfies Record<string, { status: number; retryable: boolean; message: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** One fault of an input: where it is (`target.screenId`) and what is wrong. */
export interface Fault {
  path: string;
  message: string;
}

/** What a failure looks like on the wire, over HTTP (`error`), in an ack (`error`) and as `connect_error.data`. */
export interface WireError {
  code: ErrorCode;
  message: string;
  retryable: boolean;
  /** Milliseconds to wait before the next try. */
  retryAfterMs?: number;
  details?: unknown;
}

export interface Failure {
  success: false;
  error: WireError;
  requestId?: string;
}

export interface BongsuErrorOptions {
  /** Public: reaches the client. */
  details?: unknown;
  /** Milliseconds. Public. */
  retryAfterMs?: number;
  /** Private: reaches the log only. */
  cause?: unknown;
}

/**
 * The only error that crosses a boundary. Its `message` comes from the catalogue, so nothing internal leaks by it.
 * @example throw new BongsuError('SCREEN_NOT_FOUND')
 */
export class BongsuError extends Error {
  readonly code: ErrorCode;
  readonly details: unknown;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, options: BongsuErrorOptions = {}) {
    super(ERRORS[code].message, { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.details = options.details;
    this.retryAfterMs = options.retryAfterMs;
  }

  get status(): number {
    return ERRORS[this.code].status;
  }

  get retryable(): boolean {
    return ERRORS[this.code].retryable;
  }

  toWire(): WireError {
    return {
      code: this.code,
      message: this.message,
      retryable: this.retryable,
      ...(this.retryAfterMs === undefined ? {} : { retryAfterMs: this.retryAfterMs }),
      ...(this.details === undefined ? {} : { details: this.details }),
    };
  }
}

/** Errors of rooms and signaling. */
export class SignalingError extends BongsuError {}

/** 400 VALIDATION_ERROR; `details` lists every fault. */
export class ValidationError extends BongsuError {
  constructor(faults: Fault[], options: Omit<BongsuErrorOptions, 'details'> = {}) {
    super('VALIDATION_ERROR', { ...options, details: faults });
  }
}

/** 401 AUTH_ERROR, TOKEN_EXPIRED, TOKEN_REVOKED or MFA_REQUIRED. */
export class AuthenticationError extends BongsuError {
  constructor(
    code: 'AUTH_ERROR' | 'TOKEN_EXPIRED' | 'TOKEN_REVOKED' | 'MFA_REQUIRED' = 'AUTH_ERROR',
    options: BongsuErrorOptions = {},
  ) {
    super(code, options);
  }
}

/** 403 ROOM_FULL; `details.maxUsers` says how many fit. */
export class RoomFullError extends SignalingError {
  constructor(maxUsers: number) {
    super('ROOM_FULL', { details: { maxUsers } });
  }
}

/** 429 RATE_LIMIT; `retryAfterMs` says when the next call is allowed. */
export class RateLimitError extends BongsuError {
  constructor(retryAfterMs: number, options: Omit<BongsuErrorOptions, 'retryAfterMs'> = {}) {
    super('RATE_LIMIT', { ...options, retryAfterMs });
  }
}
