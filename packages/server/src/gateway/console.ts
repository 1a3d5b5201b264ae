import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyRequest } from 'fastify';

const free = { right: 'public', limit: 'none' } as const;

/** Where the built console lies beside the server; undefined before it was built. */
export function consoleFolder(): string | undefined {
  // Two steps up from src/gateway and from dist/gateway alike.
  const folder = fileURLToPath(new URL('../../../console/dist', import.meta.url));
  return existsSync(`${folder}/index.html`) ? folder : undefined;
}

/** The console's files at the root. Names with a hash may be kept for ever; the page itself is always asked for. */
export async function serveConsole(app: FastifyInstance, folder: string): Promise<void> {
  await app.register(fastifyStatic, { root: folder, cacheControl: false, serve: false });
  app.get('/*', { config: free, schema: { hide: true } }, async (request, reply) => {
    const path = (request.params as { '*': string })['*'];
    const kept = path.startsWith('assets/');
    reply.header('cache-control', kept ? 'public, max-age=31536000, immutable' : 'no-cache');
    return isPage(request) ? reply.sendFile('index.html') : reply.sendFile(path);
  });
}

/**
 * A path without a file is a page of the console, whose router takes it from there: for a browser, which says that it wants one. A
 * probe of `/healthz` must not hear 200.
 */
function isPage(request: FastifyRequest): boolean {
  const path = request.url.split('?')[0] ?? '/';
  return (
    request.method === 'GET' &&
    (path === '/' || /text\/html/.test(request.headers.accept ?? '')) &&
    !/^\/(api|socket\.io|\.well-known|health|metrics)(\/|$)/.test(path) &&
    !/\.[a-z0-9]+$/i.test(path)
  );
}
