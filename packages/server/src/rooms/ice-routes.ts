import { BongsuError, IceServersSchema, RoomIdSchema } from '@bongsu/protocol';
import type { FastifyPluginAsync } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { UserPrincipal } from '../platform/principal.js';
import { refusals } from '../platform/refusals.js';
import type { IceServerList } from './ice-servers.js';

export interface IceRoutesDeps {
  iceServers: Pick<IceServerList, 'issue'>;
  /** Something happened in the room, if the user is a member of it: a call that only lasts is not idle. Never rejects. */
  touch(user: UserPrincipal, roomId: string): Promise<void>;
}

const QuerySchema = z.object({
  /** Of the call that it is for. */
  roomId: RoomIdSchema.optional(),
});

export function iceRoutes({ iceServers, touch }: IceRoutesDeps): FastifyPluginAsync {
  const { codes, responses } = refusals('VALIDATION_ERROR');
  return async (app) => {
    app.withTypeProvider<ZodTypeProvider>().get(
      '/ice-servers',
      {
        config: { right: 'ice-servers.read', limit: 'general' },
        schema: {
          tags: ['rooms'],
          summary:
            'STUN and TURN servers with credentials; ask anew before they end, with the room of the call',
          codes,
          querystring: QuerySchema,
          response: { 200: IceServersSchema, ...responses },
        },
      },
      async ({ principal, query }, reply) => {
        if (principal.kind !== 'user') throw new BongsuError('FORBIDDEN');
        if (query.roomId !== undefined) await touch(principal, query.roomId);
        reply.header('cache-control', 'no-store');
        return iceServers.issue(principal.userId);
      },
    );
  };
}
