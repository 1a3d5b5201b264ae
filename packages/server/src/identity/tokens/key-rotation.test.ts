import { randomBytes } from 'node:crypto';
import { decodeProtectedHeader } from 'jose';
import { beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { ALGORITHM_WITH_KEYS } from '../../../test/support/algorithm.js';
import { describeEachDatabase } from '../../../test/support/databases.js';
import {
  emptyIdentity,
  MINUTE_MS,
  MovableTime,
  SECRET,
  startIdentity,
} from '../../../test/support/identity.js';
import { LeapingClock } from '../../../test/support/leaping-clock.js';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { startTokens, type TokensOptions, USER_LOGIN } from '../../../test/support/tokens.js';
import { systemClock } from '../../platform/clock.js';
import type { Database, Queryable } from '../../platform/database/database.js';
import { WrongSecretError } from '../wrong-secret.js';
import { ACTIVE_MS, KEYS_STALE_MS, PENDING_MS } from './key-states.js';

vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const code = (expected: string) => expect.objectContaining({ code: expected });
const kidOf = (token: string) => decodeProtectedHeader(token).kid;
const NEW_SECRET = randomBytes(48).toString('base64');
const OTHER_WITH_KEYS = ALGORITHM_WITH_KEYS === 'ES256' ? 'EdDSA' : 'ES256';
const ORIGIN = { address: '203.0.113.9', userAgent: 'test' };

describeEachDatabase('signing keys', (open) => {
  let database: Database;
  let time: MovableTime;
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyIdentity(database);
    time = new MovableTime();
  });
  const start = (options: TokensOptions = {}) =>
    startTokens(database, { algorithm: ALGORITHM_WITH_KEYS, time, ...options });
  const states = async (node: Awaited<ReturnType<typeof start>>) =>
    (await node.rotation.list()).map(({ state }) => state);

  describe('rotation', () => {
    it('[TOK1] [ID30] a new key is published, then signs, and the former one verifies until its last token has ended', async () => {
      const node = await start();
      const before = await node.tokens.generateAccessToken(USER_LOGIN);
      const { kid } = await node.rotation.rotate();
      await node.keys.reload();
      expect((await node.keys.jwks()).keys.map((key) => key.kid)).toEqual([kidOf(before), kid]);
      await node.rotation.step();
      await node.keys.reload();
      expect(kidOf(await node.tokens.generateAccessToken(USER_LOGIN))).toBe(kidOf(before));

      time.advance(PENDING_MS);
      const last = await node.tokens.generateAccessToken(USER_LOGIN);
      expect(kidOf(last)).toBe(kidOf(before));
      await node.rotation.step();
      await node.keys.reload();
      expect(await states(node)).toEqual(['retired', 'active']);
      expect(kidOf(await node.tokens.generateAccessToken(USER_LOGIN))).toBe(kid);
      expect(await node.tokens.verifyAccessToken(last)).toBeDefined();
      expect((await node.keys.jwks()).keys).toHaveLength(2);

      time.advance(15 * MINUTE_MS + 2 * MINUTE_MS);
      await node.rotation.step();
      await node.keys.reload();
      expect(await states(node)).toEqual(['destroyed', 'active']);
      expect((await node.keys.jwks()).keys.map((key) => key.kid)).toEqual([kid]);
      const rows = await database.query<{ erased: boolean }>(
        `select private_jwk_enc is null as erased from signing_keys where state = 'destroyed'`,
      );
      expect(rows).toEqual([{ erased: true }]);
      await expect(node.tokens.verifyAccessToken(last)).rejects.toEqual(code('TOKEN_EXPIRED'));
    });

    it('[TOK1] happens by itself after 90 days', async () => {
      const node = await start();
      time.advance(ACTIVE_MS - MINUTE_MS);
      await node.rotation.step();
      expect(await states(node)).toEqual(['active']);
      time.advance(MINUTE_MS);
      await node.rotation.step();
      expect(await states(node)).toEqual(['active', 'pending']);
      time.advance(PENDING_MS);
      await node.rotation.step();
      expect(await states(node)).toEqual(['retired', 'active']);
    });

    it('[TOK1] several nodes at once make one key, and promote it once', async () => {
      const nodes = await Promise.all([start(), start(), start()]);
      const [first] = nodes;
      const made = await Promise.all(nodes.map(({ rotation }) => rotation.rotate()));
      expect(new Set(made.map(({ kid }) => kid)).size).toBe(1);
      time.advance(PENDING_MS);
      await Promise.all(nodes.map(({ rotation }) => rotation.step()));
      expect(await states(first as (typeof nodes)[number])).toEqual(['retired', 'active']);
      const audited = await database.query<{ action: string; n: number }>(
        `select event ->> 'action' as action, count(*)::int as n from audit_outbox group by 1 order by 1`,
      );
      expect(audited).toEqual([
        { action: 'sys_signing_key_activated', n: 1 },
        { action: 'sys_signing_key_created', n: 2 },
        { action: 'sys_signing_key_retired', n: 1 },
      ]);
    });

    it('[TOK1] a node that heard of nothing looks again before it signs', async () => {
      const clock = new ManualClock();
      const [node, deaf] = [await start(), await start({ clock })];
      const { kid } = await node.rotation.rotate();
      time.advance(PENDING_MS);
      await node.rotation.step();
      clock.advance(KEYS_STALE_MS);
      expect(kidOf(await deaf.tokens.generateAccessToken(USER_LOGIN))).toBe(kid);
    });

    it('[TOK1] a node that heard of nothing signs people in, within the transaction of their log-in', async () => {
      let aheadMs = 0;
      // Nothing runs by itself here.
      const clock = {
        ...systemClock,
        every: () => () => {},
        monotonic: () => systemClock.monotonic() + aheadMs,
      };
      const [node, deaf] = [
        await start(),
        await startIdentity(database, { jwtAlgorithm: ALGORITHM_WITH_KEYS }, { time, clock }),
      ];
      const { kid } = await node.rotation.rotateAtOnce();
      aheadMs = 2 * KEYS_STALE_MS;
      const { accessToken } = await deaf.signUp();
      expect(kidOf(accessToken)).toBe(kid);
      const screen = (tx: Queryable) => deaf.identity.issueDeviceCredential(tx, 'scr_1');
      await node.rotation.rotateAtOnce();
      aheadMs = 4 * KEYS_STALE_MS;
      expect(kidOf((await database.transaction(screen)).accessToken)).not.toBe(kid);
      await deaf.stop();
    });

    it('[TOK1] a token of a key that was made meanwhile is verified, though a look was just taken', async () => {
      const clock = new LeapingClock();
      const [node, other] = [await start(), await start({ clock })];
      await node.rotation.rotateAtOnce();
      await node.keys.reload();
      const token = await node.tokens.generateAccessToken(USER_LOGIN);
      const verified = other.tokens.verifyAccessToken(token);
      clock.leap(1000);
      expect(await verified).toMatchObject({ kind: 'user' });
    });

    it('[TOK1] a running server does all of it by itself, driven by its clock', async () => {
      const clock = new LeapingClock();
      const server = await startIdentity(database, { jwtAlgorithm: ALGORITHM_WITH_KEYS }, { time, clock });
      try {
        const { kid } = await server.identity.keys.rotate();
        time.advance(PENDING_MS);
        clock.leap(30_000);
        await expect
          .poll(async () => kidOf((await server.signUp()).accessToken), { timeout: 20_000 })
          .toBe(kid);
      } finally {
        await server.stop();
      }
    });
  });

  describe('emergency', () => {
    it('[TOK1] ends every key of every family at once, with the private halves', async () => {
      const other = await start({ algorithm: OTHER_WITH_KEYS });
      const node = await start();
      await node.rotation.rotate();
      const token = await node.tokens.generateAccessToken(USER_LOGIN);
      const { kid } = await node.rotation.rotateAtOnce();
      await node.keys.reload();
      expect(await states(other)).toEqual(['destroyed', 'destroyed', 'destroyed', 'active']);
      expect(kidOf(await node.tokens.generateAccessToken(USER_LOGIN))).toBe(kid);
      await expect(node.tokens.verifyAccessToken(token)).rejects.toEqual(code('TOKEN_EXPIRED'));
    });

    it('[TOK1] what is heard counts at once, though SQL still answers as before', async () => {
      const node = await start();
      const token = await node.tokens.generateAccessToken(USER_LOGIN);
      await node.tokens.verifyAccessToken(token);
      const loading = node.keys.reload();
      const heard = node.keys.hear({ id: kidOf(token) ?? '', reason: 'compromised' });
      await expect(node.tokens.verifyAccessToken(token)).rejects.toEqual(code('TOKEN_EXPIRED'));
      await Promise.all([loading, heard]);
      await expect(node.tokens.verifyAccessToken(token)).rejects.toEqual(code('TOKEN_EXPIRED'));
      expect((await node.keys.jwks()).keys).toEqual([]);
    });

    it('[TOK1] HS256 has no keys to rotate, and says so', async () => {
      const { rotation } = await start({ algorithm: 'HS256' });
      await expect(rotation.rotate()).rejects.toEqual(code('CONFLICT'));
      await expect(rotation.rotateAtOnce()).rejects.toEqual(code('CONFLICT'));
    });

    it('[TOK1] a command with another JWT_SECRET makes no key', async () => {
      const { rotation } = await start();
      await expect(start({ secret: NEW_SECRET })).rejects.toThrow(WrongSecretError);
      expect(await rotation.list()).toHaveLength(1);
    });
  });

  describe('JWT_SECRET_PREVIOUS', () => {
    const renewed = { secret: NEW_SECRET, previous: SECRET };

    it('[TOK1] keys go over to the new secret, however many nodes start with it, and then it is enough', async () => {
      const before = await start();
      await before.rotation.rotate();
      const token = await before.tokens.generateAccessToken(USER_LOGIN);
      await expect(start({ secret: NEW_SECRET })).rejects.toThrow(WrongSecretError);
      const nodes = await Promise.all([start(renewed), start(renewed), start(renewed)]);
      for (const { tokens } of nodes) expect(await tokens.verifyAccessToken(token)).toBeDefined();
      const alone = await start({ secret: NEW_SECRET });
      expect(kidOf(await alone.tokens.generateAccessToken(USER_LOGIN))).toBe(kidOf(token));
      time.advance(PENDING_MS);
      await alone.rotation.step();
      await alone.keys.reload();
      expect(kidOf(await alone.tokens.generateAccessToken(USER_LOGIN))).not.toBe(kidOf(token));
      await expect(start()).rejects.toThrow(WrongSecretError);
    });

    it('[TOK1] a node with the former secret goes on signing until it is started anew', async () => {
      const before = await start();
      const after = await start(renewed);
      await before.keys.reload();
      const token = await before.tokens.generateAccessToken(USER_LOGIN);
      expect(await after.tokens.verifyAccessToken(token)).toBeDefined();
    });

    it('[TOK1] a secret that fits neither stops the start', async () => {
      await start();
      const other = randomBytes(48).toString('base64');
      await expect(start({ secret: NEW_SECRET, previous: other })).rejects.toThrow(WrongSecretError);
      expect(await start()).toBeDefined();
    });

    it('[TOK1] HS256 tokens of the former secret count while it is given', async () => {
      const algorithm = 'HS256';
      const before = await start({ algorithm });
      const token = await before.tokens.generateAccessToken(USER_LOGIN);
      const after = await start({ algorithm, ...renewed });
      expect(await after.tokens.verifyAccessToken(token)).toBeDefined();
      expect(kidOf(await after.tokens.generateAccessToken(USER_LOGIN))).not.toBe(kidOf(token));
      const alone = await start({ algorithm, secret: NEW_SECRET });
      await expect(alone.tokens.verifyAccessToken(token)).rejects.toEqual(code('AUTH_ERROR'));
    });

    it('[TOK3] twenty tabs that race over a restart with a new secret get one and the same successor', async () => {
      const before = await startIdentity(database, {}, { time });
      const { refreshToken } = await before.signUp();
      const race = (server: typeof before) =>
        Promise.all(
          Array.from({ length: 10 }, () => server.identity.tokens.refreshAccessToken(refreshToken, ORIGIN)),
        );
      const first = await race(before);
      await before.stop();
      const config = { jwtSecret: NEW_SECRET, jwtSecretPrevious: SECRET };
      const after = await startIdentity(database, config, { time });
      try {
        const pairs = [...first, ...(await race(after))];
        const [successor = '', ...others] = new Set(pairs.map((pair) => pair.refreshToken));
        expect(others).toEqual([]);
        // Its own successor is of the new secret alone.
        const next = await after.identity.tokens.refreshAccessToken(successor, ORIGIN);
        await after.stop();
        const alone = await startIdentity(database, { jwtSecret: NEW_SECRET }, { time });
        expect(() => alone.identity.tokens.verifyRefreshToken(successor)).toThrow(code('AUTH_ERROR'));
        expect(await alone.identity.tokens.refreshAccessToken(next.refreshToken, ORIGIN)).toBeDefined();
        await alone.stop();
      } finally {
        await after.stop();
      }
    });
  });

  it('[TOK3] a login survives another JWT_ALG by its refresh token', async () => {
    const before = await startIdentity(database, {}, { time });
    const { accessToken, refreshToken } = await before.signUp();
    await before.stop();
    const after = await startIdentity(database, { jwtAlgorithm: OTHER_WITH_KEYS }, { time });
    try {
      expect((await after.get('/api/users/me', accessToken)).body.error.code).toBe('TOKEN_EXPIRED');
      const { body } = await after.post('/auth/refresh', { refreshToken });
      expect((await after.get('/api/users/me', String(body.accessToken))).status).toBe(200);
      const { body: jwks } = await after.get('/.well-known/jwks.json');
      expect(jwks.keys).toMatchObject([{ alg: OTHER_WITH_KEYS }]);
    } finally {
      await after.stop();
    }
  });
});
