import { BongsuError, type Failure, type InputIssue, inputError, ValidationError } from '@bongsu/protocol';
import { ZodError } from 'zod';
import { DatabaseError, type DatabaseFault } from '../platform/database/database.js';
import type { Log } from '../platform/log.js';
import { retryAfterOf } from '../platform/resilience/circuit-breaker.js';

/**
 * The only mapper from what was thrown to what leaves: the same object over HTTP, in an ack and in `connect_error.data`.
 * Whatever is not a BongsuError becomes one here, and its own text stays inside as the cause.
 */
export function toBongsuError(thrown: unknown): BongsuError {
  if (thrown instanceof BongsuError) return thrown;
  if (thrown instanceof ZodError) return inputError(thrown.issues);
  if (thrown instanceof DatabaseError) return fromDatabase(thrown);
  return fromFastify(thrown) ?? new BongsuError('INTERNAL_ERROR', { cause: thrown });
}

const AWAY: readonly DatabaseFault[] = ['connection', 'timeout', 'full', 'readonly', 'aborted'];
/** How long a client waits before it tries again after the database was away. */
const AWAY_RETRY_MS = 1000;

function fromDatabase(error: DatabaseError): BongsuError {
  if (error.fault === 'commit-unknown') return new BongsuError('INDETERMINATE', { cause: error });
  if (AWAY.includes(error.fault))
    return new BongsuError('UNAVAILABLE', {
      cause: error,
      retryAfterMs: retryAfterOf(error) ?? AWAY_RETRY_MS,
    });
  return new BongsuError('INTERNAL_ERROR', { cause: error });
}

/** What Fastify and its type provider throw, as far as it matters here. */
interface FastifyFault {
  code: string;
  statusCode: number;
  /** Zod's issues, spread over the fields of an AJV error (fastify-type-provider-zod, createValidationError). */
  validation: {
    keyword: string;
    instancePath: string;
    message?: string;
    params?: { params?: Record<string, unknown> };
  }[];
}

function toIssue({ keyword, instancePath, message, params }: FastifyFault['validation'][number]): InputIssue {
  const path = instancePath.split('/').filter((part) => part !== '');
  return {
    code: keyword,
    path,
    message: message ?? 'is not valid',
    ...(params?.params ? { params: params.params } : {}),
  };
}

/** Fastify's own refusals by their stable codes. */
function fromFastify(thrown: unknown): BongsuError | undefined {
  if (!(thrown instanceof Error)) return undefined;
  const { code, statusCode, validation } = thrown as Error &
    Partial<Pick<FastifyFault, 'code' | 'statusCode' | 'validation'>>;
  if (validation) return inputError(validation.map(toIssue));
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return new BongsuError('PAYLOAD_TOO_LARGE', { cause: thrown });
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') {
    return new ValidationError([{ path: 'content-type', message: 'must be application/json' }], {
      cause: thrown,
    });
  }
  if (thrown instanceof SyntaxError || (statusCode !== undefined && statusCode >= 400 && statusCode < 500)) {
    return new ValidationError([{ path: '', message: 'the request could not be read' }], { cause: thrown });
  }
  return undefined;
}

export function failure(error: BongsuError, requestId?: string): Failure {
  return { success: false, error: error.toWire(), ...(requestId === undefined ? {} : { requestId }) };
}

/**
 * Once for each refusal, without payloads: a caller's mistake is news at `info`, ours is an error with its stack. That a circuit
 * opened was told when it did, so what it refuses is no news.
 * @param counted true where RATE_LIMIT means the limit of commands: there may be thousands, and a metric counts them
 */
export function logRefusal(log: Log, error: BongsuError, context: object, { counted = false } = {}): void {
  const fields = { ...context, code: error.code };
  if (error.code === 'INTERNAL_ERROR') log.error({ ...fields, err: error.cause ?? error }, 'failed');
  else if (retryAfterOf(error.cause) !== undefined) log.debug(fields, 'refused by an open circuit');
  else if (error.retryable && error.cause) log.warn({ ...fields, err: error.cause }, 'refused for now');
  else if (error.code === 'RATE_LIMIT' && counted) log.debug(fields, 'refused');
  else log.info(fields, 'refused');
}
