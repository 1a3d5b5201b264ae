import { z } from 'zod';
import { text } from './common.js';
import { CodeSchema } from './mfa.js';

/** One of a person's logins. */
export const LoginItemSchema = z
  .object({
    id: z.string(),
    /** The one that asks. */
    current: z.boolean(),
    /** `address`: the network (IPv4 /24, IPv6 /48), null when it is not known. */
    device: z.object({ address: z.string().nullable(), userAgent: z.string().nullable() }),
    createdAt: z.number(),
    lastSeenAt: z.number(),
    /** When it ends whatever happens. */
    expiresAt: z.number().nullable(),
    rememberMe: z.boolean(),
    mfa: z.boolean(),
  })
  .meta({ id: 'Login' });
export type LoginItem = z.infer<typeof LoginItemSchema>;

/** Proves anew who sits there. `code` where a second factor is on. */
export const StepUpSchema = z.object({ password: text(1, 1024), code: CodeSchema.optional() });

export const SteppedUpSchema = z.object({
  accessToken: z.string(),
  /** Seconds until the access token expires. */
  expiresIn: z.number(),
  /** Milliseconds since 1970: until then nothing asks for it again. */
  provenUntil: z.number(),
});
export type SteppedUp = z.infer<typeof SteppedUpSchema>;

/** For the header `x-csrf-token` of cookie mode. */
export const CsrfTokenSchema = z.object({
  csrfToken: z.string(),
  /** Seconds. */
  expiresIn: z.number(),
});
export type CsrfToken = z.infer<typeof CsrfTokenSchema>;
