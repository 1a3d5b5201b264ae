import { z } from 'zod';
import { isStorable, json, NonceSchema, TimestampSchema, UuidSchema } from './common.js';
import { MAX_DATA_BYTES, MAX_ERROR_CHARACTERS } from './limits.js';
import { RoomIdSchema } from './rooms.js';
import { ScreenIdSchema } from './screens.js';

/** Exactly one of the two. Room targets are resolved by the rooms domain. */
export const TargetSchema = z.union(
  [z.strictObject({ screenId: ScreenIdSchema }), z.strictObject({ roomId: RoomIdSchema })],
  { error: 'must have exactly one of screenId and roomId' },
);
export type Target = z.infer<typeof TargetSchema>;

export const DisplayIndexSchema = z.number().int().min(0).max(15);
/** The upper bound is COMMAND_RETENTION_HOURS, which only the server knows. */
const TtlSchema = z.number().int().min(1);
export const NotifySchema = z.enum(['all', 'final', 'none']);
export type Notify = z.infer<typeof NotifySchema>;

const SAFE_URL = /^https?:\/\/[^\s]+$/i;
const APP_PATH = /^\/(?![/\\])[^\s\\]*$/;

/** http, https or a path of the app ("/menu"); never `javascript:`, `data:` or a protocol-relative "//host". */
export function isNavigable(url: string): boolean {
  if (APP_PATH.test(url)) return true;
  if (!SAFE_URL.test(url)) return false;
  try {
    const { protocol } = new URL(url);
    return protocol === 'http:' || protocol === 'https:';
  } catch {
    return false;
  }
}

const envelope = {
  id: UuidSchema,
  timestamp: TimestampSchema,
  target: TargetSchema,
  displayIndex: DisplayIndexSchema.optional(),
  ttlMs: TtlSchema.optional(),
  retries: z.number().int().min(0).max(10).optional(),
  notify: NotifySchema.default('all'),
  nonce: NonceSchema.optional(),
};

export const ActionSchema = z
  .string()
  .regex(/^[A-Za-z0-9._:-]{1,64}$/, 'must be 1 to 64 of A-Z, a-z, 0-9, ., _, : and -');
export const UrlSchema = z
  .string()
  .max(2048)
  .refine(isStorable, 'must not contain NUL or a lone surrogate')
  .refine(isNavigable, 'must be an http or https URL or a path that starts with /');

export const TriggerSchema = z.object({
  ...envelope,
  action: ActionSchema,
  data: json(MAX_DATA_BYTES).optional(),
});
export type TriggerInput = z.input<typeof TriggerSchema>;
export type Trigger = z.output<typeof TriggerSchema>;

export const NavigateSchema = z.object({ ...envelope, url: UrlSchema });
export type NavigateInput = z.input<typeof NavigateSchema>;
export type Navigate = z.output<typeof NavigateSchema>;

/** Over HTTP the target is in the path, and id and timestamp may be left to the server. */
const overHttp = { id: true, timestamp: true, target: true } as const;
const optionalOverHttp = { id: UuidSchema.optional(), timestamp: TimestampSchema.optional() };
export const TriggerBodySchema = TriggerSchema.omit(overHttp).extend(optionalOverHttp);
export const NavigateBodySchema = NavigateSchema.omit(overHttp).extend(optionalOverHttp);

export const AcceptedSchema = z
  .object({
    id: z.string(),
    status: z.literal('accepted'),
    /** "screen:<screenId>" or "room:<roomId>". */
    stream: z.string(),
    seq: z.number(),
    epoch: z.string(),
    /** Milliseconds, database clock. */
    acceptedAt: z.number(),
    /** True when this id was accepted before; the answer is then the first one's. */
    duplicate: z.boolean(),
    /** How many screens a room command went to. */
    screens: z.number().optional(),
  })
  .meta({ id: 'Accepted' });
export type Accepted = z.infer<typeof AcceptedSchema>;

export const DeliveryStatusSchema = z.enum([
  'pending',
  'retrying',
  'executed',
  'dead',
  'expired',
  'superseded',
  'cancelled',
]);
export type DeliveryStatus = z.infer<typeof DeliveryStatusSchema>;
export const CommandStateSchema = z.enum([
  'accepted',
  'executed',
  'partial',
  'dead',
  'expired',
  'superseded',
  'cancelled',
]);
export type CommandState = z.infer<typeof CommandStateSchema>;

/** Why an entry was given up. */
export const DeadReasonSchema = z.enum(['exhausted', 'rejected', 'no-receipt', 'lost', 'overflow']);
export type DeadReason = z.infer<typeof DeadReasonSchema>;

export const DeliverySchema = z.object({
  screenId: z.string(),
  status: DeliveryStatusSchema,
  attempts: z.number(),
  executedAt: z.number().nullable(),
  error: z.string().nullable(),
  /** Of `dead`. */
  reason: DeadReasonSchema.optional(),
  /** Of `retrying`: when it is sent next, at the earliest. Milliseconds, database clock. */
  nextAt: z.number().optional(),
});
export type Delivery = z.infer<typeof DeliverySchema>;

export const CommandSchema = z
  .object({
    id: z.string(),
    type: z.string(),
    target: z.record(z.string(), z.string()),
    status: CommandStateSchema,
    acceptedAt: z.number(),
    deliveries: z.array(DeliverySchema),
  })
  .meta({ id: 'Command' });
export type Command = z.infer<typeof CommandSchema>;

/** A command in a list, with who sent it and what it says. */
export const CommandItemSchema = CommandSchema.extend({
  from: z.object({ userId: z.string(), username: z.string() }),
  /** action, data, url, displayIndex. */
  payload: z.record(z.string(), z.unknown()),
  expiresAt: z.number(),
}).meta({ id: 'CommandItem' });
export type CommandItem = z.infer<typeof CommandItemSchema>;

export const CommandListSchema = z.object({
  items: z.array(CommandItemSchema),
  nextCursor: z.string().nullable(),
});

export const StatusQuerySchema = z.object({ ids: z.array(UuidSchema).min(1).max(100) });
export type CommandOrUnknown = Command | { id: string; status: 'unknown' };

/** What a screen answers in the ack callback of an entry. `stream` and `seq` are checked when they are there. */
const receiptPlace = { stream: z.string().max(200).optional(), seq: z.number().int().min(1).optional() };
export const ReceiptSchema = z.discriminatedUnion('status', [
  z.object({ status: z.literal('executed'), ...receiptPlace }),
  z.object({
    status: z.literal('failed'),
    // Longer texts are cut, not refused: losing a receipt over its wording would stall the inbox.
    error: z
      .string()
      .transform((value) => storable(value).slice(0, MAX_ERROR_CHARACTERS))
      .default('failed'),
    retryable: z.boolean().default(true),
    ...receiptPlace,
  }),
]);
export type Receipt = z.input<typeof ReceiptSchema>;

function storable(value: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: NUL is what we look for
  return value.replace(/[\u0000\uD800-\uDFFF]/gu, '\uFFFD');
}

export interface Sender {
  userId: string;
  username: string;
}

/** An entry of a stream as it reaches a screen (with an ack callback) or a room member (without). */
export interface EntryBase {
  id: string;
  stream: string;
  seq: number;
  /** The nearest earlier entry in flight on this socket, else 0. */
  prev?: number;
  epoch: string;
  /** 1 at the first send. */
  attempt: number;
  acceptedAt: number;
  from: Sender;
  /** The first id of a requeued chain. */
  requeueOf?: string;
  displayIndex?: number;
}
export interface TriggerEntry extends EntryBase {
  type: 'trigger';
  action: string;
  data?: unknown;
}
export interface NavigateEntry extends EntryBase {
  type: 'navigate';
  url: string;
}
export type Entry = TriggerEntry | NavigateEntry;

export interface CommandStatus {
  id: string;
  screenId: string;
  status: Exclude<DeliveryStatus, 'pending'>;
  attempt: number;
  /** Milliseconds, database clock. */
  at: number;
  error?: string;
  /** Of `dead`. */
  reason?: DeadReason;
  /** Of `retrying`: when it is sent next, at the earliest. */
  nextAt?: number;
}

/** What a screen shows now, told by itself. */
export const ReportSchema = z.object({ displayIndex: DisplayIndexSchema.default(0), url: UrlSchema });
export type Report = z.input<typeof ReportSchema>;
