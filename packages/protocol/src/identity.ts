import { z } from 'zod';
import { text } from './common.js';

export const RoleSchema = z.enum(['user', 'admin']);
export type Role = z.infer<typeof RoleSchema>;

/** Lower-cased and NFKC-normalised before it is checked, so that look-alikes of "@" cannot slip by. */
export const EmailSchema = z
  .string()
  .max(254)
  .transform((value) => value.normalize('NFKC').trim().toLowerCase())
  .pipe(z.email().max(254));

/** 8–128 code points; no composition rules. Normalised (NFKC) before hashing. */
export const PasswordSchema = text(8, 128);

const SCRIPTS = [
  'Latin',
  'Greek',
  'Cyrillic',
  'Arabic',
  'Hebrew',
  'Han',
  'Hiragana',
  'Katakana',
  'Hangul',
  'Thai',
  'Devanagari',
];
/** Scripts that are written together in one name. */
const TOGETHER = [
  ['Han', 'Hiragana', 'Katakana', 'Latin'],
  ['Han', 'Hangul', 'Latin'],
];
const SCRIPT_TESTS = SCRIPTS.map((name) => ({ name, test: new RegExp(`\\p{Script=${name}}`, 'u') }));

function mixesScripts(value: string): boolean {
  const used = SCRIPT_TESTS.filter(({ test }) => test.test(value)).map(({ name }) => name);
  return used.length > 1 && !TOGETHER.some((set) => used.every((name) => set.includes(name)));
}

/** 2–50 code points after NFKC, no control characters, no mixed scripts ("аdmin" with a Cyrillic а is refused). */
export const UsernameSchema = z
  .string()
  .max(200)
  .transform((value) => value.normalize('NFKC').trim())
  .pipe(
    text(2, 50)
      .refine((value) => !/[\p{Cc}\p{Cf}\p{Co}]/u.test(value), 'must not contain control characters')
      .refine((value) => !mixesScripts(value), 'must not mix scripts'),
  );

export const SignupSchema = z.object({
  email: EmailSchema,
  password: PasswordSchema,
  username: UsernameSchema,
});
export const LoginSchema = z.object({
  // Not EmailSchema: a typed address that could never exist gets the same answer as an unknown one.
  email: text(1, 254),
  password: text(1, 1024),
  rememberMe: z.boolean().default(false),
});

/** In cookie mode (header `x-bongsu-cookies: 1`) the token comes from the cookie and the body may be empty. */
export const RefreshSchema = z.object({ refreshToken: z.string().max(4096).optional() }).nullish();

export const SetupSchema = z.object({
  token: z.string().min(1).max(200),
  email: EmailSchema,
  password: PasswordSchema,
  username: UsernameSchema,
});

export const UserSchema = z
  .object({
    userId: z.string(),
    username: z.string(),
    email: z.string(),
    role: RoleSchema,
    createdAt: z.number(),
    lastLoginAt: z.number().nullable(),
  })
  .meta({ id: 'User' });
export type User = z.infer<typeof UserSchema>;

export const TokenPairSchema = z.object({
  accessToken: z.string(),
  /** Absent in cookie mode. */
  refreshToken: z.string().optional(),
  /** Seconds until the access token expires. */
  expiresIn: z.number(),
});
export type TokenPair = z.infer<typeof TokenPairSchema>;

export const SignedInSchema = TokenPairSchema.extend({ user: UserSchema });
export type SignedIn = z.infer<typeof SignedInSchema>;

/** With EMAIL_VERIFICATION=required: the same whether or not the address is taken. */
export const VerificationRequiredSchema = z.object({ verificationRequired: z.literal(true) });
export type VerificationRequired = z.infer<typeof VerificationRequiredSchema>;

/** What a page must know before somebody is signed in. */
export const AuthOptionsSchema = z.object({
  signup: z.enum(['open', 'closed']),
  emailVerification: z.enum(['off', 'required']),
  /** Whether this server can send mail, so that a forgotten password can be reset. */
  passwordReset: z.boolean(),
});
export type AuthOptions = z.infer<typeof AuthOptionsSchema>;

export const ForgotPasswordSchema = z.object({ email: text(1, 254) });
/** The same for an address that nobody has. */
export const AcceptedMailSchema = z.object({ accepted: z.literal(true) });
export const ResetPasswordSchema = z.object({ token: text(1, 200), password: PasswordSchema });
export const VerifyEmailSchema = z.object({ token: text(1, 200) });
export const ChangePasswordSchema = z.object({ currentPassword: text(1, 1024), password: PasswordSchema });
/** Of calls that have nothing to say but that they are done. */
export const DoneSchema = z.object({ success: z.literal(true) });

export const JwksSchema = z.object({ keys: z.array(z.record(z.string(), z.unknown())) });
