import { z } from 'zod';
import {
  countCodePoints,
  json,
  NonceSchema,
  TimestampSchema,
  text,
  UuidSchema,
  wanted,
  wholeNumber,
} from './common.js';
import { ValidationError } from './errors.js';
import { MAX_DATA_BYTES } from './limits.js';
import { ScreenIdSchema } from './screens.js';

const ROOM_ID = /^[A-Za-z0-9_-]{3,100}$/;
const ROOM_ID_RULE = 'must be 3 to 100 of A-Z, a-z, 0-9, _ and -';
const LEAST_NAME = 2;
const LONGEST_NAME = 50;

/** True when an event came with an ack callback. Without one it is processed all the same. */
export function validateCallback(callback: unknown): callback is (answer: unknown) => void {
  return typeof callback === 'function';
}

/** Returns the room id, 3–100 of [A-Za-z0-9_-]. @throws ValidationError */
export function validateRoomId(id: unknown): string {
  if (typeof id === 'string' && ROOM_ID.test(id)) return id;
  throw new ValidationError([{ path: 'roomId', message: ROOM_ID_RULE }]);
}

/**
 * Returns the name without blanks at its ends, 2–50 code points of the raw text; it is escaped on output, never on input.
 * @throws ValidationError
 */
export function validateRoomName(name: unknown): string {
  if (typeof name === 'string') {
    const trimmed = name.trim();
    const length = countCodePoints(trimmed);
    if (length >= LEAST_NAME && length <= LONGEST_NAME) return trimmed;
  }
  throw new ValidationError([{ path: 'name', message: 'must have 2 to 50 characters' }]);
}

export const RoomIdSchema = z.string(wanted(ROOM_ID_RULE)).regex(ROOM_ID, ROOM_ID_RULE);
export const RoomNameSchema = text(LEAST_NAME, LONGEST_NAME, z.string(wanted('must be text')).trim());
const FlagSchema = z.boolean(wanted('must be true or false'));
export const ParticipantIdSchema = UuidSchema;

/** Who may send triggers and navigates to the screens of a room: its owner, or all its members. */
export const CommandersSchema = z.enum(['owner', 'members'], wanted('must be owner or members'));
export type Commanders = z.infer<typeof CommandersSchema>;

/** How a participant gets signaling: as `signal`, or as the plain events `offer`, `answer` and `ice-candidate`. */
export const SignalingModeSchema = z.enum(['signal', 'events'], wanted('must be signal or events'));
export type SignalingMode = z.infer<typeof SignalingModeSchema>;

const settings = {
  name: RoomNameSchema,
  maxUsers: wholeNumber(1, 1000),
  /** Who comes waits until somebody admits them. */
  lobby: FlagSchema,
  /** Stays open while nobody is in it, until it is closed. */
  persistent: FlagSchema,
  commanders: CommandersSchema,
};

export const RoomSettingsSchema = z.object({
  ...settings,
  maxUsers: settings.maxUsers.default(10),
  lobby: settings.lobby.default(false),
  persistent: settings.persistent.default(false),
  commanders: settings.commanders.default('owner'),
});
/** `POST /rooms`. */
export const CreateRoomBodySchema = RoomSettingsSchema.extend({
  /** Made by the server when it is left out. */
  roomId: RoomIdSchema.optional(),
});
/** `create-room`. */
export const CreateRoomSchema = CreateRoomBodySchema.extend({
  join: FlagSchema.default(true),
  signaling: SignalingModeSchema.optional(),
});
/** `PATCH /rooms/:id`. */
export const ChangeRoomSchema = z
  .object(settings)
  .partial()
  .refine((change) => Object.keys(change).length > 0, 'must change something');

const refs = { error: 'must be a room id, or an object with one' };

/** For an event that may need the room only: it also takes the id itself. */
function orRoomId<Schema extends z.ZodObject>(schema: Schema) {
  return z.preprocess(
    (payload: z.input<Schema> | string) => (typeof payload === 'string' ? { roomId: payload } : payload),
    schema,
  );
}

/** `join-room`. */
export const JoinRoomSchema = orRoomId(
  z.object(
    {
      roomId: RoomIdSchema,
      /** To take one's seat again within the grace, or from an older socket of one's own. */
      participantId: ParticipantIdSchema.optional(),
      signaling: SignalingModeSchema.optional(),
    },
    refs,
  ),
);
/** `leave-room`, `lock-room`, `unlock-room`. */
export const RoomRefSchema = orRoomId(z.object({ roomId: RoomIdSchema }, refs));
/** `admit`, `kick`. */
export const ParticipantRefSchema = z.object({ roomId: RoomIdSchema, participantId: ParticipantIdSchema });
/** `POST /rooms/:id/admit`, `/kick`. */
export const ParticipantBodySchema = z.object({ participantId: ParticipantIdSchema });

/** `message`. */
export const MessageSchema = z.object({
  id: UuidSchema,
  timestamp: TimestampSchema,
  roomId: RoomIdSchema,
  data: json(MAX_DATA_BYTES),
  nonce: NonceSchema.optional(),
});
/** Over HTTP the room is in the path, and id and timestamp may be left to the server. */
export const MessageBodySchema = MessageSchema.omit({ roomId: true }).extend({
  id: UuidSchema.optional(),
  timestamp: TimestampSchema.optional(),
});
export type MessageInput = z.input<typeof MessageSchema>;

export const RoomScreenParamsSchema = z.object({ id: RoomIdSchema, screenId: ScreenIdSchema });

/** What a room tells of somebody in it. */
export const RoomUserSchema = z.object({
  participantId: z.string(),
  userId: z.string(),
  username: z.string(),
});
export type RoomUser = z.infer<typeof RoomUserSchema>;

export const ParticipantSchema = RoomUserSchema.extend({
  /** `reconnecting`: its socket is gone, its seat is kept for the grace. `waiting`: in the lobby. */
  state: z.enum(['joined', 'reconnecting', 'waiting']),
  joinedAt: z.number(),
}).meta({ id: 'Participant' });
export type Participant = z.infer<typeof ParticipantSchema>;

/** Somebody who may not join again until that participant is admitted. */
export const KickedSchema = RoomUserSchema.extend({
  /** Milliseconds, database clock. */
  kickedAt: z.number(),
}).meta({ id: 'Kicked' });
export type Kicked = z.infer<typeof KickedSchema>;

export const RoomSchema = z
  .object({
    roomId: z.string(),
    ownerId: z.string(),
    status: z.enum(['open', 'closed']),
    ...settings,
    locked: z.boolean(),
    /** Seats that are taken, the lobby not counted. */
    participants: z.number(),
    waiting: z.number(),
    /** Ids of the screens that carry out what is sent to the room. */
    screens: z.array(z.string()),
    /** Milliseconds, database clock. */
    createdAt: z.number(),
    endedAt: z.number().nullable(),
  })
  .meta({ id: 'Room' });
export type Room = z.infer<typeof RoomSchema>;
/** The answer of routes about one room. */
export const RoomAnswerSchema = z.object({ room: RoomSchema });

export const IceServerSchema = z.object({
  urls: z.array(z.string()),
  username: z.string().optional(),
  credential: z.string().optional(),
});
export type IceServer = z.infer<typeof IceServerSchema>;
/** `GET /ice-servers`. */
export const IceServersSchema = z
  .object({
    iceServers: z.array(IceServerSchema),
    /** Milliseconds, database clock: ask again before; null when nothing expires. */
    expiresAt: z.number().nullable(),
  })
  .meta({ id: 'IceServers' });
export type IceServers = z.infer<typeof IceServersSchema>;

/** Somebody who was in the room already. */
export interface ExistingUser extends RoomUser {
  /** Whether the receiver gives way to this one when offers cross: who came later does. */
  polite: boolean;
  /** Absent: joined. */
  state?: 'reconnecting';
}

/** The ack of `join-room` and `create-room`, and the payload of `admitted`. */
export interface Joined extends IceServers {
  roomId: string;
  participantId: string;
  existingUsers: ExistingUser[];
  /** Who waits in the lobby. Only for those who may admit: the owner and administrators. */
  waiting?: RoomUser[];
  /** The socket gets the room's entries after this one. */
  lastSeq: number;
  epoch: string;
  /**
   * Whether it has heard the room without a break since the `resume` of its handshake: then what it missed came, or comes, by that.
   * False: what was said before `lastSeq` and not heard is in the history.
   */
  resumed: boolean;
}
export interface Waiting {
  roomId: string;
  waiting: true;
  participantId: string;
}
/** Of `create-room` with `join: false`. */
export interface Created {
  roomId: string;
}

/** Why somebody is gone: by their own leave, not back within the grace, kicked, with the room, or (told to that socket alone) replaced by a newer one. */
export type LeaveReason = 'left' | 'timeout' | 'kicked' | 'closed' | 'replaced';
export type RoomCloseReason = 'closed' | 'empty' | 'idle';

export interface RoomEvent extends RoomUser {
  roomId: string;
}
export interface UserLeft extends RoomEvent {
  reason: LeaveReason;
}
export interface UserReturned extends RoomEvent {
  /** True: the same client object as before, whose peer connections live on. */
  resumed: boolean;
}

interface RoomEntryBase {
  id: string;
  /** "room:<roomId>". */
  stream: string;
  seq: number;
  epoch: string;
  acceptedAt: number;
  from: { userId: string; username: string };
}
export interface RoomMessage extends RoomEntryBase {
  type: 'message';
  data: unknown;
}
/** As those who are in the room hear it; its screens get a `TriggerEntry` of their inboxes. */
export interface RoomTrigger extends RoomEntryBase {
  type: 'trigger';
  action: string;
  data?: unknown;
  displayIndex?: number;
}
export interface RoomNavigate extends RoomEntryBase {
  type: 'navigate';
  url: string;
  displayIndex?: number;
}
/** What a room's stream is made of. */
export type RoomStreamEntry = RoomMessage | RoomTrigger | RoomNavigate;

/** `GET /rooms/:id/history`. */
export const RoomHistorySchema = z
  .object({
    items: z.array(
      z.looseObject({
        id: z.string(),
        type: z.enum(['message', 'trigger', 'navigate']),
        stream: z.string(),
        seq: z.number(),
        epoch: z.string(),
        acceptedAt: z.number(),
        from: z.object({ userId: z.string(), username: z.string() }),
      }),
    ),
    /** For `after`; null at the end. */
    nextCursor: z.string().nullable(),
    lastSeq: z.number(),
    /** Nothing up to here is kept. */
    floorSeq: z.number(),
    epoch: z.string(),
  })
  .meta({ id: 'RoomHistory' });
export type RoomHistory = z.infer<typeof RoomHistorySchema>;
export const RoomHistoryQuerySchema = z.object({
  after: wholeNumber(0, Number.MAX_SAFE_INTEGER, z.coerce.number).default(0),
  limit: wholeNumber(1, 300, z.coerce.number).default(100),
});
