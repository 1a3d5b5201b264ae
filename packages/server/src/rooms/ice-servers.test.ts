import { createHmac } from 'node:crypto';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { routeApp } from '../../test/support/route-app.js';
import { redact } from '../platform/log-redaction.js';
import type { Principal, UserPrincipal } from '../platform/principal.js';
import { iceRoutes } from './ice-routes.js';
import { CREDENTIAL_MS, IceServerList } from './ice-servers.js';

/** Far from the clock of this machine, so that only the database's can have been asked; between two seconds. */
const NOW = 1_600_000_000_001;
const SECRET = 'a-static-auth-secret-of-the-tests-1';
const STUN = ['stun:t.example', 'stuns:t.example:443'];
const TURN = ['turn:t.example', 'turns:t.example?transport=tcp'];
const USER: UserPrincipal = {
  kind: 'user',
  userId: '018f0000-0000-7000-8000-000000000001',
  username: 'Ada',
  role: 'user',
  sessionId: 'login',
  expiresAt: NOW,
  provenAt: NOW,
};
const SCREEN: Principal = { kind: 'screen', screenId: 'scr_1', sessionId: 'login', expiresAt: NOW };

const listOf = (urls: string[], secret: string | undefined = SECRET) =>
  new IceServerList({ urls, secret }, () => NOW);

describe('the list of ICE servers', () => {
  it('[BEY4] [RM135] credentials are of the user and of the hour, and outlast what is told by five minutes', () => {
    const { iceServers, expiresAt } = listOf([...TURN, ...STUN]).issue(USER.userId);
    expect(expiresAt).toBe(NOW + CREDENTIAL_MS);
    const username = `${1_600_000_000 + 3600 + 300 + 1}:${USER.userId}`;
    const credential = createHmac('sha1', SECRET).update(username).digest('base64');
    expect(iceServers).toEqual([{ urls: STUN }, { urls: TURN, username, credential }]);
  });

  it('[BEY4] [RM135] STUN alone, and nothing at all, need no credentials and never end', () => {
    expect(listOf(STUN).issue('ada')).toEqual({ iceServers: [{ urls: STUN }], expiresAt: null });
    expect(listOf(STUN, undefined).issue('ada')).toEqual({ iceServers: [{ urls: STUN }], expiresAt: null });
    expect(new IceServerList(undefined, () => NOW).issue('ada')).toEqual({ iceServers: [], expiresAt: null });
  });

  it('[BEY4] [RM141] neither secret nor credentials get into a log', () => {
    const list = listOf(TURN);
    const answer = list.issue(USER.userId);
    const credential = answer.iceServers[0]?.credential ?? '';
    expect(JSON.stringify(answer)).toContain(credential);
    const logged = [
      { answer },
      { ack: { success: true, ...answer } },
      answer.iceServers,
      list,
      { config: { turn: { urls: TURN, secret: SECRET } } },
    ].map((context) => JSON.stringify(redact(context)));
    const text = [...logged, inspect(list, { depth: 9, showHidden: true })].join('\n');
    expect(text).toContain('t.example');
    expect(text).not.toContain(credential);
    expect(text).not.toContain(SECRET);
  });
});

describe('GET /ice-servers', () => {
  const touched: [string, string][] = [];
  let principal: Principal = USER;
  const start = () =>
    routeApp(
      iceRoutes({
        iceServers: listOf(TURN),
        touch: async (user, roomId) => {
          touched.push([user.userId, roomId]);
        },
      }),
      () => principal,
    );
  afterEach(() => {
    touched.splice(0);
    principal = USER;
  });

  it('[BEY4] [RM135] answers the credentials of the caller, which nobody may keep', async () => {
    const app = await start();
    const { status, body, headers } = await app.call('GET', '/ice-servers');
    expect({ status, body }).toEqual({ status: 200, body: listOf(TURN).issue(USER.userId) });
    expect(headers['cache-control']).toBe('no-store');
    expect(touched).toEqual([]);
    await app.close();
  });

  it('[BEY4] [RM140] tells that the room of the call is not idle', async () => {
    const app = await start();
    expect((await app.call('GET', '/ice-servers?roomId=stand-up')).status).toBe(200);
    expect(touched).toEqual([[USER.userId, 'stand-up']]);
    await app.close();
  });

  it.each(['ab', 'a'.repeat(101), '%3Cscript%3E', 'a%20room', '__proto__%00'])(
    '[BEY4] [RM140] refuses the room id %s',
    async (roomId) => {
      const app = await start();
      const { status, body } = await app.call('GET', `/ice-servers?roomId=${roomId}`);
      expect({ status, code: body.code }).toEqual({ status: 400, code: 'VALIDATION_ERROR' });
      expect(touched).toEqual([]);
      await app.close();
    },
  );

  it('[SEC4] [RM135] is nothing for screens', async () => {
    principal = SCREEN;
    const app = await start();
    expect(await app.call('GET', '/ice-servers')).toMatchObject({ status: 403, body: { code: 'FORBIDDEN' } });
    await app.close();
  });
});
