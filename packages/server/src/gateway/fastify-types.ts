import type { ErrorCode } from '@bongsu/protocol';
import type { Origin, Principal } from '../platform/principal.js';
import type { RightName } from '../platform/rights.js';
import type { LimitScope } from '../platform/surface.js';
import type { MountedRoute } from './mounted.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a caller needs; absent only where nothing answers. */
    right?: RightName;
    limit?: LimitScope;
    /** It reads pages, which a replica may answer. */
    pages?: true;
  }
  interface FastifySchema {
    /** What the route itself refuses; its right and its limit say the rest. */
    codes?: readonly ErrorCode[];
  }
  interface FastifyInstance {
    readonly mounted: readonly MountedRoute[];
  }
  interface FastifyRequest {
    /** Set when the route's right is not public. */
    principal: Principal;
    origin: Origin;
  }
}
