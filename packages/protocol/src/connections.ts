import { z } from 'zod';
import { listOf, PageQuerySchema, UuidSchema } from './common.js';
import { ScreenIdSchema } from './screens.js';

/** A socket that is connected, as administrators see it. Times: milliseconds since 1970. */
export const ConnectionSchema = z
  .object({
    id: z.string(),
    /** The name of the node that holds it. */
    node: z.string(),
    /** Who it is: a person or a screen. */
    userId: z.string().nullable(),
    username: z.string().nullable(),
    screenId: z.string().nullable(),
    /** Null also for a screen that was just deleted. */
    screenName: z.string().nullable(),
    /** The login, or `key:` and the id of an API key. */
    sessionId: z.string(),
    address: z.string(),
    userAgent: z.string(),
    transport: z.enum(['websocket', 'polling']),
    connectedAt: z.number(),
    /** How many rooms it has a seat in. */
    rooms: z.number(),
  })
  .meta({ id: 'Connection' });
export type ConnectionInfo = z.infer<typeof ConnectionSchema>;

export const ConnectionsQuerySchema = PageQuerySchema.extend({
  userId: UuidSchema.optional(),
  screenId: ScreenIdSchema.optional(),
  /** By name. */
  node: z.string().max(200).optional(),
});
/** `missing`: nodes that did not answer, whose connections are not among these. */
export const ConnectionListSchema = listOf(ConnectionSchema).extend({ missing: z.array(z.string()) });

/** A node with a live lease. What it says of itself is null when it did not answer. */
export const NodeSchema = z
  .object({
    name: z.string(),
    region: z.string().nullable(),
    leaseUntil: z.number(),
    /** The one that answers. */
    isSelf: z.boolean(),
    connections: z.number().nullable(),
    version: z.string().nullable(),
    startedAt: z.number().nullable(),
    /** Seconds. */
    uptime: z.number().nullable(),
    /** Neither this nor `draining` while it starts. */
    ready: z.boolean().nullable(),
    draining: z.boolean().nullable(),
  })
  .meta({ id: 'Node' });
export type NodeInfo = z.infer<typeof NodeSchema>;
