import { BongsuError } from '@bongsu/protocol';
import fastify, { type FastifyPluginAsync } from 'fastify';
import {
  hasZodFastifySchemaValidationErrors,
  serializerCompiler,
  validatorCompiler,
} from 'fastify-type-provider-zod';
import type {} from '../../src/gateway/fastify-types.js';
import type { Principal } from '../../src/platform/principal.js';

/** Routes of one domain without the gateway, which is tested on its own: every call is made by `principal()`. */
export async function routeApp(routes: FastifyPluginAsync, principal: () => Principal) {
  const app = fastify();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.addHook('onRequest', async (request) => {
    request.principal = principal();
    request.origin = { address: '192.0.2.1', userAgent: 'test' };
  });
  app.setErrorHandler((thrown, _request, reply) => {
    const error = hasZodFastifySchemaValidationErrors(thrown) ? new BongsuError('VALIDATION_ERROR') : thrown;
    if (!(error instanceof BongsuError)) throw error;
    const body = { code: error.code, ...(error.details === undefined ? {} : { details: error.details }) };
    return reply.status(error.status).serializer(JSON.stringify).send(body);
  });
  await app.register(routes);
  return {
    close: () => app.close(),
    async call(
      method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
      url: string,
      payload?: object,
      headers: Record<string, string> = {},
    ) {
      const response = await app.inject({
        method,
        url,
        headers,
        ...(payload === undefined ? {} : { payload }),
      });
      const answer = {
        status: response.statusCode,
        body: response.body === '' ? undefined : response.json(),
      };
      // At hand for who asks, and no part of what answers are compared by.
      return Object.defineProperty(answer, 'headers', { value: response.headers }) as typeof answer & {
        headers: typeof response.headers;
      };
    },
  };
}
