import { createPublicKey, type JsonWebKey, verify } from 'node:crypto';
import { JwksSchema, TokenPairSchema } from '@bongsu/protocol';
import { expect, it } from 'vitest';
import { expectBody, expectFailure } from '../support/http.js';
import { expectRefused, send } from '../support/sockets.js';
import { forgeries, parts } from '../support/tokens.js';
import { type GetWorld, trigger } from '../support/world.js';

export function tokenRules(world: GetWorld): void {
  const jwks = async () => expectBody(await world().http.get('/.well-known/jwks.json'), 200, JwksSchema).keys;

  it('[ID5] an access token names a public key, tells nothing personal and ends when it says', async () => {
    const owner = await world().person('owner');
    const { header, payload } = parts(owner.accessToken);
    const keys = await jwks();
    const { algorithm = header.alg } = world().target;
    expect(header.alg).toBe(algorithm);
    if (header.alg !== 'HS256') {
      expect(keys.map(({ alg, kid }) => ({ alg, kid }))).toContainEqual({ alg: header.alg, kid: header.kid });
    }
    expect(JSON.stringify(payload)).not.toContain('@');
    expect(JSON.stringify(payload)).not.toContain(owner.username);
    expect(payload.sub).toBe(owner.userId);
    expect(Number(payload.exp)).toBeGreaterThan(Date.now() / 1000);
  });

  it('[ID15] the key set has public members only', async () => {
    for (const key of await jwks()) {
      expect(key).toMatchObject({ alg: expect.any(String), use: 'sig', kid: expect.any(String) });
      for (const secret of ['d', 'k', 'p', 'q', 'dp', 'dq', 'qi']) expect(key).not.toHaveProperty(secret);
    }
  });

  it('[ID12] forged tokens are AUTH_ERROR over HTTP and in the handshake', async () => {
    const { accessToken } = await world().person('owner');
    for (const [name, token] of Object.entries(forgeries(accessToken, await jwks()))) {
      const answer = await world().http.get('/api/users/me', token);
      expect({ name, status: answer.status, body: answer.body }).toMatchObject({
        name,
        status: 401,
        body: { error: { code: 'AUTH_ERROR' } },
      });
      expect({ name, ...(await world().sockets.refusal({ token })) }).toMatchObject({
        name,
        code: 'AUTH_ERROR',
      });
    }
  });

  it('[ID13] a token past its end is TOKEN_EXPIRED', async (context) => {
    const token = world().target.expiredToken;
    if (token === undefined) return context.skip('the target gives no expired token');
    expectFailure(await world().http.get('/api/users/me', token), 401, 'TOKEN_EXPIRED');
    expect(await world().sockets.refusal({ token })).toMatchObject({
      code: 'TOKEN_EXPIRED',
      retryable: false,
    });
  });

  it('[ID14] auth-refresh takes a newer token of the same login and keeps the socket', async () => {
    const traveller = await world().logIn(await world().person('traveller'));
    const socket = await world().controller(traveller);
    const { refreshToken } = traveller;
    const next = await world().http.post('/api/auth/refresh', { refreshToken });
    const { accessToken: token } = expectBody(next, 200, TokenPairSchema);
    const answer = await send(socket, 'auth-refresh', { token });
    expect(answer).toMatchObject({ success: true, expiresAt: expect.any(Number) });
    expect((answer as { expiresAt: number }).expiresAt).toBeGreaterThan(Date.now());
    expect(socket.connected).toBe(true);
  });

  it('[ID14] auth-refresh with a bad token or one of another login changes nothing', async () => {
    const owner = await world().person('owner');
    const stranger = await world().person('stranger');
    const device = await world().device(owner);
    const socket = await world().controller(owner);
    for (const token of ['not.a.token', stranger.accessToken, device.accessToken]) {
      expectRefused(await send(socket, 'auth-refresh', { token }), 'AUTH_ERROR');
    }
    expect(await send(socket, 'trigger', trigger(device.screenId))).toMatchObject({ success: true });
  });

  it('[ID27] a token that was used often is TOKEN_REVOKED once its login was ended', async () => {
    const someone = await world().logIn(await world().person('traveller'));
    const { accessToken: token, refreshToken } = someone;
    for (let n = 0; n < 3; n += 1) expect((await world().http.get('/api/users/me', token)).status).toBe(200);
    expect((await world().http.post('/api/auth/logout', { refreshToken })).status).toBe(200);
    await world().expectRevoked(token);
    expect(await world().sockets.refusal({ token })).toMatchObject({ code: 'TOKEN_REVOKED' });
  });

  it('[ID28] what differs from an accepted token in one character is AUTH_ERROR', async () => {
    const { accessToken } = await world().person('owner');
    expect((await world().http.get('/api/users/me', accessToken)).status).toBe(200);
    const starts = [0, accessToken.indexOf('.') + 1, accessToken.lastIndexOf('.') + 1];
    for (const at of [...starts, accessToken.length - 10]) {
      const other = accessToken[at] === 'A' ? 'B' : 'A';
      const token = accessToken.slice(0, at) + other + accessToken.slice(at + 1);
      expectFailure(await world().http.get('/api/users/me', token), 401, 'AUTH_ERROR');
      expect(await world().sockets.refusal({ token })).toMatchObject({ code: 'AUTH_ERROR' });
    }
  });

  it.each([
    ['no scheme', (token: string) => token],
    ['another scheme', (token: string) => `Basic ${token}`],
    ['two blanks', (token: string) => `Bearer  ${token}`],
    ['quotes', (token: string) => `Bearer "${token}"`],
    ['a second token', (token: string) => `Bearer ${token}, Bearer ${token}`],
    ['a character beyond ASCII', (token: string) => `Bearer ${token}\u00e9`],
    ['more than 4 KiB', (token: string) => `Bearer ${token}${'A'.repeat(4096)}`],
  ])('[ID29] an Authorization with %s is AUTH_ERROR', async (_, spoil) => {
    const { accessToken } = await world().person('owner');
    const headers = { authorization: spoil(accessToken) };
    expectFailure(await world().http.get('/api/users/me', undefined, headers), 401, 'AUTH_ERROR');
  });

  it('[ID29] a token of more than 4 KiB is VALIDATION_ERROR in the handshake', async () => {
    const { accessToken } = await world().person('owner');
    const token = `${accessToken}${'A'.repeat(4096)}`;
    expect(await world().sockets.refusal({ token })).toMatchObject({ code: 'VALIDATION_ERROR' });
  });

  it('[ID30] the key set may be kept for 300 s, and is enough to verify a token', async () => {
    const answer = await world().http.get('/.well-known/jwks.json');
    expect(answer.headers.get('cache-control')).toMatch(/\bmax-age=300\b/);
    const { accessToken } = await world().person('owner');
    const { header } = parts(accessToken);
    if (header.alg === 'HS256') return expect(answer.body).toEqual({ keys: [] });
    const jwk = (await jwks()).find(({ kid }) => kid === header.kid);
    const key = createPublicKey({ key: { ...jwk } as JsonWebKey, format: 'jwk' });
    const [head, body, signature = ''] = accessToken.split('.');
    const how = header.alg === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' as const } : key;
    const hash = header.alg === 'ES256' ? 'sha256' : null;
    const bytes = Buffer.from(signature, 'base64url');
    expect(verify(hash, Buffer.from(`${head}.${body}`), how, bytes)).toBe(true);
    expect(verify(hash, Buffer.from(`${head}.${body}x`), how, bytes)).toBe(false);
  });

  it('[ID16] [DL28] a device has the rights of its one screen', async () => {
    const device = await world().device(await world().person('owner'));
    for (const [method, path] of [
      ['GET', '/api/users/me'],
      ['GET', '/api/screens'],
      ['DELETE', `/api/screens/${device.screenId}`],
      ['POST', `/api/screens/${device.screenId}/trigger`],
    ] as const) {
      const body = method === 'POST' ? { body: { action: 'show' } } : {};
      const answer = await world().http.call(method, path, { token: device.accessToken, ...body });
      expectFailure(answer, 403, 'FORBIDDEN');
    }
    const { socket } = await world().connectScreen(device);
    expectRefused(await send(socket, 'trigger', trigger(device.screenId)), 'FORBIDDEN');
    expectRefused(await send(socket, 'status', { ids: [trigger('x').id] }), 'FORBIDDEN');
  });
}
