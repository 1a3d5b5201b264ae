import {
  BongsuError,
  ConnectionListSchema,
  ConnectionsQuerySchema,
  listOf,
  NodeSchema,
  PageQuerySchema,
} from '@bongsu/protocol';
import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { refusals } from '../platform/refusals.js';
import { type ConnectionsDeps, closeConnection, listConnections, serveConnections } from './connections.js';
import { listNodes, type NodesDeps, serveNode } from './nodes.js';

const badQuery = refusals('VALIDATION_ERROR', 'UNAVAILABLE');
const notClosed = refusals('NOT_FOUND', 'UNAVAILABLE');

/** The nodes and what is connected to them, for administrators. */
export function nodeRoutes(deps: ConnectionsDeps & NodesDeps): FastifyPluginAsync {
  serveConnections(deps);
  serveNode(deps);
  return async (app) => {
    mountNodes(app, deps);
    mountConnections(app, deps);
  };
}

function mountNodes(app: FastifyInstance, deps: NodesDeps): void {
  app.withTypeProvider<ZodTypeProvider>().get(
    '/nodes',
    {
      config: { right: 'nodes.read', limit: 'general' },
      schema: {
        tags: ['operations'],
        summary: 'The nodes that live, by name',
        codes: badQuery.codes,
        querystring: PageQuerySchema,
        response: { 200: listOf(NodeSchema), ...badQuery.responses },
      },
    },
    ({ query }) => listNodes(deps, query),
  );
}

function mountConnections(app: FastifyInstance, deps: ConnectionsDeps): void {
  const typed = app.withTypeProvider<ZodTypeProvider>();
  typed.get(
    '/connections',
    {
      config: { right: 'connections.read', limit: 'general' },
      schema: {
        tags: ['operations'],
        summary: 'What is connected to every node, the newest first',
        description: '`missing` names the nodes that did not answer.',
        codes: badQuery.codes,
        querystring: ConnectionsQuerySchema,
        response: { 200: ConnectionListSchema, ...badQuery.responses },
      },
    },
    ({ query }) => listConnections(deps, query),
  );
  typed.delete(
    '/connections/:id',
    {
      config: { right: 'connections.close', limit: 'general' },
      schema: {
        tags: ['operations'],
        summary: 'Close a connection, on whatever node',
        description: 'A person’s is told KICKED and stays away; a screen’s is told DRAINING and comes back.',
        codes: notClosed.codes,
        params: z.object({ id: z.string().max(40) }),
        response: { 204: z.null(), ...notClosed.responses },
      },
    },
    async ({ principal, origin, params }, reply) => {
      if (principal.kind !== 'user') throw new BongsuError('FORBIDDEN');
      await closeConnection(deps, params.id, { user: principal, origin });
      return reply.status(204).send(null);
    },
  );
}
