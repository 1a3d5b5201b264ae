import { z } from 'zod';
import { text } from './common.js';
import { SignedInSchema } from './identity.js';

/** A TOTP of six digits, or a recovery code in any case, with or without its dashes. */
export const CodeSchema = text(6, 64);

/** The second step of a log-in. */
export const VerifyMfaSchema = z.object({ challengeId: text(1, 100), code: CodeSchema });

/** The answer to a right password where a second factor is due. */
export const MfaChallengeSchema = z.object({
  mfaRequired: z.literal(true),
  challengeId: z.string(),
  /** Seconds. */
  expiresIn: z.number(),
});
export type MfaChallenge = z.infer<typeof MfaChallengeSchema>;

/** Of `POST /auth/login`: signed in, or a second factor is due. */
export const LoginAnswerSchema = z.union([SignedInSchema, MfaChallengeSchema]);

export const BeginTotpSchema = z.object({ password: text(1, 1024) });

/** `secret`: base32, for those who type; `otpauthUrl`: for a QR code. Nothing counts until a code confirms it. */
export const TotpEnrolmentSchema = z.object({ secret: z.string(), otpauthUrl: z.string() });
export type TotpEnrolment = z.infer<typeof TotpEnrolmentSchema>;

export const ConfirmTotpSchema = z.object({ code: CodeSchema });
export const RemoveTotpSchema = z.object({ password: text(1, 1024), code: CodeSchema });

/** Shown this once; each counts once. */
export const RecoveryCodesSchema = z.object({ recoveryCodes: z.array(z.string()) });
export type RecoveryCodes = z.infer<typeof RecoveryCodesSchema>;

export const MfaStateSchema = z.object({
  totp: z.boolean(),
  /** Since when, ms. */
  since: z.number().nullable(),
  recoveryCodesLeft: z.number().int(),
  /** MFA_REQUIRED_FOR asks it of this person: without it nothing else is possible. */
  required: z.boolean(),
});
export type MfaState = z.infer<typeof MfaStateSchema>;
