import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { createRecordAudit } from '../../src/audit/record.js';
import { deriveRing } from '../../src/identity/derive.js';
import type { JwtAlgorithm } from '../../src/identity/index.js';
import { KeyRotation } from '../../src/identity/tokens/key-rotation.js';
import { SigningKeys } from '../../src/identity/tokens/signing-keys.js';
import { type Login, TokenManager } from '../../src/identity/tokens/token-manager.js';
import { VerifiedTokens } from '../../src/identity/tokens/verified-tokens.js';
import { type Clock, systemClock } from '../../src/platform/clock.js';
import type { Database } from '../../src/platform/database/database.js';
import { Metrics } from '../../src/platform/metrics.js';
import { ALGORITHM } from './algorithm.js';
import { MINUTE_MS, MovableTime, SECRET } from './identity.js';

export const ISSUER = 'https://bongsu.test';

export interface TokensOptions {
  algorithm?: JwtAlgorithm;
  time?: MovableTime;
  clock?: Clock;
  issuer?: string;
  secret?: string;
  previous?: string;
  /** Whether this node hears of what others do. */
  feedIsFresh?: () => boolean;
}

/** Tokens and keys as one process has them; several on one database are several processes. */
export async function startTokens(database: Database, options: TokensOptions = {}) {
  const { algorithm = ALGORITHM, time = new MovableTime(), clock = systemClock, issuer = ISSUER } = options;
  const ring = deriveRing(options.secret ?? SECRET, options.previous);
  const feedIsFresh = options.feedIsFresh ?? (() => true);
  const accessTokenMs = 15 * MINUTE_MS;
  const metrics = new Metrics();
  const keys = new SigningKeys({
    algorithm,
    ring,
    database,
    clock,
    feedIsFresh,
    onChange: () => verified.clear(),
  });
  const verified = new VerifiedTokens({
    clock,
    now: time.now,
    metrics,
    feedIsFresh,
    countsKey: (kid) => keys.counts(kid),
  });
  const rotation = new KeyRotation({
    algorithm,
    ring,
    accessTokenMs,
    database,
    now: time.now,
    recordAudit: createRecordAudit({ now: time.now, service: 'test' }),
    announce: () => {},
  });
  await rotation.prepare();
  await keys.reload();
  const tokens = new TokenManager({
    issuer,
    accessTokenMs,
    keys,
    verified,
    ring,
    now: time.now,
    rotate: () => Promise.reject(new Error('not rotated here')),
  });
  /** A token with a right signature of whatever is asked for. */
  const forge = async (
    claims: object,
    header: object = {},
    options: { crit?: Record<string, boolean> } = {},
  ): Promise<string> => {
    const { kid, key } = await keys.active();
    return new SignJWT({ ...goodClaims(time, issuer), ...claims })
      .setProtectedHeader({ alg: algorithm, kid, typ: 'at+jwt', ...header })
      .sign(key, options);
  };
  return { tokens, keys, rotation, forge, metrics };
}

/** What a token of a user says. */
export function goodClaims(time: MovableTime, issuer = ISSUER) {
  const seconds = Math.floor(time.now() / 1000);
  const sessionId = randomUUID();
  return {
    iss: issuer,
    aud: 'bongsu',
    sub: randomUUID(),
    client_id: 'bongsu',
    sid: sessionId,
    jti: randomUUID(),
    iat: seconds,
    nbf: seconds,
    exp: seconds + 600,
    auth_time: seconds,
    acr: 'aal1',
    scope: 'account',
    uev: 0,
  };
}

export const USER_LOGIN: Login = {
  kind: 'user',
  sessionId: randomUUID(),
  userId: randomUUID(),
  role: 'user',
  epoch: 3,
  acr: 'aal1',
  amr: 'pwd',
  authTime: 1_700_000_000_000,
  expiresAt: null,
  idleMs: null,
};
