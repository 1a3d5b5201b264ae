import { AuthenticationError, type Role, type TokenPair } from '@bongsu/protocol';
import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload, jwtVerify, SignJWT } from 'jose';
import type { DatabaseClock } from '../../platform/clock.js';
import type { Queryable } from '../../platform/database/database.js';
import { uuidv7 } from '../../platform/ids.js';
import type { Origin } from '../../platform/principal.js';
import type { SecretRing } from '../derive.js';
import { type AccessClaims, readClaims } from './access-claims.js';
import {
  decodeRefreshToken,
  encodeRefreshToken,
  newRefreshSecret,
  type RefreshParts,
  type Successor,
} from './refresh-token.js';
import type { KnownKey, SigningKeys } from './signing-keys.js';
import { CLOCK_TOLERANCE_MS, type VerifiedTokens } from './verified-tokens.js';

/** A log-in, as tokens are made from it. */
export type Login = UserLogin | DeviceLogin;

export interface UserLogin {
  kind: 'user';
  sessionId: string;
  userId: string;
  role: Role;
  /** Of the user; a higher one in SQL voids the token. */
  epoch: number;
  acr: string;
  amr: string;
  /** Milliseconds, as all times here. */
  authTime: number;
  /** When the log-in ends, whatever happens; null for a device. */
  expiresAt: number | null;
  /** After how long without use it ends; null with rememberMe. */
  idleMs: number | null;
}

export interface DeviceLogin {
  kind: 'device';
  sessionId: string;
  screenId: string;
  acr: string;
  amr: string;
  authTime: number;
  expiresAt: null;
  idleMs: null;
}

/** What a rotation in SQL leaves to be put into tokens. */
export interface Rotation {
  login: Login;
  successor: Successor;
}

/** A pair whose refresh token is always there; a cookie-mode answer takes it out. */
export type IssuedPair = TokenPair & { refreshToken: string };

export interface TokenManagerDeps {
  /** `iss`; tokens of another issuer are refused. */
  issuer: string;
  accessTokenMs: number;
  keys: SigningKeys;
  verified: VerifiedTokens;
  ring: SecretRing;
  now: DatabaseClock;
  /** Rotates in SQL. @throws AUTH_ERROR, TOKEN_EXPIRED, TOKEN_REVOKED */
  rotate(presented: RefreshParts, origin: Origin): Promise<Rotation>;
}

export const AUDIENCE = 'bongsu';
const TYPE = 'at+jwt';
const MAX_TOKEN_CHARACTERS = 4096;
/** Up to this part of the lifetime is taken off, so that logins of one moment do not all refresh at one moment. */
const JITTER = 0.05;
const EXPIRING_SOON_MS = 60_000;
/** Headers by which a token could bring its own key or ask for rules of its own. */
const FORBIDDEN_HEADERS = ['jku', 'jwk', 'x5u', 'x5c', 'crit', 'b64', 'zip'] as const;
const REQUIRED_CLAIMS = ['iss', 'aud', 'sub', 'client_id', 'sid', 'jti', 'iat', 'nbf', 'exp'];

/**
 * Makes and checks tokens. Access tokens are JWTs by RFC 9068 that anybody may verify with the public keys; refresh
 * tokens are opaque and only their hashes are stored.
 */
export class TokenManager {
  readonly #deps: TokenManagerDeps;

  constructor(deps: TokenManagerDeps) {
    this.#deps = deps;
  }

  /** A signed access token. No personal data: it is readable by whoever holds it. `tx`: the caller's transaction, if any. */
  async generateAccessToken(login: Login, tx?: Queryable): Promise<string> {
    const { kid, key } = await this.#deps.keys.active(tx);
    const issued = Math.floor(this.#deps.now() / 1000);
    return new SignJWT(claimsOf(login))
      .setProtectedHeader({ alg: this.#deps.keys.algorithm, kid, typ: TYPE })
      .setIssuer(this.#deps.issuer)
      .setAudience(AUDIENCE)
      .setJti(uuidv7())
      .setIssuedAt(issued)
      .setNotBefore(issued)
      .setExpirationTime(this.#expiry(issued, login))
      .sign(key);
  }

  /** The first refresh token of a login; later ones come from rotation only. */
  generateRefreshToken(login: Pick<Login, 'sessionId'>): string {
    const parts = { sessionId: login.sessionId, generation: 0, secret: newRefreshSecret() };
    return encodeRefreshToken(this.#deps.ring[0], parts);
  }

  /** `tx`: the caller's transaction, if any. */
  async generateTokenPair(login: Login, tx?: Queryable): Promise<IssuedPair> {
    return this.#pair(login, this.generateRefreshToken(login), tx);
  }

  /**
   * Signature, issuer, audience and times, remembered for a few minutes; whether the login still lives is the caller's to ask.
   * @throws TOKEN_EXPIRED for one of ours past its end or before its beginning, of a former PUBLIC_URL, or whose key counts no
   * longer; AUTH_ERROR for everything else
   */
  async verifyAccessToken(token: string): Promise<AccessClaims> {
    if (token.length > MAX_TOKEN_CHARACTERS) throw new AuthenticationError();
    const remembered = this.#deps.verified.find(token);
    if (remembered) return remembered;
    const { kid, known } = await this.#keyOf(token);
    const claims = await this.#verify(token, known);
    // It was ours once, so its holder is told to refresh; whoever forged it with a stolen key gets no further than that.
    if (!known.counts) throw new AuthenticationError('TOKEN_EXPIRED');
    this.#deps.verified.keep(token, kid, claims);
    return claims;
  }

  /** That it was made here; which login and generation it names. @throws AUTH_ERROR */
  verifyRefreshToken(token: string): RefreshParts {
    return decodeRefreshToken(this.#deps.ring, token);
  }

  /**
   * Rotates: the presented token gives way to its one successor, and a fresh access token comes with it.
   * @throws AUTH_ERROR, TOKEN_EXPIRED when the login has ended by itself, TOKEN_REVOKED when it was ended
   */
  async refreshAccessToken(
    refreshToken: string,
    origin: Origin,
  ): Promise<IssuedPair & Pick<Rotation, 'login'>> {
    const { login, successor } = await this.#deps.rotate(this.verifyRefreshToken(refreshToken), origin);
    const pair = await this.#pair(login, encodeRefreshToken(successor.keys, successor.parts));
    return { ...pair, login };
  }

  /** Milliseconds since 1970; says nothing of whether the token is genuine. @throws AUTH_ERROR when it has no end */
  getExpiryTime(token: string): number {
    const { exp } = decode(token);
    if (typeof exp !== 'number' || !Number.isFinite(exp)) throw new AuthenticationError();
    return exp * 1000;
  }

  /** True in the last `withinMs` of a token's life, and after it. */
  isExpiringSoon(token: string, withinMs = EXPIRING_SOON_MS): boolean {
    return this.getExpiryTime(token) - this.#deps.now() <= withinMs;
  }

  async #pair(login: Login, refreshToken: string, tx?: Queryable): Promise<IssuedPair> {
    const accessToken = await this.generateAccessToken(login, tx);
    const expiresIn = Math.ceil((this.getExpiryTime(accessToken) - this.#deps.now()) / 1000);
    return { accessToken, refreshToken, expiresIn };
  }

  /** No later than the login would idle out: so who keeps a socket open refreshes in time, and who does not ends with it. */
  #expiry(issued: number, { expiresAt, idleMs }: Pick<Login, 'expiresAt' | 'idleMs'>): number {
    const { accessTokenMs } = this.#deps;
    const seconds = Math.min(accessTokenMs, idleMs ?? accessTokenMs) / 1000;
    const life = Math.max(1, Math.floor(seconds * (1 - JITTER * Math.random())));
    return expiresAt === null
      ? issued + life
      : Math.min(issued + life, Math.max(issued + 1, Math.floor(expiresAt / 1000)));
  }

  /** The header is read before the signature is checked, so nothing in it may choose how to check. */
  async #keyOf(token: string): Promise<{ kid: string; known: KnownKey }> {
    const { kid, alg, typ, ...header } = headerOf(token);
    const foreign = FORBIDDEN_HEADERS.some((name) => Object.hasOwn(header, name));
    // Another kind of JWT is signed with the same keys, or will be one day.
    if (foreign || typ !== TYPE || typeof kid !== 'string') throw new AuthenticationError();
    const known = await this.#deps.keys.find(kid);
    if (!known || alg !== known.alg) throw new AuthenticationError();
    return { kid, known };
  }

  async #verify(token: string, { key, alg }: KnownKey): Promise<AccessClaims> {
    try {
      const { payload } = await jwtVerify(token, key, {
        algorithms: [alg],
        audience: AUDIENCE,
        requiredClaims: REQUIRED_CLAIMS,
        clockTolerance: CLOCK_TOLERANCE_MS / 1000,
        currentDate: new Date(this.#deps.now()),
      });
      const claims = readClaims(payload);
      // Signed here under another PUBLIC_URL: no longer good, but its holder may refresh. Not one of another installation, whose
      // keys are others.
      if (payload.iss !== this.#deps.issuer) throw new AuthenticationError('TOKEN_EXPIRED');
      return claims;
    } catch (cause) {
      if (cause instanceof AuthenticationError) throw cause;
      throw new AuthenticationError(isOutOfTime(cause) ? 'TOKEN_EXPIRED' : 'AUTH_ERROR', { cause });
    }
  }
}

/** Past its end, or from before its beginning: the database's clock goes back when another server takes over. */
function isOutOfTime(cause: unknown): boolean {
  if (cause instanceof errors.JWTExpired) return true;
  const { JWTClaimValidationFailed } = errors;
  return (
    cause instanceof JWTClaimValidationFailed && cause.claim === 'nbf' && cause.reason === 'check_failed'
  );
}

function headerOf(token: string): ReturnType<typeof decodeProtectedHeader> {
  try {
    return decodeProtectedHeader(token);
  } catch (cause) {
    throw new AuthenticationError('AUTH_ERROR', { cause });
  }
}

function decode(token: string): JWTPayload {
  try {
    return decodeJwt(token);
  } catch (cause) {
    throw new AuthenticationError('AUTH_ERROR', { cause });
  }
}

function claimsOf(login: Login): JWTPayload {
  const common = {
    sid: login.sessionId,
    auth_time: Math.floor(login.authTime / 1000),
    acr: login.acr,
    amr: login.amr.split(' '),
  };
  if (login.kind === 'device') {
    const { screenId } = login;
    return {
      ...common,
      sub: screenId,
      client_id: 'bongsu-screen',
      scope: 'screen',
      roles: [],
      screen: screenId,
    };
  }
  return {
    ...common,
    sub: login.userId,
    client_id: 'bongsu',
    scope: 'account',
    roles: [login.role],
    uev: login.epoch,
  };
}
