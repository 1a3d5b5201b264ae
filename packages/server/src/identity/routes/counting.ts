import { RateLimitError } from '@bongsu/protocol';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { addressKey } from '../../guards/address.js';
import { type LimitResult, rateLimitHeaders } from '../../guards/limit.js';
import type { Core } from '../core.js';

/** @throws RATE_LIMIT */
export function holdTo(result: LimitResult, reply: FastifyReply): void {
  reply.headers(rateLimitHeaders(result));
  if (!result.allowed) throw new RateLimitError(result.retryAfterMs ?? result.resetMs);
}

/** As every public route is counted. @throws RATE_LIMIT */
export async function countByAddress(
  core: Core,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<void> {
  holdTo(await core.limiter.checkLimit('general', `ip:${addressKey(request.ip)}`), reply);
}

/** By the login that somebody has shown to have, else by address. @throws RATE_LIMIT */
export async function countByLogin(
  core: Core,
  request: FastifyRequest,
  reply: FastifyReply,
  { scope, login }: { scope: 'refresh' | 'logout'; login: string | undefined },
): Promise<void> {
  if (login === undefined) return countByAddress(core, request, reply);
  holdTo(await core.limiter.checkLimit(scope, `login:${login}`), reply);
}

/**
 * For routes whose handlers count by what is asked of them: a request that never gets there, such as one whose body is none, is
 * counted by its address.
 */
export function countsInHandler(core: Core) {
  const arrived = new WeakSet<FastifyRequest>();
  return {
    config: { right: 'public', limit: 'none' },
    preHandler: async (request: FastifyRequest) => {
      arrived.add(request);
    },
    errorHandler: async (error: FastifyError, request: FastifyRequest, reply: FastifyReply) => {
      if (!arrived.has(request)) await countByAddress(core, request, reply);
      // On to the handler of all routes.
      throw error;
    },
  } as const;
}
