import { constants } from 'node:os';
import { CLOSINGS, ERRORS } from '@bongsu/protocol';

const REDACTED = '[redacted]';
const MAX_DEPTH = 8;
const MAX_ITEMS = 100;
const MAX_TEXT = 10_000;

/** Ends of key names, written without case and punctuation: `x-api-key`, `refreshToken` and `DB_PASSWORD` are among them. */
const SENSITIVE =
  /(authorization|cookie|token|password|passwd|secret|apikey|privatekey|credential|email|otp|pairingcode|recoverycode)s?$/;

/** Secrets inside of texts: in URLs, headers and messages of libraries. */
const PATTERNS: readonly [RegExp, string][] = [
  [/([?&#](?:[\w-]*token|code|secret|password|email|key)=)[^&\s"'<>]+/gi, `$1${REDACTED}`],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/gi, `$1 ${REDACTED}`],
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, REDACTED],
  [/(bgs|brt)_[\w-]{6,}/g, REDACTED],
  [/(\w+:\/\/[^\s:/@]+:)[^\s/@]+(?=@)/g, `$1${REDACTED}`],
  [/[\w.+-]+@[\w-]+(\.[\w-]+)+/g, REDACTED],
];

/** `code` is a pairing code or a TOTP as often as an error code; only what is known to be the latter is shown. */
function isErrorCode(value: unknown): boolean {
  if (typeof value !== 'string') return false;
  const isListed = [ERRORS, CLOSINGS, constants.errno].some((list) => Object.hasOwn(list, value));
  return isListed || /^(ERR|FST)_/.test(value);
}

function isSensitive(key: string, value: unknown): boolean {
  const name = key.toLowerCase().replace(/[^a-z0-9]/g, '');
  return name === 'code' ? !isErrorCode(value) : SENSITIVE.test(name);
}

export function redactText(text: string): string {
  const shortened = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text;
  return PATTERNS.reduce((result, [pattern, replacement]) => result.replace(pattern, replacement), shortened);
}

/** Only these of an error: drivers hang whole rows on theirs (`detail: Key (email)=(…) already exists`). */
function describeError(error: Error, depth: number, seen: Set<object>): object {
  const { code, fault } = error as { code?: unknown; fault?: unknown };
  return {
    type: error.constructor.name,
    message: redactText(error.message),
    ...(typeof code === 'string' || typeof code === 'number' ? { code } : {}),
    ...(typeof fault === 'string' ? { fault } : {}),
    ...(error.stack ? { stack: redactText(error.stack) } : {}),
    ...(error.cause === undefined ? {} : { cause: redact(error.cause, depth + 1, seen) }),
    ...(error instanceof AggregateError ? { errors: redact(error.errors, depth + 1, seen) } : {}),
  };
}

function redactObject(value: object, depth: number, seen: Set<object>): unknown {
  if (value instanceof Error) return describeError(value, depth, seen);
  if (value instanceof Uint8Array) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.slice(0, MAX_ITEMS).map((item) => redact(item, depth + 1, seen));
  const { toJSON } = value as { toJSON?: unknown };
  if (typeof toJSON === 'function') return redact(toJSON.call(value), depth + 1, seen);
  const entries = Object.entries(value).slice(0, MAX_ITEMS);
  return Object.fromEntries(
    entries.map(([key, item]) => [
      key,
      isSensitive(key, item) && item !== undefined && item !== null
        ? REDACTED
        : redact(item, depth + 1, seen),
    ]),
  );
}

/**
 * A copy of a log context that is safe to write: secrets and personal data masked by key at any depth and by shape in
 * texts, errors with stack and causes, bytes and cycles in a word, all of it bounded.
 */
export function redact(value: unknown, depth = 0, ancestors: Set<object> = new Set()): unknown {
  if (typeof value === 'string') return redactText(value);
  if (typeof value === 'bigint') return value.toString();
  if (typeof value !== 'object' || value === null) return value;
  if (ancestors.has(value)) return '[circular]';
  if (depth > MAX_DEPTH) return '[deep]';
  ancestors.add(value);
  try {
    return redactObject(value, depth, ancestors);
  } finally {
    ancestors.delete(value);
  }
}
