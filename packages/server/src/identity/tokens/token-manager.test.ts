import { createHmac, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { JwtVerifier } from 'aws-jwt-verify';
import { createLocalJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify, SignJWT } from 'jose';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ALGORITHM_WITH_KEYS, ALGORITHMS } from '../../../test/support/algorithm.js';
import { describeEachDatabase } from '../../../test/support/databases.js';
import {
  emptyIdentity,
  MINUTE_MS,
  MovableTime,
  startIdentity,
  type TestIdentity,
} from '../../../test/support/identity.js';
import { goodClaims, ISSUER, startTokens, USER_LOGIN } from '../../../test/support/tokens.js';
import type { Database } from '../../platform/database/database.js';
import type { JwtAlgorithm } from './key-states.js';
import type { Login } from './token-manager.js';

// Password hashing is slow on purpose, and a machine may be busy.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const ORIGIN = { address: '203.0.113.9', userAgent: 'test' };

const login = USER_LOGIN;

const code = (expected: string) => expect.objectContaining({ code: expected });

describeEachDatabase('TokenManager', (open) => {
  let database: Database;
  let time: MovableTime;

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyIdentity(database);
    time = new MovableTime();
  });

  describe.each(ALGORITHMS)('%s', (algorithm) => {
    const setUp = (other: JwtAlgorithm = algorithm) => startTokens(database, { algorithm: other, time });

    it('[TOK1] generateAccessToken and verifyAccessToken agree', async () => {
      const { tokens } = await setUp();
      const token = await tokens.generateAccessToken(login);
      expect(decodeProtectedHeader(token)).toEqual({
        alg: algorithm,
        typ: 'at+jwt',
        kid: expect.any(String),
      });
      expect(await tokens.verifyAccessToken(token)).toMatchObject({
        kind: 'user',
        sessionId: login.sessionId,
        userId: (login as { userId: string }).userId,
        epoch: 3,
      });
    });

    it('[TOK1] a token of another family counts for nothing, and its holder is told to refresh', async () => {
      const others = ALGORITHMS.filter((other) => other !== algorithm);
      const foreign = await Promise.all(others.map((other) => setUp(other)));
      const { tokens } = await setUp();
      for (const other of foreign) {
        const token = await other.tokens.generateAccessToken(login);
        await expect(tokens.verifyAccessToken(token)).rejects.toEqual(code('TOKEN_EXPIRED'));
      }
    });

    it('[TOK1] another instance over the same database verifies the token', async () => {
      const { tokens } = await setUp();
      const token = await tokens.generateAccessToken(login);
      const restarted = await setUp();
      expect(await restarted.tokens.verifyAccessToken(token)).toMatchObject({ sessionId: login.sessionId });
    });

    it('[TOK1] carries the claims of RFC 9068, no personal data, and at most 5 % less life', async () => {
      const { tokens } = await setUp();
      const lives = await Promise.all(
        Array.from({ length: 40 }, async () => {
          const claims = decodeJwt(await tokens.generateAccessToken(login));
          return Number(claims.exp) - Number(claims.iat);
        }),
      );
      expect(Math.min(...lives)).toBeGreaterThanOrEqual(900 * 0.95 - 1);
      expect(Math.max(...lives)).toBeLessThanOrEqual(900);
      expect(new Set(lives).size).toBeGreaterThan(1);
      const claims = decodeJwt(await tokens.generateAccessToken(login));
      expect(Object.keys(claims).sort()).toEqual(
        'acr amr aud auth_time client_id exp iat iss jti nbf roles scope sid sub uev'.split(' '),
      );
    });

    it("[TOK1] a device's token names its screen and carries no role", async () => {
      const { tokens } = await setUp();
      const device: Login = {
        ...login,
        kind: 'device',
        screenId: 'scr_1',
        amr: 'swk',
        expiresAt: null,
        idleMs: null,
      };
      const token = await tokens.generateAccessToken(device);
      expect(decodeJwt(token)).toMatchObject({ sub: 'scr_1', scope: 'screen', roles: [], screen: 'scr_1' });
      expect(await tokens.verifyAccessToken(token)).toMatchObject({ kind: 'screen', screenId: 'scr_1' });
    });

    it('[TOK1] a token past its end is TOKEN_EXPIRED, and only then', async () => {
      const { tokens } = await setUp();
      const token = await tokens.generateAccessToken(login);
      time.advance(14 * MINUTE_MS);
      expect(await tokens.verifyAccessToken(token)).toBeDefined();
      time.advance(MINUTE_MS + 6000);
      await expect(tokens.verifyAccessToken(token)).rejects.toEqual(code('TOKEN_EXPIRED'));
    });

    it('[TOK1] getExpiryTime and isExpiringSoon tell the end in milliseconds', async () => {
      const { tokens } = await setUp();
      const { accessToken, expiresIn } = await tokens.generateTokenPair(login);
      const end = tokens.getExpiryTime(accessToken);
      expect(end - time.now()).toBeGreaterThan((expiresIn - 1) * 1000 - 100);
      expect(end - time.now()).toBeLessThanOrEqual(expiresIn * 1000);
      expect(tokens.isExpiringSoon(accessToken)).toBe(false);
      expect(tokens.isExpiringSoon(accessToken, 16 * MINUTE_MS)).toBe(true);
      time.advance(15 * MINUTE_MS);
      expect(tokens.isExpiringSoon(accessToken)).toBe(true);
      expect(() => tokens.getExpiryTime('nonsense')).toThrow(code('AUTH_ERROR'));
    });

    it('[TOK1] generateRefreshToken and verifyRefreshToken agree, and nothing altered passes', async () => {
      const { tokens } = await setUp();
      const token = tokens.generateRefreshToken(login);
      expect(token).toMatch(/^brt_[A-Za-z0-9_-]{92}$/);
      expect(tokens.verifyRefreshToken(token)).toMatchObject({ sessionId: login.sessionId, generation: 0 });
      for (let at = 4; at < token.length; at += 1) {
        const altered = token.slice(0, at) + (token[at] === 'A' ? 'B' : 'A') + token.slice(at + 1);
        expect(() => tokens.verifyRefreshToken(altered)).toThrow(code('AUTH_ERROR'));
      }
      for (const bad of ['', 'brt_', `${token}A`, token.slice(0, -1), `${token}=`, 'x'.repeat(5000)]) {
        expect(() => tokens.verifyRefreshToken(bad)).toThrow(code('AUTH_ERROR'));
      }
    });

    it('[TOK1] refuses a header that brings a key or rules of its own', async () => {
      const { tokens, forge } = await setUp();
      const headers: object[] = [
        { jku: 'https://evil.example/jwks.json' },
        { x5u: 'https://evil.example/x' },
        { jwk: { kty: 'OKP' } },
        { x5c: ['MII'] },
        { typ: 'JWT' },
        { typ: undefined },
        { kid: undefined },
        { kid: 'unknown' },
        { kid: '../../etc/passwd' },
      ];
      for (const header of headers) {
        await expect(tokens.verifyAccessToken(await forge({}, header))).rejects.toEqual(code('AUTH_ERROR'));
      }
      const critical = await forge({}, { crit: ['exp'], exp: 1 }, { crit: { exp: true } });
      await expect(tokens.verifyAccessToken(critical)).rejects.toEqual(code('AUTH_ERROR'));
      expect(await tokens.verifyAccessToken(await forge({}))).toBeDefined();
    });

    it('[TOK1] refuses claims of another audience, wrong and missing ones', async () => {
      const { tokens, forge } = await setUp();
      const wrong: object[] = [
        { aud: 'other' },
        { aud: undefined },
        { iss: undefined },
        { exp: undefined },
        { sub: undefined },
        { sid: undefined },
        { jti: undefined },
        { client_id: undefined },
        { sid: 'not-a-uuid' },
        { nbf: 'soon' },
        { scope: 'admin' },
      ];
      for (const claims of wrong) {
        await expect(tokens.verifyAccessToken(await forge(claims))).rejects.toEqual(code('AUTH_ERROR'));
      }
    });

    it('[TOK1] whoever has a token of a former PUBLIC_URL, or of a clock that went back, is told to refresh', async () => {
      const { tokens, forge } = await setUp();
      const future = Math.floor(time.now() / 1000) + 60;
      const once: object[] = [
        { iss: 'https://former.example' },
        { nbf: future, iat: future, exp: future + 600 },
        { iss: 'https://former.example', nbf: future },
        { iss: 'https://former.example', exp: future - 600 },
      ];
      for (const claims of once) {
        await expect(tokens.verifyAccessToken(await forge(claims))).rejects.toEqual(code('TOKEN_EXPIRED'));
        for (const wrong of [{ aud: 'other' }, { sub: undefined }, { iss: undefined }]) {
          const token = await forge({ ...claims, ...wrong });
          await expect(tokens.verifyAccessToken(token)).rejects.toEqual(code('AUTH_ERROR'));
        }
      }
    });

    it('[TOK1] refuses alg none, HS256 with the public key, and a stranger with our kid', async () => {
      const { tokens, keys } = await setUp();
      const { kid } = await keys.active();
      const [jwk] = (await keys.jwks()).keys;
      const publicText = jwk
        ? createPublicKey({ key: { ...jwk }, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
        : 'a guess';
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const unsigned = (alg: string) => `${part({ alg, kid, typ: 'at+jwt' })}.${part(goodClaims(time))}`;
      const hmac = createHmac('sha256', publicText).update(unsigned('HS256')).digest('base64url');
      const stranger = generateKeyPairSync('ed25519').privateKey;
      const foreign = await new SignJWT(goodClaims(time))
        .setProtectedHeader({ alg: 'EdDSA', kid, typ: 'at+jwt' })
        .sign(stranger);
      const forged = [
        `${unsigned('none')}.`,
        `${unsigned('None')}.`,
        `${unsigned('HS256')}.${hmac}`,
        `${unsigned(algorithm)}.`,
        foreign,
      ];
      for (const token of forged) {
        await expect(tokens.verifyAccessToken(token)).rejects.toEqual(code('AUTH_ERROR'));
      }
    });

    it('[TOK1] refuses what is no token, and one beyond 4 KiB though rightly signed', async () => {
      const { tokens, forge } = await setUp();
      for (const bad of ['', '.', '..', 'a.b.c', '\u0000', 'x'.repeat(100_000), '💥.💥.💥']) {
        await expect(tokens.verifyAccessToken(bad)).rejects.toEqual(code('AUTH_ERROR'));
      }
      await expect(tokens.verifyAccessToken(await forge({ pad: 'x'.repeat(4096) }))).rejects.toEqual(
        code('AUTH_ERROR'),
      );
    });

    it('[TOK1] two starters at once end with one active key', async () => {
      const starters = await Promise.all([setUp(), setUp(), setUp()]);
      const kids = new Set(await Promise.all(starters.map(async ({ keys }) => (await keys.active()).kid)));
      expect(kids.size).toBe(1);
      const [first, second] = starters;
      const token = await first?.tokens.generateAccessToken(login);
      expect(await second?.tokens.verifyAccessToken(token ?? '')).toBeDefined();
    });
  });

  it('[TOK1] private keys are stored wrapped', async () => {
    const { keys } = await startTokens(database, { algorithm: ALGORITHM_WITH_KEYS, time });
    const [row] = await database.query<{ stored: Uint8Array; pub: object }>(
      'select private_jwk_enc as stored, public_jwk as pub from signing_keys',
    );
    expect(Buffer.from(row?.stored ?? []).toString('latin1')).not.toContain('"d"');
    expect(row?.pub).not.toHaveProperty('d');
    expect((await keys.jwks()).keys[0]).not.toHaveProperty('d');
  });
});

describeEachDatabase('TokenManager over a server', (open) => {
  let database: Database;
  let server: TestIdentity;

  beforeAll(async () => {
    database = await open();
  });
  beforeEach(() => emptyIdentity(database));
  afterEach(() => server.stop());

  async function start(config: Parameters<typeof startIdentity>[1] = {}) {
    server = await startIdentity(database, config);
    return server;
  }

  it.each(['EdDSA', 'ES256'] as const)(
    '[TOK1] the JWKS verifies a token with plain jose: %s',
    async (jwtAlgorithm) => {
      const { get, signUp } = await start({ jwtAlgorithm });
      const { accessToken, user } = await signUp();
      const { body, headers } = await get('/.well-known/jwks.json');
      const jwks = body as unknown as Parameters<typeof createLocalJWKSet>[0];
      expect(headers['cache-control']).toContain('max-age');
      expect(jwks.keys).toHaveLength(1);
      expect(jwks.keys[0]).toMatchObject({ alg: jwtAlgorithm, use: 'sig', kid: expect.any(String) });
      const { payload } = await jwtVerify(accessToken, createLocalJWKSet(jwks), { audience: 'bongsu' });
      expect(payload.sub).toBe(user.userId);
    },
  );

  it.each(['EdDSA', 'ES256'] as const)(
    '[TOK1] the JWKS verifies a token with an unrelated implementation, and no altered one: %s',
    async (jwtAlgorithm) => {
      const { get, signUp } = await start({ jwtAlgorithm });
      const { accessToken, user } = await signUp();
      const { body } = await get('/.well-known/jwks.json');
      const verifier = JwtVerifier.create({
        issuer: ISSUER,
        audience: 'bongsu',
        jwksUri: `${ISSUER}/jwks.json`,
      });
      verifier.cacheJwks(body as unknown as Parameters<typeof verifier.cacheJwks>[0]);
      expect(verifier.verifySync(accessToken).sub).toBe(user.userId);
      const [header, payload, signature = ''] = accessToken.split('.');
      const other = signature.startsWith('A') ? `B${signature.slice(1)}` : `A${signature.slice(1)}`;
      expect(() => verifier.verifySync(`${header}.${payload}.${other}`)).toThrow(/signature/i);
    },
  );

  it('[TOK1] HS256 publishes no key', async () => {
    const { get, signUp } = await start({ jwtAlgorithm: 'HS256' });
    const { accessToken } = await signUp();
    expect((await get('/.well-known/jwks.json')).body).toEqual({ keys: [] });
    expect((await get('/api/users/me', accessToken)).status).toBe(200);
  });

  it('[TOK1] refreshAccessToken rotates and gives a pair that works', async () => {
    const { identity, signUp, get } = await start();
    const { refreshToken } = await signUp();
    const pair = await identity.tokens.refreshAccessToken(refreshToken, ORIGIN);
    expect(pair.refreshToken).not.toBe(refreshToken);
    expect(identity.tokens.verifyRefreshToken(pair.refreshToken).generation).toBe(1);
    expect((await get('/api/users/me', pair.accessToken)).status).toBe(200);
  });
});
