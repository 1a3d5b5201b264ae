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
import type {
  Created,
  CreateRoomSchema,
  Joined,
  JoinRoomSchema,
  MessageInput,
  ParticipantRefSchema,
  RoomCloseReason,
  RoomEvent,
  RoomMessage,
  RoomRefSchema,
  UserLeft,
  UserReturned,
  Waiting,
} from './rooms.js';
import type {
  AnswerEvent,
  AnswerSchema,
  IceCandidateEvent,
  IceCandidateSchema,
  OfferEvent,
  OfferSchema,
  SignalEvent,
  Signaled,
  SignalInput,
} from './signals.js';

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

type RoomRef = z.input<typeof RoomRefSchema>;
type ParticipantRef = z.input<typeof ParticipantRefSchema>;

export interface ClientToServerEvents {
  trigger: (payload: TriggerInput, ack?: Ack<Accepted>) => void;
  navigate: (payload: NavigateInput, ack?: Ack<Accepted>) => void;
  status: (payload: { ids: string[] }, ack?: Ack<{ items: CommandOrUnknown[] }>) => void;
  report: (payload: Report, ack?: Ack<object>) => void;
  'auth-refresh': (payload: { token: string }, ack?: Ack<{ expiresAt: number }>) => void;
  message: (payload: MessageInput, ack?: Ack<Accepted>) => void;
  'create-room': (payload: z.input<typeof CreateRoomSchema>, ack?: Ack<Joined | Created>) => void;
  'join-room': (payload: z.input<typeof JoinRoomSchema>, ack?: Ack<Joined | Waiting>) => void;
  'leave-room': (payload: RoomRef, ack?: Ack<object>) => void;
  'lock-room': (payload: RoomRef, ack?: Ack<object>) => void;
  'unlock-room': (payload: RoomRef, ack?: Ack<object>) => void;
  admit: (payload: ParticipantRef, ack?: Ack<object>) => void;
  kick: (payload: ParticipantRef, ack?: Ack<object>) => void;
  signal: (payload: SignalInput, ack?: Ack<Signaled>) => void;
  offer: (payload: z.input<typeof OfferSchema>, ack?: Ack<Signaled>) => void;
  answer: (payload: z.input<typeof AnswerSchema>, ack?: Ack<Signaled>) => void;
  'ice-candidate': (payload: z.input<typeof IceCandidateSchema>, ack?: Ack<Signaled>) => void;
}

export interface ServerToClientEvents {
  ready: (ready: Ready) => void;
  trigger: (entry: TriggerEntry, ack: (receipt: Receipt) => void) => void;
  navigate: (entry: NavigateEntry, ack: (receipt: Receipt) => void) => void;
  'command-status': (status: CommandStatus) => void;
  /** A screen the user owns or controls came or went. Not durable: read GET /screens after a reconnect. */
  'screen-status': (status: { screenId: string; online: boolean; at: number }) => void;
  /** An entry of a room that the socket is in; triggers and navigates to the room come too, without an ack callback. */
  message: (entry: RoomMessage) => void;
  'user-joined': (user: RoomEvent) => void;
  /** Its socket is gone; its seat is kept for the grace. */
  'user-reconnecting': (user: RoomEvent) => void;
  'user-returned': (user: UserReturned) => void;
  'user-left': (user: UserLeft) => void;
  /** To the owner and those who may admit: somebody is in the lobby. */
  'user-waiting': (user: RoomEvent) => void;
  /** To somebody in the lobby: as the ack of a join. */
  admitted: (joined: Joined) => void;
  'room-locked': (room: { roomId: string }) => void;
  'room-unlocked': (room: { roomId: string }) => void;
  'room-closed': (room: { roomId: string; reason: RoomCloseReason }) => void;
  signal: (signal: SignalEvent) => void;
  offer: (offer: OfferEvent) => void;
  answer: (answer: AnswerEvent) => void;
  'ice-candidate': (candidate: IceCandidateEvent) => void;
  'auth-expiring': (expiring: { expiresAt: number }) => void;
  'session-closing': (closing: SessionClosing) => void;
}
