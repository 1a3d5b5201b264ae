import { z } from 'zod';
import type { SessionClosing } from './closings.js';
import type {
  Accepted,
  CommandOrUnknown,
  CommandStatus,
  NavigateEntry,
  NavigateInput,
  Receipt,
  Report,
  TriggerEntry,
  TriggerInput,
} from './commands.js';
import { isStorable, UuidSchema } from './common.js';
import type { Failure } from './errors.js';

/** What a client sends in the Socket.IO CONNECT packet (`auth`). */
export const HandshakeSchema = z.object({
  token: z.string().min(1).max(4096),
  resume: z
    .object({
      epoch: z.string().max(100),
      streams: z
        .record(z.string().max(200).refine(isStorable), z.number().int().min(0).max(Number.MAX_SAFE_INTEGER))
        .refine((streams) => Object.keys(streams).length <= 100, 'must name at most 100 streams'),
    })
    .optional(),
  /** Made per client object and kept in memory only. */
  instanceId: UuidSchema.optional(),
  /** Entries the client takes at once; it promises to execute serially. */
  window: z.number().int().min(1).max(32).default(1),
  ackTimeoutMs: z.number().int().min(1000).max(600_000).optional(),
  protocol: z.number().int().optional(),
});
export type HandshakeInput = z.input<typeof HandshakeSchema>;
export type Handshake = z.output<typeof HandshakeSchema>;

export interface StreamState {
  lastSeq: number;
  /** Inboxes only: everything up to here is terminal. */
  acked?: number;
  recovered: boolean;
  /** Why `recovered` is false: "epoch", "ahead" or "floor". */
  reason?: string;
}

export interface Ready {
  protocol: 1;
  epoch: string;
  /** Milliseconds, database clock. */
  serverTime: number;
  userId?: string;
  screenId?: string;
  sessionId: string;
  streams: Record<string, StreamState>;
}

export const AuthRefreshSchema = z.object({ token: z.string().min(1).max(4096) });

export type Answer<T> = ({ success: true } & T) | Failure;
export type Ack<T> = (answer: Answer<T>) => void;

export interface ClientToServerEvents {
  trigger: (payload: TriggerInput, ack?: Ack<Accepted>) => void;
  navigate: (payload: NavigateInput, ack?: Ack<Accepted>) => void;
  status: (payload: { ids: string[] }, ack?: Ack<{ items: CommandOrUnknown[] }>) => void;
  report: (payload: Report, ack?: Ack<object>) => void;
  'auth-refresh': (payload: { token: string }, ack?: Ack<{ expiresAt: number }>) => void;
}

export interface ServerToClientEvents {
  ready: (ready: Ready) => void;
  trigger: (entry: TriggerEntry, ack: (receipt: Receipt) => void) => void;
  navigate: (entry: NavigateEntry, ack: (receipt: Receipt) => void) => void;
  'command-status': (status: CommandStatus) => void;
  /** A screen the user owns or controls came or went. Not durable: read GET /screens after a reconnect. */
  'screen-status': (status: { screenId: string; online: boolean; at: number }) => void;
  'auth-expiring': (expiring: { expiresAt: number }) => void;
  'session-closing': (closing: SessionClosing) => void;
}
