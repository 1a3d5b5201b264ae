import { z } from 'zod';
import { text } from './common.js';

/** What an API key may be given: each stands for itself, `write` includes no `read`. */
export const SCOPES = [
  'screens:read',
  'screens:write',
  'commands:read',
  'commands:write',
  'rooms:read',
  'rooms:write',
  'dead-letters:read',
  'dead-letters:write',
  'users:read',
  'users:write',
  'metrics:read',
  'metrics:write',
  'audit:read',
  'audit:write',
] as const;
export const ScopeSchema = z.enum(SCOPES);
export type Scope = z.infer<typeof ScopeSchema>;

/** `expiresAt`: milliseconds since 1970; null never; 90 days from now when it is absent. */
export const CreateApiKeySchema = z.object({
  name: text(1, 100),
  scopes: z
    .array(ScopeSchema)
    .min(1)
    .max(SCOPES.length)
    .transform((scopes) => [...new Set(scopes)]),
  expiresAt: z.number().int().positive().nullable().optional(),
});

/** `overlapHours`: how long the old key still works, 24 when absent; 0 ends it at once. */
export const RotateApiKeySchema = z
  .object({ overlapHours: z.number().int().min(0).max(720).default(24) })
  .nullish();

export const ApiKeySchema = z
  .object({
    id: z.string(),
    name: z.string(),
    scopes: z.array(ScopeSchema),
    createdAt: z.number(),
    expiresAt: z.number().nullable(),
    lastUsedAt: z.number().nullable(),
    /** The id of the key that took over; this one ends at its `expiresAt`. */
    rotatedTo: z.string().nullable(),
  })
  .meta({ id: 'ApiKey' });
export type ApiKey = z.infer<typeof ApiKeySchema>;

/** With the key itself, which is shown this once. */
export const CreatedApiKeySchema = ApiKeySchema.extend({ key: z.string() });
export type CreatedApiKey = z.infer<typeof CreatedApiKeySchema>;
