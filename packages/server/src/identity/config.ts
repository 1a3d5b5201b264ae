import type { PiiKey } from './accounts/pii.js';
import type { MailerConfig } from './mail/mailer.js';
import type { Argon2Cost } from './passwords/passwords.js';
import type { JwtAlgorithm } from './tokens/key-states.js';

/** The settings that identity reads. */
export interface IdentityConfig {
  /** `iss` of access tokens: PUBLIC_URL, or a fixed name; the same on every node. */
  issuer: string;
  jwtSecret: string;
  /** What it made still counts. */
  jwtSecretPrevious?: string | undefined;
  jwtAlgorithm: JwtAlgorithm;
  /** Of a hash of a password; OWASP's for argon2id without it. */
  passwordCost?: Argon2Cost | undefined;
  /** At least one; the first encrypts. */
  piiKeys: readonly PiiKey[];
  accessTokenMs: number;
  /** How long a login lasts at most; never extended. */
  refreshTokenMs: number;
  /** A login without rememberMe ends after so long without a request, refresh or socket event. */
  sessionIdleMs: number;
  /** MAX_CONCURRENT_SESSIONS: of one person; beyond it the least recently seen login ends. */
  maxLogins: number;
  signup: 'open' | 'closed';
  /** Whose logins may do nothing but set up a second factor while they lack one. */
  mfaRequiredFor: 'nobody' | 'admins' | 'everybody';
  /** How many time steps before the present one a TOTP may be of: 0 takes none but the code of now. */
  totpPreviousSteps: number;
  /** What authenticator apps show beside the address: a readable name of this installation. */
  totpIssuer: string;
  /** `required`: a sign-up counts only once the link in a mail to its address was opened. */
  emailVerification: 'off' | 'required';
  /** Undefined: no mail is sent. */
  mail: MailerConfig | undefined;
  /** SERVICE_NAME: a password may not simply be it. */
  serviceName: string;
  /** ADMIN_EMAIL (normalised) and ADMIN_PASSWORD. */
  firstAdmin: { email: string; password: string } | undefined;
  /** Origins besides the server's own whose pages may use cookies: PUBLIC_URL and CORS_ORIGINS. */
  allowedOrigins: readonly string[];
  /** Cookies are always Secure, and carry the __Host- prefix. */
  production: boolean;
}
