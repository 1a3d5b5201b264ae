import { JwksSchema } from '@bongsu/protocol';
import type { FastifyPluginAsync } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { JWKS_MAX_AGE_MS } from '../tokens/key-states.js';
import type { SigningKeys } from '../tokens/signing-keys.js';
import { describe } from './describe.js';

/** `/.well-known/jwks.json`: with it anybody can verify an access token. Lives outside /api. */
export function wellKnownRoutes(keys: Pick<SigningKeys, 'jwks'>): FastifyPluginAsync {
  return async (app) => {
    app.withTypeProvider<ZodTypeProvider>().get(
      '/.well-known/jwks.json',
      {
        config: { right: 'public', limit: 'none' },
        schema: describe('Public keys of access tokens', [], { response: { 200: JwksSchema } }),
      },
      async (_request, reply) => {
        reply.header('cache-control', `public, max-age=${JWKS_MAX_AGE_MS / 1000}`);
        const { keys: published } = await keys.jwks();
        return { keys: published.map((key) => ({ ...key })) };
      },
    );
  };
}
