import type { Origin, Principal } from '../platform/principal.js';
import type { RightName } from '../platform/rights.js';
import type { LimitScope } from '../platform/surface.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a caller needs; absent only where nothing answers. */
    right?: RightName;
    limit?: LimitScope;
  }
  interface FastifyRequest {
    /** Set when the route's right is not public. */
    principal: Principal;
    origin: Origin;
  }
}
