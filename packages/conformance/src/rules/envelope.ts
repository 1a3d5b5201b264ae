import { ERRORS, type ErrorCode } from '@bongsu/protocol';
import { v4, v7 } from 'uuid';
import { expect, it } from 'vitest';
import { comparable, expectFailure } from '../support/http.js';
import { expectAccepted, expectRefused, send } from '../support/sockets.js';
import { type GetWorld, trigger } from '../support/world.js';

/** Text that only the inside of a server knows. */
const INTERNAL =
  /\bat .+\.[jt]s:\d|node_modules|SELECT |INSERT |ECONN|syntax error|zod|pglite|\/(home|work|usr)\//i;

export function envelopeRules(world: GetWorld): void {
  const owner = () => world().person('owner');

  it('[ER1] a failure over HTTP has the shape and the status of the catalogue', async () => {
    const { accessToken } = await owner();
    const answers = [
      await world().http.get('/api/screens/no-such-screen', accessToken),
      await world().http.get('/api/users/me'),
      await world().http.post('/api/screens', {}, accessToken),
      await world().http.get('/api/no-such-route', accessToken),
    ];
    for (const answer of answers) {
      const { requestId } = answer.body as { requestId?: unknown };
      expect(requestId, answer.text).toEqual(expect.any(String));
      const { error } = answer.body as { error: { code: ErrorCode; message: string; retryable: boolean } };
      const { status, message, retryable } = ERRORS[error.code];
      expect({ status: answer.status, message: error.message, retryable: error.retryable }).toEqual({
        status,
        message,
        retryable,
      });
    }
  });

  it('[ER2] a failure in an ack has the same error object', async () => {
    const socket = await world().controller(await owner());
    const error = expectRefused(await send(socket, 'trigger', trigger('no-such-screen')), 'SCREEN_NOT_FOUND');
    expect(error).toMatchObject({ message: ERRORS.SCREEN_NOT_FOUND.message, retryable: false });
  });

  it('[ER3] every fault is listed, over HTTP and in an ack', async () => {
    const { accessToken } = await owner();
    const bad = { action: 'not allowed!', displayIndex: 99, ttlMs: -1 };
    const paths = ['action', 'displayIndex', 'ttlMs'];
    const byHttp = await world().http.post('/api/screens/x/trigger', bad, accessToken);
    const socket = await world().controller(await owner());
    const byAck = await send(socket, 'trigger', trigger('x', bad));
    for (const { details } of [
      expectFailure(byHttp, 400, 'VALIDATION_ERROR'),
      expectRefused(byAck, 'VALIDATION_ERROR'),
    ]) {
      expect((details as { path: string }[]).map(({ path }) => path).sort()).toEqual(paths);
    }
  });

  it('[ER4] unknown keys are ignored', async () => {
    const { screenId } = await world().createScreen(await owner());
    const socket = await world().controller(await owner());
    const command = trigger(screenId, { unknown: true, seq: 900, senderId: v4() });
    expect(expectAccepted(await send(socket, 'trigger', command)).seq).toBe(1);
    const { accessToken } = await owner();
    const answer = await world().http.post(
      '/api/screens',
      { name: 'Bar', owner: 'me', online: true },
      accessToken,
    );
    expect(answer.status, answer.text).toBe(201);
    expect(answer.body).toMatchObject({ screen: { online: false } });
  });

  it('[ER12] unknown routes and methods are NOT_FOUND as JSON', async () => {
    const { accessToken } = await owner();
    for (const [method, path] of [
      ['GET', '/api/nothing'],
      ['POST', '/api/nothing/at/all'],
      ['PATCH', '/api/auth/login'],
      ['DELETE', '/api/health'],
      ['GET', '/api/'],
    ] as const) {
      const answer = await world().http.call(method, path, { token: accessToken });
      expectFailure(answer, 404, 'NOT_FOUND');
      expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    }
  });

  it.each([
    ['broken JSON', '{"name":'],
    ['a lone word', 'hello'],
    ['nothing where a body is needed', ''],
    ['an empty list', '[]'],
    ['null', 'null'],
    ['a number', '7'],
  ])('[ER13] [ER8] a body that is %s is VALIDATION_ERROR', async (_, raw) => {
    const call = { token: (await owner()).accessToken, raw };
    expectFailure(await world().http.call('POST', '/api/screens', call), 400, 'VALIDATION_ERROR');
  });

  it('[ER13] another content type is VALIDATION_ERROR', async () => {
    const answer = await world().http.call('POST', '/api/screens', {
      token: (await owner()).accessToken,
      raw: '<name>Bar</name>',
      headers: { 'content-type': 'text/xml' },
    });
    expectFailure(answer, 400, 'VALIDATION_ERROR');
  });

  it('[ER13] a body over 64 KiB is PAYLOAD_TOO_LARGE', async () => {
    const body = { name: 'x'.repeat(70_000) };
    const answer = await world().http.post('/api/screens', body, (await owner()).accessToken);
    expectFailure(answer, 413, 'PAYLOAD_TOO_LARGE');
  });

  it.each([
    ['__proto__', '{"name":"Bar","__proto__":{"admin":true}}'],
    ['constructor', '{"name":"Bar","constructor":{"prototype":{"admin":true}}}'],
  ])('[ER15] a body with a %s key is as one without it', async (_, raw) => {
    const call = { token: (await owner()).accessToken, raw };
    const answer = await world().http.call('POST', '/api/screens', call);
    expect(answer.status, answer.text).toBe(201);
    expect(answer.body).toMatchObject({ screen: { name: 'Bar' } });
  });

  it('[ER14] hostile paths and headers get no internal text', async () => {
    const { accessToken } = await owner();
    const paths = [
      '/api/screens/%00',
      '/api/screens/%ED%A0%80',
      '/api/screens/%',
      `/api/screens/${'x'.repeat(3000)}`,
      "/api/screens/x'%20OR%201=1--",
      '/api/screens/..%2F..%2Fetc%2Fpasswd',
      '/api/screens?limit=9e99',
      '/api/screens?cursor=%00',
      '/api/screens?cursor=bm90IGEgY3Vyc29y',
      `/api/commands/${v7()}?senderId=%00`,
    ];
    for (const path of paths) {
      // A proxy refuses some of them by itself.
      const answer = await world().neighbour.get(path, accessToken);
      expect(answer.status, `${path} ${answer.text}`).toBeGreaterThanOrEqual(400);
      expect(answer.status, `${path} ${answer.text}`).toBeLessThan(500);
      expect(comparable(answer)).toMatchObject({ success: false });
      expect(answer.text).not.toMatch(INTERNAL);
    }
  });
}
