import { z } from 'zod';
import { BongsuError, type Fault, ValidationError } from './errors.js';
import { MAX_NESTING } from './limits.js';

// A lone surrogate cannot be stored as UTF-8, and PostgreSQL refuses NUL in text: both are refused at the door.
// With the u flag a class of surrogates matches only unpaired ones.
// biome-ignore lint/suspicious/noControlCharactersInRegex: NUL is what we look for
const UNSTORABLE = /[\u0000\uD800-\uDFFF]/u;

/** False for text with NUL or a lone surrogate. */
export function isStorable(text: string): boolean {
  return !UNSTORABLE.test(text);
}

/** The message of a schema's own fault: what is wanted, or that there is nothing. */
export const wanted = (rule: string) => ({
  error: ({ input }: { input?: unknown }) => (input === undefined ? 'is required' : rule),
});

const STORABLE_MESSAGE = 'must not contain NUL or a lone surrogate';

/** A text of `min` to `max` code points that every layer can store. */
export function text(min: number, max: number, schema = z.string(wanted('must be text'))) {
  return schema
    .refine(isStorable, STORABLE_MESSAGE)
    .refine(
      (value) => value.length <= 2 * max && countCodePoints(value) <= max,
      `must have at most ${max} characters`,
    )
    .refine(
      (value) => countCodePoints(value) >= min,
      `must have at least ${min} character${min === 1 ? '' : 's'}`,
    )
    .meta({ minLength: min, maxLength: max });
}

export function countCodePoints(value: string): number {
  let count = 0;
  for (const _ of value) count += 1;
  return count;
}

/** A UUID in any case, kept in lower case, so that one id is one string everywhere. */
export const UuidSchema = z.uuid(wanted('must be a UUID')).toLowerCase();

/** One message, whatever is wrong with it. */
export function wholeNumber(min: number, max: number, schemaOf: typeof z.number = z.number) {
  const rule = `must be a whole number from ${min} to ${max}`;
  return schemaOf(wanted(rule)).int(rule).min(min, rule).max(max, rule);
}

/** Makes a command impossible to replay. */
export const NonceSchema = text(1, 128);

/** Milliseconds since 1970 by the sender's clock. */
export const TimestampSchema = wholeNumber(0, 8.64e15);

/**
 * Why a value is not storable JSON, or undefined when it is. Walks without recursion limits of its own:
 * nesting is bounded before it can hurt.
 */
export function jsonFault(value: unknown, depth = 0): string | undefined {
  switch (typeof value) {
    case 'string':
      return isStorable(value) ? undefined : STORABLE_MESSAGE;
    case 'number':
      return Number.isFinite(value) ? undefined : 'must be a finite number';
    case 'boolean':
      return undefined;
    case 'object':
      return value === null ? undefined : containerFault(value, depth + 1);
    default:
      return 'must be JSON';
  }
}

function containerFault(value: object, depth: number): string | undefined {
  if (depth > MAX_NESTING) return `must not be nested deeper than ${MAX_NESTING}`;
  if (Array.isArray(value)) {
    for (const item of value) {
      const fault = jsonFault(item, depth);
      if (fault) return fault;
    }
    return undefined;
  }
  const prototype = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return 'must be JSON';
  for (const key of Object.keys(value)) {
    const fault = isStorable(key)
      ? jsonFault((value as Record<string, unknown>)[key], depth)
      : STORABLE_MESSAGE;
    if (fault) return fault;
  }
  return undefined;
}

const encoder = new TextEncoder();

/** Counts the bytes only where the length leaves a doubt: a code unit takes one to three. */
function fits(json: string, maxBytes: number): boolean {
  if (json.length * 3 <= maxBytes) return true;
  return json.length <= maxBytes && encoder.encode(json).length <= maxBytes;
}

/** Any JSON of at most `maxBytes` as UTF-8; too large is PAYLOAD_TOO_LARGE, anything else VALIDATION_ERROR. */
export function json(maxBytes: number) {
  const schema = z.unknown().superRefine((value, context) => {
    if (value === undefined) return;
    const fault = jsonFault(value);
    if (fault) {
      context.addIssue({ code: 'custom', message: fault });
      return;
    }
    if (!fits(JSON.stringify(value), maxBytes)) {
      context.addIssue({
        code: 'custom',
        message: `must have at most ${maxBytes} bytes`,
        params: { errorCode: 'PAYLOAD_TOO_LARGE' },
      });
    }
  });
  return z.nonoptional(schema, 'is required');
}

/**
 * Parses or throws: ValidationError with every fault, or PAYLOAD_TOO_LARGE.
 * @example const input = parseInput(TriggerSchema, payload)
 */
export function parseInput<Schema extends z.ZodType>(schema: Schema, input: unknown): z.output<Schema> {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  throw inputError(result.error.issues as InputIssue[]);
}

/** The part of a Zod issue that an error is made of. */
export interface InputIssue {
  code?: string | undefined;
  path: readonly PropertyKey[];
  message: string;
  params?: Record<string, unknown> | undefined;
}

/** The error for a list of Zod issues. */
export function inputError(issues: readonly InputIssue[]): BongsuError {
  const faults: Fault[] = issues.map((issue) => ({
    path: issue.path.map(String).join('.'),
    message: issue.message,
  }));
  const tooLarge = issues.some((issue) => issue.params?.errorCode === 'PAYLOAD_TOO_LARGE');
  return tooLarge ? new BongsuError('PAYLOAD_TOO_LARGE', { details: faults }) : new ValidationError(faults);
}

/** Every list over HTTP. `nextCursor` is opaque; null at the end. */
export function listOf<Item extends z.ZodType>(item: Item) {
  return z.object({ items: z.array(item), nextCursor: z.string().nullable() });
}

export const PageQuerySchema = z.object({
  cursor: z.string().max(200).refine(isStorable, STORABLE_MESSAGE).optional(),
  limit: wholeNumber(1, 200, z.coerce.number).default(50),
});

export const ErrorResponseSchema = z
  .object({
    success: z.literal(false),
    error: z.object({
      code: z.string(),
      message: z.string(),
      retryable: z.boolean(),
      retryAfterMs: z.number().int().optional(),
      details: z.unknown().optional(),
    }),
    requestId: z.string().optional(),
  })
  .meta({ id: 'Error' });
