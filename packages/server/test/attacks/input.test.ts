import { nextEvent, operations, trigger, World } from '@bongsu/conformance';
import { FRESHNESS_MS } from '@bongsu/protocol';
import { v4, v7 } from 'uuid';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import WebSocket from 'ws';
import { codeOf } from '../support/cookie-login.js';
import { request, sendRaw } from '../support/raw-http.js';
import { describeEachServer } from '../support/server.js';
import { SkewedClock } from '../support/skewed-clock.js';

const INJECTIONS = [
  "x' or '1'='1",
  "x'; drop table users; --",
  'x" or ""="',
  '$1',
  '{"$ne":null}',
  '../../users/me',
  '%00',
  '\\',
  '00000000-0000-4000-8000-000000000000" or true --',
];

describe('attacks by what is sent', () => {
  describeEachServer('input', (start) => {
    let world: World;
    let url: string;
    beforeAll(async () => {
      ({ url } = await start());
      world = new World({ url });
    });
    afterAll(() => world.sockets.closeAll());

    const account = (over: object) => ({
      email: `mallory-${v7()}@example.com`,
      password: 'correct horse battery',
      username: 'Mallory',
      ...over,
    });

    it('[AT73] a content type is written with tabs, blanks or capitals: the schema is applied all the same', async () => {
      const raw = JSON.stringify(account({ password: 'short', username: 'x' }));
      const read = [
        'application/json',
        'Application/JSON',
        'application/json ',
        'application/json;',
        'application/json ; charset=utf-8',
      ];
      const odd = [
        'application/json\t',
        '\tapplication/json',
        'application/json\t; charset=utf-8',
        'application/json; a="',
        'application/jsonp',
        'application/x+json',
        'application/json, text/html',
        'json',
      ];
      for (const type of [...read, ...odd]) {
        const lines = [
          'POST /api/auth/signup HTTP/1.1',
          'Host: x',
          `Content-Type: ${type}`,
          `Content-Length: ${raw.length}`,
        ];
        const { status, text } = await sendRaw(url, request(lines, raw));
        expect([status, text], JSON.stringify(type)).toEqual([
          400,
          expect.stringContaining('"VALIDATION_ERROR"'),
        ]);
        if (read.includes(type)) expect(text).toContain('"path":"password"');
      }
    });

    it('[AT81] a frame is too large, or promises attachments without end: that connection closes, and no other', async () => {
      const { accessToken: token } = await world.person('owner');
      const { socket: bystander } = await world.sockets.connect({ token });
      const floods: string[][] = [
        [`42["trigger",${JSON.stringify({ data: 'x'.repeat(300_000) })}]`],
        ['451000000-["trigger",{"_placeholder":true,"num":0}]'],
        ['4511-["trigger",{"_placeholder":true,"num":0}]'],
        ['451e9-["trigger",{"_placeholder":true,"num":0}]'],
        ['451-["trigger",{"_placeholder":true,"num":-1}]', 'binary'],
        ['451-["trigger",{"_placeholder":true,"num":7}]', 'binary'],
        ['42["trigger"'],
        ['4'.repeat(1000)],
      ];
      for (const frames of floods) {
        const name = frames[0]?.slice(0, 40);
        expect(await survives(token, frames), name).toBe(false);
      }
      expect(await bystander.timeout(10_000).emitWithAck('status', { ids: [v7()] })).toMatchObject({
        success: true,
      });
    });

    /** Whether a connection that sends these frames still answers a ping of its own after them. */
    async function survives(token: string, frames: readonly string[]): Promise<boolean> {
      const socket = new WebSocket(`${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
      return new Promise((resolve, reject) => {
        socket.on('error', reject);
        socket.on('close', () => resolve(false));
        socket.on('message', (data) => {
          const text = String(data);
          if (text.startsWith('0')) socket.send(`40${JSON.stringify({ token })}`);
          if (text.startsWith('42["ready"')) {
            for (const frame of frames) socket.send(frame === 'binary' ? Buffer.alloc(8) : frame);
            socket.send('427["status",{"ids":[]}]');
          }
          if (!text.startsWith('437')) return;
          resolve(true);
          socket.terminate();
        });
      });
    }

    it('[AT83] __proto__ and constructor keys come in bodies, headers and events: nothing is polluted, nobody raised', async () => {
      const poison = { role: 'admin', isAdmin: true, polluted: true, access: 'public' };
      const raw = (body: object) =>
        `{"__proto__":${JSON.stringify(poison)},"constructor":{"prototype":${JSON.stringify(poison)}},${JSON.stringify(body).slice(1)}`;
      const signedUp = await world.http.call('POST', '/api/auth/signup', { raw: raw(account({})) });
      expect(signedUp.body).toMatchObject({ user: { role: 'user' } });
      const { accessToken: token } = signedUp.body as { accessToken: string };
      const renamed = await world.http.call('PATCH', '/api/users/me', {
        token,
        raw: raw({ username: 'Eve' }),
      });
      expect(renamed.body).toMatchObject({ username: 'Eve', role: 'user' });
      const { screenId } = await world.createScreen(await world.person('owner'));
      const { socket } = await world.sockets.connect({ token });
      const sent = JSON.parse(raw(trigger(screenId))) as object;
      expect(await socket.timeout(10_000).emitWithAck('trigger', sent)).toMatchObject({
        error: { code: 'SCREEN_NOT_FOUND' },
      });
      expect(await socket.timeout(10_000).emitWithAck('__proto__', {})).toMatchObject({
        error: { code: 'NOT_FOUND' },
      });
      expect(await socket.timeout(10_000).emitWithAck('constructor', {})).toMatchObject({
        error: { code: 'NOT_FOUND' },
      });
      expect(codeOf(await world.http.get('/api/users?__proto__[role]=admin', token))).not.toMatch(/^200/);
      // The server runs in this process: what it had merged would show here.
      expect(({} as Record<string, unknown>).polluted).toBeUndefined();
      expect(codeOf(await world.http.get('/api/screens?all=true', token))).toBe('403 FORBIDDEN');
    });

    it('[AT84] parameters come twice, with SQL in them, or as a cursor made up or of somebody else: refused, and nothing foreign is shown', async () => {
      const [owner, stranger] = [await world.person('owner'), await world.person('stranger')];
      await Promise.all([world.createScreen(owner), world.createScreen(owner)]);
      const mine = await world.createScreen(stranger);
      const token = stranger.accessToken;
      const ask = async (query: string) => codeOf(await world.http.get(`/api/screens?${query}`, token));
      for (const query of ['limit=1&limit=200', 'cursor=a&cursor=b', 'limit[]=1', 'limit[$gt]=1'])
        expect(await ask(query), query).toMatch(/^(400 VALIDATION_ERROR|200 ok)$/);
      expect(await ask('limit=1&limit=200')).toBe('400 VALIDATION_ERROR');
      for (const injected of INJECTIONS) {
        const id = encodeURIComponent(injected);
        for (const cursor of [
          id,
          Buffer.from(`1:${injected}`).toString('base64url'),
          Buffer.from(injected).toString('base64url'),
        ])
          expect(await ask(`cursor=${cursor}`), injected).toBe('400 VALIDATION_ERROR');
        expect(codeOf(await world.http.get(`/api/screens/${id}`, token)), injected).toMatch(/^(404|400) /);
      }
      const foreign = (await world.http.get('/api/screens?limit=1', owner.accessToken)).body as {
        nextCursor: string;
      };
      const page = await world.http.get(`/api/screens?cursor=${foreign.nextCursor}`, token);
      const shown = (page.body as { items: { screenId: string }[] }).items.map(({ screenId }) => screenId);
      expect(shown.filter((id) => id !== mine.screenId)).toEqual([]);
    });

    it('[AT84] every id of every route takes SQL and odd bytes as the name of nothing', async () => {
      const { accessToken: token } = await world.signUp();
      const document = (await world.http.get('/api/openapi.json')).body;
      const withIds = operations(document).filter(({ template }) => template.includes('{'));
      expect(withIds.length).toBeGreaterThan(10);
      for (const { method, template } of withIds) {
        for (const injected of INJECTIONS) {
          const path = template.replace(/\{[^}]+\}/g, encodeURIComponent(injected));
          const call = method === 'GET' ? { token } : { token, body: {} };
          const answer = await world.http.call(method, path, call);
          expect(codeOf(answer), `${method} ${path} ${answer.text}`).toMatch(
            /^(400 VALIDATION_ERROR|401 |403 |404 )/,
          );
        }
      }
      expect(codeOf(await world.http.get('/api/users/me', token))).toBe('200 ok');
    });

    it('[AT85] a body is larger than any call needs, by its length, in chunks or unpacked: PAYLOAD_TOO_LARGE, and the server goes on', async () => {
      const big = JSON.stringify({ padding: 'x'.repeat(70_000) });
      const document = (await world.http.get('/api/openapi.json')).body;
      const posts = operations(document).filter(
        ({ method, path }) => method === 'POST' && path.startsWith('/api/auth/'),
      );
      const { accessToken: token } = await world.signUp();
      for (const { path } of posts) {
        const answer = await world.http.call('POST', path, { raw: big, token });
        expect([413, 403], `${path} ${answer.text}`).toContain(answer.status);
      }
      const lines = ['POST /api/auth/login HTTP/1.1', 'Host: x', 'Content-Type: application/json'];
      const chunked = `${big.length.toString(16)}\r\n${big}\r\n0\r\n\r\n`;
      expect((await sendRaw(url, request([...lines, 'Transfer-Encoding: chunked'], chunked))).status).toBe(
        413,
      );
      expect((await sendRaw(url, request([...lines, 'Content-Length: 99999999999'], '{}'))).status).toBe(413);
      // Nothing is unpacked: a packed body is no JSON.
      const packed = request(
        [...lines, 'Content-Encoding: gzip', 'Content-Length: 4'],
        '\u001f\u008b\u0008\u0000',
      );
      expect((await sendRaw(url, packed)).status).toBe(400);
      const deep = `${'['.repeat(30_000)}${']'.repeat(30_000)}`;
      expect(codeOf(await world.http.call('POST', '/api/auth/login', { raw: deep }))).toBe(
        '400 VALIDATION_ERROR',
      );
      expect((await world.http.get('/api/health/live')).status).toBe(200);
    });

    it('[AT81] a polling client posts more than a frame may hold: refused, and the server goes on', async () => {
      const opened = await world.http.get('/socket.io/?EIO=4&transport=polling');
      const { sid } = JSON.parse(opened.text.slice(1)) as { sid: string };
      const raw = `4${'x'.repeat(300_000)}`;
      const posted = await world.http
        .call('POST', `/socket.io/?EIO=4&transport=polling&sid=${sid}`, {
          raw,
          headers: { 'content-type': 'text/plain' },
        })
        .then(({ status }) => status)
        .catch(() => 413);
      expect(posted).toBe(413);
      const { socket } = await world.sockets.connect({ token: (await world.person('owner')).accessToken });
      const gone = nextEvent(socket, 'disconnect');
      socket.disconnect();
      await gone;
    });
  });

  describeEachServer('replays', (start) => {
    it('[AT94] a command dated as late as may be is sent again under another id, with its nonce, at the end of its freshness', async () => {
      const clock = new SkewedClock();
      const { url } = await start({ overrides: { clock } });
      const world = new World({ url });
      const owner = await world.signUp();
      const { screenId } = await world.createScreen(owner);
      const MARGIN_MS = 30_000;
      const timestamp = Date.now() + FRESHNESS_MS - MARGIN_MS;
      const captured = { action: 'show', nonce: v4(), timestamp };
      const send = async () =>
        codeOf(await world.http.post(`/api/screens/${screenId}/trigger`, captured, owner.accessToken));
      expect(await send()).toBe('202 ok');
      clock.skewMs = 2 * (FRESHNESS_MS - MARGIN_MS);
      expect(await send()).toBe('409 REPLAY_DETECTED');
    });
  });
});
