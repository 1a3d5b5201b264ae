import type { FastifyInstance, RouteOptions } from 'fastify';
import type { RightName } from '../platform/rights.js';

/** A route that answers, and the right that it asks for. */
export interface MountedRoute {
  method: string;
  /** As it was mounted: `/api/screens/:id`. */
  url: string;
  right: RightName;
}

/** Routes that plugins make, which name no right: CORS preflights, and the reader of the API's description. */
function isOfPlugin(url: string): boolean {
  return url === '*' || url === '/api/docs' || url.startsWith('/api/docs/');
}

/**
 * Keeps a list of what is mounted (`app.mounted`), and refuses a route that names no right: forgetting it must not be a way to
 * leave a door open.
 */
export function listMounted(app: FastifyInstance): void {
  const mounted: MountedRoute[] = [];
  app.decorate('mounted', mounted);
  app.addHook('onRoute', (route) => {
    const right = rightOf(route);
    route.config = { ...route.config, right };
    for (const method of [route.method].flat()) mounted.push({ method, url: route.url, right });
  });
}

function rightOf({ config, method, url }: RouteOptions): RightName {
  if (config?.right) return config.right;
  if (isOfPlugin(url)) return 'public';
  throw new Error(`${String(method)} ${url} names no right (platform/rights.ts)`);
}
