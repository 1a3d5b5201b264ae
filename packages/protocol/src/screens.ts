import { z } from 'zod';
import { text, UuidSchema } from './common.js';

export const ScreenIdSchema = text(1, 100);
export const ScreenNameSchema = text(1, 100);

export const CreateScreenSchema = z.object({ name: ScreenNameSchema });
export const RenameScreenSchema = z.object({ name: ScreenNameSchema });
export const ClaimPairingSchema = z.object({
  /** Typed by people: case and separators do not matter. */
  code: text(1, 40),
  name: ScreenNameSchema,
});
export const PairingTokenSchema = z.object({ pairingSecret: z.string().min(1).max(200) });
export const ControllerParamsSchema = z.object({ id: ScreenIdSchema, userId: UuidSchema });

export const ControllerSchema = z.object({ userId: z.string(), username: z.string() });

/** By displayIndex, "0" to "15". Times are milliseconds of the database's clock. */
const DesiredSchema = z.record(
  z.string(),
  z.object({ url: z.string(), at: z.number(), commandId: z.string() }),
);
const ReportedSchema = z.record(z.string(), z.object({ url: z.string(), at: z.number() }));

export const ScreenSchema = z
  .object({
    screenId: z.string(),
    name: z.string(),
    online: z.boolean(),
    owner: ControllerSchema,
    controllers: z.array(ControllerSchema),
    createdAt: z.number(),
    /** When it last connected; null before the first time. */
    lastConnectedAt: z.number().nullable(),
    /** Entries accepted and not yet terminal. */
    pending: z.number(),
    /** What the latest navigate of each display asks for. */
    desired: DesiredSchema,
    /** What the screen says that it shows, by its receipts and reports. */
    reported: ReportedSchema,
  })
  .meta({ id: 'Screen' });
export type Screen = z.infer<typeof ScreenSchema>;

/** A room that commands the screen. */
export const ScreenRoomSchema = z
  .object({
    roomId: z.string(),
    /** By whose consent. */
    addedBy: ControllerSchema,
    /** Milliseconds, database clock. */
    addedAt: z.number(),
  })
  .meta({ id: 'ScreenRoom' });
export type ScreenRoom = z.infer<typeof ScreenRoomSchema>;

export const DeviceCredentialSchema = z.object({
  screenId: z.string(),
  accessToken: z.string(),
  refreshToken: z.string(),
  expiresIn: z.number(),
});
export type DeviceCredential = z.infer<typeof DeviceCredentialSchema>;

export const PairingSchema = z.object({
  pairingId: z.string(),
  pairingSecret: z.string(),
  /** "ABCD-2345": shown on the screen, typed by its owner. */
  code: z.string(),
  /** Seconds. */
  expiresIn: z.number(),
  /** How often the device may ask for its token. */
  intervalMs: z.number(),
});
export type Pairing = z.infer<typeof PairingSchema>;

export const ClaimedPairingSchema = z.object({
  screen: ScreenSchema,
  /** Who asked for the code, so that the claimer can tell it is the device in front of them. */
  device: z.object({ address: z.string(), userAgent: z.string() }),
});
export type ClaimedPairing = z.infer<typeof ClaimedPairingSchema>;

export const PairingPendingSchema = z.object({ status: z.literal('pending') });
