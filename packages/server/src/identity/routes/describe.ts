import { BongsuError, ErrorResponseSchema } from '@bongsu/protocol';
import type { FastifyRequest } from 'fastify';
import type { UserPrincipal } from '../../platform/principal.js';

export const open = { right: 'public', limit: 'general' } as const;

export function describe<Schema extends object>(summary: string, codes: readonly string[], schema: Schema) {
  const description = codes.length === 0 ? {} : { description: `Errors: ${codes.join(', ')}.` };
  return { tags: ['identity'], summary, ...description, ...schema };
}

export function refusals<Status extends number>(...statuses: Status[]) {
  return Object.fromEntries(statuses.map((status) => [status, ErrorResponseSchema])) as Record<
    Status,
    typeof ErrorResponseSchema
  >;
}

/** The gateway lets only people in here. */
export function personOf(request: FastifyRequest): UserPrincipal {
  if (request.principal.kind !== 'user') throw new BongsuError('FORBIDDEN');
  return request.principal;
}
