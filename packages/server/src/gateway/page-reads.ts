import type { FastifyInstance } from 'fastify';
import type { ReplicaReads } from '../platform/database/replica-reads.js';

/** Of an answer that a replica had a part in: all that was committed up to then is in it. Milliseconds, database clock. */
export const AS_OF = 'bongsu-as-of';

const READING = new Set(['GET', 'HEAD', 'OPTIONS']);

/** Routes of pages read from the replica, and whoever changed something reads home until it is there. */
export function readPages(app: FastifyInstance, reads: ReplicaReads): void {
  app.addHook('preHandler', (request, reply, done) => {
    if (request.routeOptions.config.pages !== true) return done();
    let oldest = Number.POSITIVE_INFINITY;
    const onReplica = (asOf: number) => {
      oldest = Math.min(oldest, asOf);
      reply.header(AS_OF, oldest);
    };
    return reads.during({ userId: userOf(request), onReplica }, done);
  });
  app.addHook('onSend', async (request) => {
    const userId = userOf(request);
    if (userId !== undefined && !READING.has(request.method)) reads.wrote(userId);
  });
}

/** Undefined before anybody is known. */
function userOf({ principal }: { principal?: { kind: string; userId?: string } }): string | undefined {
  return principal?.userId;
}
