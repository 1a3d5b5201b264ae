import { z } from 'zod';

export const HealthStatusSchema = z.enum(['ok', 'degraded', 'unavailable']);
export const HealthSchema = z
  .object({
    status: HealthStatusSchema,
    version: z.string(),
    node: z.string(),
    /** Seconds. */
    uptime: z.number(),
    /** Bytes. */
    memory: z.object({ rss: z.number(), heapUsed: z.number() }),
    connections: z.number(),
    checks: z.record(z.string(), z.object({ status: HealthStatusSchema, message: z.string().optional() })),
  })
  .meta({ id: 'Health' });
export type Health = z.infer<typeof HealthSchema>;
