import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import type { FastifyContextConfig, FastifyInstance, FastifySchema } from 'fastify';
import fp from 'fastify-plugin';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { refusals } from '../platform/refusals.js';
import { refusalsOf } from '../platform/rights.js';

/** OpenAPI 3.1 from the routes' own schemas at /api/openapi.json, and a local reader at /api/docs. */
export const apiDocs = (version: string) =>
  fp(async (app: FastifyInstance) => {
    await app.register(swagger, {
      openapi: {
        openapi: '3.1.0',
        info: {
          title: 'Bongsu',
          version,
          description:
            'Guaranteed remote control of screens. Every failure is `{success:false, error:{code, …}}`.',
        },
        components: { securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } } },
        security: [{ bearer: [] }],
      },
      transform: ({ schema, url, route, ...rest }) => {
        const hidden = route.schema?.hide || url.startsWith('/api/docs') || url === '/api/openapi.json';
        const told = { ...schema, ...refusedBy(route.schema, route.config) };
        const transformed = jsonSchemaTransform({ schema: told, url, route, ...rest } as never);
        const extra = route.config?.right === 'public' ? { security: [] } : {};
        return {
          ...transformed,
          schema: { ...transformed.schema, ...extra, ...(hidden ? { hide: true } : {}) },
        } as never;
      },
      transformObject: jsonSchemaTransformObject,
    });
    await app.register(swaggerUi, {
      routePrefix: '/api/docs',
      uiConfig: { urls: [{ name: 'Bongsu', url: '/api/openapi.json' }] },
      // The bar holds nothing but the logo of Fastify and the one document to choose from.
      theme: { css: [{ filename: 'bongsu.css', content: '.swagger-ui .topbar { display: none }' }] },
      transformStaticCSP: withInlineStyles,
    });
    app.get('/api/openapi.json', { config: { right: 'public', limit: 'none' } }, async () => app.swagger());
  });

/** All that a route can answer instead of success: of its own, for its right and for its limit. */
function refusedBy(
  { codes: own = [], description, response }: FastifySchema = {},
  { right = 'public', limit = 'none' }: FastifyContextConfig = {},
) {
  const limited = limit === 'none' ? [] : (['RATE_LIMIT'] as const);
  const all = [...new Set([...own, ...refusalsOf(right), ...limited])];
  const { codes, responses } = refusals(...all);
  const errors = codes.length === 0 ? undefined : `Errors: ${codes.join(', ')}.`;
  const text = [description, errors].filter(Boolean).join(' ');
  return {
    codes: undefined,
    ...(text === '' ? {} : { description: text }),
    response: { ...(response as object), ...responses },
  };
}

/** The reader sets inline styles and data: images; its pages alone are allowed to. */
function withInlineStyles(policy: string): string {
  return policy
    .replace("style-src 'self'", "style-src 'self' 'unsafe-inline'")
    .replace("img-src 'self'", "img-src 'self' data:");
}
