import { createHmac, createPublicKey, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { request } from 'node:http';
import { HttpClient, Sockets } from '@bongsu/conformance';
import { decodeProtectedHeader, exportJWK, SignJWT } from 'jose';
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadConfig } from '../../src/config.js';
import { deriveKeys } from '../../src/identity/derive.js';
import type { Database } from '../../src/platform/database/database.js';
import { ALGORITHM_WITH_KEYS, ALGORITHMS } from '../support/algorithm.js';
import { describeEachDatabase } from '../support/databases.js';
import {
  emptyIdentity,
  MINUTE_MS,
  MovableTime,
  SECRET,
  startIdentity,
  type TestIdentity,
} from '../support/identity.js';
import { LeapingClock } from '../support/leaping-clock.js';
import { describeEachServer } from '../support/server.js';
import { goodClaims, startTokens, USER_LOGIN } from '../support/tokens.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const code = (expected: string) => expect.objectContaining({ code: expected });
const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

describeEachDatabase('attacks on tokens', (open) => {
  let database: Database;
  let time: MovableTime;
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyIdentity(database);
    time = new MovableTime();
  });

  it.each(ALGORITHMS)(
    '[AT20] a token that chooses its own algorithm (none, HS256 with the public key, another family) is refused by a server of %s',
    async (algorithm) => {
      const others = ALGORITHMS.filter((other) => other !== algorithm);
      const families = await Promise.all(
        others.map((other) => startTokens(database, { algorithm: other, time })),
      );
      const { tokens, keys } = await startTokens(database, { algorithm, time });
      const { kid } = await keys.active();
      const { keys: published } = await keys.jwks();
      const publicKeys = published.flatMap((jwk) => [
        createPublicKey({ key: { ...jwk }, format: 'jwk' }).export({ type: 'spki', format: 'pem' }),
        JSON.stringify(jwk),
        String(jwk.x),
      ]);
      const unsigned = (alg: string) => `${part({ alg, kid, typ: 'at+jwt' })}.${part(goodClaims(time))}`;
      const forged = [
        ...['none', 'None', 'NONE', ''].map((alg) => `${unsigned(alg)}.`),
        ...[...publicKeys, '', 'secret', SECRET].map(
          (text) =>
            `${unsigned('HS256')}.${createHmac('sha256', text).update(unsigned('HS256')).digest('base64url')}`,
        ),
      ];
      for (const token of forged) {
        await expect(tokens.verifyAccessToken(token)).rejects.toEqual(code('AUTH_ERROR'));
      }
      for (const family of families) {
        const token = await family.tokens.generateAccessToken(USER_LOGIN);
        await expect(tokens.verifyAccessToken(token)).rejects.toEqual(code('TOKEN_EXPIRED'));
      }
    },
  );

  it('[AT21] a token that brings its own key, or rules of its own, is refused, and no header reaches SQL or a file', async () => {
    const { tokens, keys, forge } = await startTokens(database, { time });
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const jwk = { ...(await exportJWK(publicKey)) };
    const { kid } = await keys.active();
    const embedded = `${part({ alg: 'EdDSA', typ: 'at+jwt', kid, jwk })}.${part(goodClaims(time))}`;
    const selfSigned = `${embedded}.${sign(null, Buffer.from(embedded), privateKey).toString('base64url')}`;
    await expect(tokens.verifyAccessToken(selfSigned)).rejects.toEqual(code('AUTH_ERROR'));
    const queries = vi.spyOn(database, 'query');
    for (const header of [
      { jwk },
      { jku: 'https://evil.example/jwks.json' },
      { x5u: 'https://evil.example/x.pem' },
      { x5c: ['MII'] },
      { b64: true },
      { zip: 'DEF' },
      { kid: undefined },
      { kid: '' },
      { kid: '../../../../dev/null' },
      { kid: "x' union select 'AAAA' --" },
      { kid: '__proto__' },
      { kid: 'constructor' },
      { kid: 'A'.repeat(2000) },
    ]) {
      const token = await forge({}, header);
      await expect(tokens.verifyAccessToken(token), JSON.stringify(header)).rejects.toEqual(
        code('AUTH_ERROR'),
      );
    }
    const critical = await forge({}, { crit: ['exp'], exp: 1 }, { crit: { exp: true } });
    await expect(tokens.verifyAccessToken(critical)).rejects.toEqual(code('AUTH_ERROR'));
    expect(queries).not.toHaveBeenCalled();
    queries.mockRestore();
  });

  it('[AT23] a token that was verified and remembered is refused once it has ended', async () => {
    const { tokens } = await startTokens(database, { time });
    const token = await tokens.generateAccessToken(USER_LOGIN);
    await tokens.verifyAccessToken(token);
    time.advance(15 * MINUTE_MS + 6000);
    await expect(tokens.verifyAccessToken(token)).rejects.toEqual(code('TOKEN_EXPIRED'));
  });

  it('[AT24] a token that looks like a remembered one in all but its signature or its claims is verified by itself', async () => {
    const { tokens, forge } = await startTokens(database, { time });
    const good = await forge({ sub: 'ada' });
    await tokens.verifyAccessToken(good);
    const [header, payload = '', signature = ''] = good.split('.');
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString()) as object;
    const turned = [...signature].reverse().join('');
    for (const other of [
      `${header}.${payload}.${turned}`,
      `${header}.${payload}.${signature.slice(0, -4)}`,
      `${header}.${payload}.`,
      `${header}.${payload}.${signature}${signature}`,
      `${header}.${part({ ...claims, sub: 'eve' })}.${signature}`,
      `${good}.`,
      ` ${good}`,
    ]) {
      await expect(tokens.verifyAccessToken(other)).rejects.toEqual(code('AUTH_ERROR'));
    }
    const otherAudience = await forge({ ...claims, aud: 'other' });
    await expect(tokens.verifyAccessToken(otherAudience)).rejects.toEqual(code('AUTH_ERROR'));
    const otherIssuer = await forge({ ...claims, iss: 'https://evil.example' });
    await expect(tokens.verifyAccessToken(otherIssuer)).rejects.toEqual(code('TOKEN_EXPIRED'));
    expect(await tokens.verifyAccessToken(good)).toMatchObject({ userId: 'ada' });
  });

  it('[AT27] one kind of token does not stand for another: refresh, access, and JWTs of another purpose', async () => {
    const { tokens, forge } = await startTokens(database, { time });
    const refreshToken = tokens.generateRefreshToken(USER_LOGIN);
    const accessToken = await tokens.generateAccessToken(USER_LOGIN);
    await expect(tokens.verifyAccessToken(refreshToken)).rejects.toEqual(code('AUTH_ERROR'));
    expect(() => tokens.verifyRefreshToken(accessToken)).toThrow(code('AUTH_ERROR'));
    expect(() => tokens.verifyRefreshToken(`brt_${accessToken}`)).toThrow(code('AUTH_ERROR'));
    for (const typ of ['JWT', 'id+jwt', 'logout+jwt', 'application/at+jwt', 'AT+JWT', '', undefined]) {
      await expect(tokens.verifyAccessToken(await forge({}, { typ }))).rejects.toEqual(code('AUTH_ERROR'));
    }
    for (const scope of ['openid', 'account screen', '', undefined, ['account']]) {
      await expect(tokens.verifyAccessToken(await forge({ scope }))).rejects.toEqual(code('AUTH_ERROR'));
    }
  });

  it('[AT28] a token of another installation is refused, even of one with the same JWT_SECRET', async () => {
    for (const algorithm of ALGORITHMS) {
      const issuer = 'https://other.test';
      const other = await startTokens(database, { algorithm, time, issuer, secret: `other ${SECRET}` });
      const stranger = await other.tokens.generateAccessToken(USER_LOGIN);
      await emptyIdentity(database);
      const here = await startTokens(database, { algorithm, time });
      await expect(here.tokens.verifyAccessToken(stranger)).rejects.toEqual(code('AUTH_ERROR'));
      const shared = await startTokens(database, { algorithm, time, issuer });
      const foreign = await shared.tokens.generateAccessToken(USER_LOGIN);
      // With one key between them it may be ours from before PUBLIC_URL was changed: it lets nobody in, but may be refreshed.
      await expect(here.tokens.verifyAccessToken(foreign)).rejects.toEqual(code('TOKEN_EXPIRED'));
      expect(await shared.tokens.verifyAccessToken(foreign)).toBeDefined();
      await emptyIdentity(database);
    }
  });
});

describeEachDatabase('attacks on tokens over a server', (open) => {
  let database: Database;
  let time: MovableTime;
  const servers: TestIdentity[] = [];
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyIdentity(database);
    time = new MovableTime();
  });
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.stop();
  });
  async function start(options: { clock?: LeapingClock } = {}) {
    const server = await startIdentity(database, { jwtAlgorithm: ALGORITHM_WITH_KEYS }, { time, ...options });
    servers.push(server);
    return server;
  }
  const codeOf = async (server: TestIdentity, token: string) => {
    const { status, body } = await server.get('/api/users/me', token);
    return status === 200 ? 'OK' : body.error.code;
  };

  it('[AT25] a token that is remembered is refused from the moment its login, or its user, was ended', async () => {
    const server = await start();
    const { accessToken, refreshToken } = await server.signUp();
    expect(await codeOf(server, accessToken)).toBe('OK');
    expect(await codeOf(server, accessToken)).toBe('OK');
    await server.post('/auth/logout', { refreshToken });
    expect(await codeOf(server, accessToken)).toBe('TOKEN_REVOKED');
    expect(await server.metrics.text()).toMatch(/bongsu_cache_hits_total\{cache="jwt"\} 2/);
  });

  it('[AT29] a stolen signing key is worth nothing on another process within five seconds of an emergency rotation', async () => {
    const clock = new LeapingClock();
    const [here, there] = [await start(), await start({ clock })];
    const { accessToken, refreshToken } = await here.signUp();
    expect(await codeOf(there, accessToken)).toBe('OK');
    // No message reaches it: all that it has is its own look at SQL.
    await here.identity.keys.rotateAtOnce();
    expect(await codeOf(here, accessToken)).toBe('TOKEN_EXPIRED');
    clock.leap(5000);
    await expect.poll(() => codeOf(there, accessToken), { timeout: 8000 }).toBe('TOKEN_EXPIRED');
    const { body } = await there.post('/auth/refresh', { refreshToken });
    expect(await codeOf(there, String(body.accessToken))).toBe('OK');
    expect(await codeOf(here, String(body.accessToken))).toBe('OK');
  });
});

describeEachServer('attacks on tokens on the wire', (start) => {
  const jwtSecret = 'Zk3vQ9xTb7Rm1LwYc5Hd8NfJ2GpSe6UaVt4KoXi0BqDnWzMhPyErCgFsAuLjOlIT';
  let http: HttpClient;
  let sockets: Sockets;
  let accessToken: string;
  beforeAll(async () => {
    const settings = { JWT_ALG: 'HS256', JWT_SECRET: jwtSecret, HANDSHAKE_FAILURES_PER_MINUTE: '1000' };
    const { url } = await start({ settings });
    http = new HttpClient(url);
    sockets = new Sockets(url);
    const email = `${randomUUID()}@example.com`;
    const answer = await http.post('/api/auth/signup', { email, password: randomUUID(), username: 'Ada' });
    accessToken = (answer.body as { accessToken: string }).accessToken;
  });
  afterEach(() => sockets.closeAll());

  /** As it is: `fetch` would put a header right. */
  function statusOf(authorization: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const asked = request(`${http.url}/api/users/me`, { headers: { authorization } }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      });
      asked.on('error', reject);
      asked.end();
    });
  }

  it('[AT22] an Authorization that is malformed, or a token over 4 KiB though rightly signed, is refused and harms nothing', async () => {
    const malformed = [
      'Bearer',
      'Bearer ',
      accessToken,
      `Bearer  ${accessToken}`,
      `Bearer\t${accessToken}`,
      `Bearer: ${accessToken}`,
      `Bearer "${accessToken}"`,
      `Bearer ${accessToken}, Bearer ${accessToken}`,
      `Basic x, Bearer ${accessToken}`,
      `Token ${accessToken}`,
      `Bearer\u00a0${accessToken}`,
      `Bearer ${accessToken}\u00ad`,
      `Bearer \u00ef\u00bb\u00bf${accessToken}`,
      'Bearer \u00e9\u00ff',
      `Bearer ${'.'.repeat(4000)}`,
      'Bearer eyJhbGciOiJub25lIn0.e30.',
    ];
    for (const authorization of malformed) {
      expect(await statusOf(authorization), authorization.slice(0, 60)).toBe(401);
    }
    const { kid } = decodeProtectedHeader(accessToken);
    const claims = JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString());
    const sized = (pad: number) =>
      new SignJWT({ ...claims, pad: 'x'.repeat(pad) })
        .setProtectedHeader({ alg: 'HS256', kid: String(kid), typ: 'at+jwt' })
        .sign(deriveKeys(jwtSecret).jwtHs256);
    expect(await statusOf(`Bearer ${await sized(1000)}`)).toBe(200);
    const oversized = await sized(4000);
    expect(await statusOf(`Bearer ${oversized}`)).toBe(401);
    expect(await sockets.refusal({ token: oversized })).toMatchObject({ code: 'VALIDATION_ERROR' });
    for (const token of [` ${accessToken}`, `${accessToken}\u200b`, `\ufeff${accessToken}`, '\u0000', '💥']) {
      expect(await sockets.refusal({ token })).toMatchObject({ code: 'AUTH_ERROR' });
    }
    expect((await http.get('/api/users/me', accessToken)).status).toBe(200);
  });
});

describe('attacks on secrets', () => {
  it('[AT26] a secret that stands in examples, or that is easily guessed, does not start a server', () => {
    const chance = 'Zk3vQ9xTb7Rm1LwYc5Hd8NfJ2GpSe6UaVt4KoXi0BqDnWzMhPyErCgFsAuLjOlIT';
    const weak = [
      '',
      ' ',
      'secret',
      'x'.repeat(64),
      'ab'.repeat(40),
      'correct horse'.repeat(5),
      `${'Zk3vQ9xTb7Rm1L'.repeat(5)}Zk3`,
      `change-me-${chance}`,
      `changethis${chance}`,
      `your-secret-key-${chance}`,
      `${chance}-default`,
      `my-super-secret-jwt-token-with-at-least-64-characters-${'qwertz'.repeat(4)}`,
      'the output of: openssl rand -base64 64 | tr -d "\\n" and some more characters',
      '0123456789abcdef'.repeat(4),
      'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_',
    ];
    for (const name of ['JWT_SECRET', 'JWT_SECRET_PREVIOUS']) {
      for (const value of weak) {
        const given = { NODE_ENV: 'production', JWT_SECRET: chance, [name]: value };
        const loaded = loadConfig(given);
        // An empty value is an absent one, and production has no other.
        const isRefused = loaded.ok ? false : loaded.faults.some((fault) => fault.name === name);
        expect({ name, value, isRefused }).toEqual({
          name,
          value,
          isRefused: value.trim() !== '' || name === 'JWT_SECRET',
        });
        if (!loaded.ok && value.length > 10) expect(JSON.stringify(loaded.faults)).not.toContain(value);
      }
    }
    expect(loadConfig({ NODE_ENV: 'production', JWT_SECRET: chance }).ok).toBe(true);
    expect(loadConfig({ JWT_SECRET: chance, JWT_SECRET_PREVIOUS: chance }).ok).toBe(false);
  });
});
