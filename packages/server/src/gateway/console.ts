import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify';

const free = { access: 'public', limit: 'none' } as const;

/** Where the built console lies beside the server: in the workspace, or packed into the server's own dist. */
export function consoleFolder(): string | undefined {
  const candidates = ['../../../console/dist', '../console'].map((path) =>
    fileURLToPath(new URL(path, import.meta.url)),
  );
  return candidates.find((folder) => existsSync(`${folder}/index.html`));
}

/**
 * The console's files at the root. Names with a hash may be kept for ever; the page itself never. A path without a file is a
 * page of the console (its router takes it from there), unless it looks like a file or belongs to the API.
 */
export function consoleRoutes(folder: string): FastifyPluginAsync {
  return async (app: FastifyInstance) => {
    app.addHook('onRoute', (route) => {
      route.config = { ...route.config, ...free };
      route.schema = { ...route.schema, hide: true };
    });
    await app.register(fastifyStatic, {
      root: folder,
      wildcard: true,
      index: ['index.html'],
      cacheControl: false,
      setHeaders: (response, path) => {
        const hashed = path.includes('/assets/');
        response.setHeader('cache-control', hashed ? `public, max-age=31536000, immutable` : 'no-cache');
      },
    });
    app.setNotFoundHandler((request, reply) => pageOrNotFound(request, reply));
  };
}

function pageOrNotFound(request: FastifyRequest, reply: FastifyReply) {
  const path = request.url.split('?')[0] ?? '/';
  const isPage = request.method === 'GET' && !path.startsWith('/api/') && !/\.[a-z0-9]+$/i.test(path);
  if (isPage) return reply.header('cache-control', 'no-cache').sendFile('index.html');
  return reply.callNotFound();
}
