import { z } from 'zod';

const common = { sub: z.string(), sid: z.uuid(), exp: z.number(), auth_time: z.number(), acr: z.string() };
const UserClaimsSchema = z.object({ ...common, scope: z.literal('account'), uev: z.number().int() });
const ScreenClaimsSchema = z.object({ ...common, scope: z.literal('screen'), screen: z.string() });
const ClaimsSchema = z.discriminatedUnion('scope', [UserClaimsSchema, ScreenClaimsSchema]);

/** What a verified access token says. */
export type AccessClaims = {
  sessionId: string;
  /** Milliseconds. */
  expiresAt: number;
  /** Milliseconds: when it was last proven, as far as this token knows, who sits there. */
  authTime: number;
} & ({ kind: 'user'; userId: string; epoch: number } | { kind: 'screen'; screenId: string });

/** @throws ZodError for a token of ours that lacks what every one of ours has */
export function readClaims(payload: unknown): AccessClaims {
  const claims = ClaimsSchema.parse(payload);
  const common = { sessionId: claims.sid, expiresAt: claims.exp * 1000, authTime: claims.auth_time * 1000 };
  if (claims.scope === 'screen') return { ...common, kind: 'screen', screenId: claims.screen };
  return { ...common, kind: 'user', userId: claims.sub, epoch: claims.uev };
}
