import { z } from 'zod';
import { DeadReasonSchema } from './commands.js';
import { text, UuidSchema } from './common.js';
import { ScreenIdSchema } from './screens.js';

/** A command that was given up for one screen: a copy, which outlives the command itself. */
export const DeadLetterSchema = z
  .object({
    id: z.string(),
    commandId: z.string(),
    type: z.string(),
    screenId: z.string(),
    reason: DeadReasonSchema,
    /** What the screen said last. */
    error: z.string().nullable(),
    attempts: z.number(),
    /** Milliseconds, database clock. */
    at: z.number(),
    /** action, data, url, displayIndex. */
    payload: z.record(z.string(), z.unknown()),
    from: z.object({ userId: z.string(), username: z.string() }),
    /** The command that took its place; null while nobody asked for one. */
    requeuedAs: z.string().nullable(),
  })
  .meta({ id: 'DeadLetter' });
export type DeadLetter = z.infer<typeof DeadLetterSchema>;

export const DeadLetterListSchema = z.object({
  items: z.array(DeadLetterSchema),
  nextCursor: z.string().nullable(),
});

const filter = { screenId: ScreenIdSchema.optional(), reason: DeadReasonSchema.optional() };

export const DeadLettersQuerySchema = z.object({
  ...filter,
  /** True: those that were requeued; otherwise those that wait. */
  requeued: z.stringbool().default(false),
  cursor: text(1, 200).optional(),
  limit: z.coerce.number().int().min(1).max(100).default(50),
});
export type DeadLettersQuery = z.output<typeof DeadLettersQuerySchema>;

/** Of the letters that wait. */
export const DeadLetterStatsSchema = z
  .object({
    total: z.number(),
    byReason: z.record(z.string(), z.number()),
    byScreen: z.record(z.string(), z.number()),
    oldestAt: z.number().nullable(),
  })
  .meta({ id: 'DeadLetterStats' });
export type DeadLetterStats = z.infer<typeof DeadLetterStatsSchema>;

export const DeadLetterParamsSchema = z.object({ id: UuidSchema });

/** Which letters to requeue at once: at least one of the two. */
export const RequeueManySchema = z
  .object(filter)
  .refine(({ screenId, reason }) => screenId !== undefined || reason !== undefined, {
    message: 'must name a screen or a reason',
  });

export const RequeuedManySchema = z.object({
  requeued: z.number(),
  /** Letters whose screen was full, or that somebody else requeued meanwhile: ask again. */
  left: z.number(),
});
export type RequeuedMany = z.infer<typeof RequeuedManySchema>;
