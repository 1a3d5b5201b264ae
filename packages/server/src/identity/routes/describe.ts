import { BongsuError, type ErrorCode } from '@bongsu/protocol';
import type { FastifyRequest } from 'fastify';
import type { UserPrincipal } from '../../platform/principal.js';
import { refusals } from '../../platform/refusals.js';

export const open = { right: 'public', limit: 'general' } as const;

/** A route's entry in OpenAPI; what it can answer instead of success follows from the codes, its right and its limit. */
export function describe<Response extends object, Schema extends { response: Response }>(
  summary: string,
  codes: readonly ErrorCode[],
  schema: Schema & { response: Response },
) {
  const { responses } = refusals(...codes);
  return { tags: ['identity'], summary, codes, ...schema, response: { ...schema.response, ...responses } };
}

/** The gateway lets only people in here. */
export function personOf(request: FastifyRequest): UserPrincipal {
  if (request.principal.kind !== 'user') throw new BongsuError('FORBIDDEN');
  return request.principal;
}
