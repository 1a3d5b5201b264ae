import type { Origin, Principal } from '../platform/principal.js';
import type { Access, LimitScope } from '../platform/surface.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: Access;
    limit?: LimitScope;
  }
  interface FastifyRequest {
    /** Set when the route's access is not public. */
    principal: Principal;
    origin: Origin;
  }
}
