import { AuthenticationError, BongsuError, RateLimitError } from '@bongsu/protocol';
import type { Socket } from 'socket.io';
import { describe, expect, it, vi } from 'vitest';
import { memoryLog } from '../../test/support/memory-log.js';
import type { Identity } from '../identity/index.js';
import type { Principal } from '../platform/principal.js';
import { authMiddleware, bearerToken } from './authenticate.js';
import { Connection } from './connection.js';

const ADA: Principal = {
  kind: 'user',
  userId: 'u1',
  username: 'Ada',
  role: 'user',
  sessionId: 's1',
  expiresAt: 1000,
  provenAt: 0,
};
const LOBBY: Principal = { kind: 'screen', screenId: 'scr_1', sessionId: 's2', expiresAt: 1000 };
const ORIGIN = { address: '192.0.2.7', userAgent: 'test' };

type Authenticate = Identity['authenticate'];

/** One handshake: what reached `next`, whether the transport was ended, and what counts as a failed attempt. */
async function shake(auth: unknown, authenticate: Authenticate, isBlocked = false) {
  const outcome = {
    error: undefined as unknown,
    let_in: false,
    ended: false,
    failures: [] as string[],
    paced: 0,
  };
  const socket = {
    id: 'socket',
    data: {},
    handshake: { auth },
    conn: {
      close: () => {
        outcome.ended = true;
      },
    },
  };
  const middleware = authMiddleware({
    identity: { authenticate },
    limits: {
      paceLookUps: async () => {
        outcome.paced += 1;
      },
      isBlocked: async () => isBlocked,
      recordFailure: async (ip) => void outcome.failures.push(ip),
    },
    checkConnections: () => {},
    originOf: () => ORIGIN,
    log: memoryLog(),
  });
  await middleware(socket as unknown as Socket, (error) => {
    outcome.error = error?.data;
    outcome.let_in = error === undefined;
  });
  return { ...outcome, socket };
}

describe('authMiddleware', () => {
  it('[TOK2] [TOK5] [SIG1] leaves who it is in socket.data: by its parts and as the principal of every event', async () => {
    const user = await shake({ token: 't' }, async () => ADA);
    expect(user.let_in).toBe(true);
    expect(user.socket.data).toMatchObject({
      userId: 'u1',
      username: 'Ada',
      role: 'user',
      sessionId: 's1',
      principal: ADA,
      origin: ORIGIN,
    });
    const screen = await shake({ token: 't' }, async () => LOBBY);
    expect(screen.socket.data).toMatchObject({ screenId: 'scr_1', sessionId: 's2', principal: LOBBY });
    expect(screen.socket.data).not.toHaveProperty('userId');
  });

  it('[PRF3] [SEC6] look-ups for an address that used its failures up are paced, and a good key passes', async () => {
    let lookUps = 0;
    const lookUp: Authenticate = async (_token, beforeLookUp) => {
      await beforeLookUp?.();
      lookUps += 1;
      return ADA;
    };
    expect(await shake({ token: 't' }, lookUp, true)).toMatchObject({ let_in: true, paced: 1 });
    expect(await shake({ token: 't' }, lookUp)).toMatchObject({ let_in: true, paced: 0 });
    expect(lookUps).toBe(2);
  });

  it('[TOK2] keeps no token in socket.data', async () => {
    const { socket } = await shake({ token: 'very-secret' }, async () => ADA);
    expect(JSON.stringify(socket.data)).not.toContain('very-secret');
  });

  it('[TOK2] [SIG1] a newer token of the login renews all of it', async () => {
    const { socket } = await shake({ token: 't' }, async () => ADA);
    const connection = new Connection(socket as unknown as Socket, 0, () => {});
    connection.replacePrincipal({ ...ADA, username: 'Ada L.', role: 'admin', expiresAt: 2000 });
    expect(socket.data).toMatchObject({
      username: 'Ada L.',
      role: 'admin',
      principal: { role: 'admin', expiresAt: 2000 },
      origin: ORIGIN,
    });
  });

  it.each([undefined, null, {}, { token: 7 }, { token: ['x'] }, { token: '' }, 'token', ['token']])(
    '[TOK5] [SK2] the auth %j is refused for good with a code, before any look-up',
    async (auth) => {
      const refused = await shake(auth, () => expect.unreachable('it was looked up'));
      expect(refused.error).toMatchObject({ code: expect.stringMatching(/^(AUTH|VALIDATION)_ERROR$/) });
      expect(refused).toMatchObject({ let_in: false, ended: false, failures: ['192.0.2.7'] });
    },
  );

  it.each([
    ['AUTH_ERROR', 1],
    ['TOKEN_EXPIRED', 0],
    ['TOKEN_REVOKED', 0],
  ] as const)(
    '[SIG1] [SIG6] %s is answered by connect_error and counts as %i failures',
    async (code, failures) => {
      const fail = async () => Promise.reject(new AuthenticationError(code));
      const refused = await shake({ token: 't' }, fail);
      expect(refused).toMatchObject({ error: { code, retryable: false }, ended: false });
      expect(refused.failures).toHaveLength(failures);
      // Past the limit an expired token still hears that it is expired: 200 kiosks behind one address come back.
      expect((await shake({ token: 't' }, fail, true)).ended).toBe(failures === 1);
    },
  );

  it.each([new BongsuError('UNAVAILABLE'), new RateLimitError(1000), new TypeError('a fault of ours')])(
    '[SK1] what another try may mend ends the transport, without connect_error: %s',
    async (error) => {
      const refused = await shake({ token: 't' }, async () => Promise.reject(error));
      expect(refused).toMatchObject({ ended: true, let_in: false, error: undefined, failures: [] });
    },
  );
});

describe('authMiddleware, of which Socket.IO does not hear when it fails', () => {
  const fault = () => {
    throw new TypeError('a fault of ours');
  };
  const good = {
    identity: { authenticate: async () => ADA },
    limits: { paceLookUps: async () => {}, isBlocked: async () => false, recordFailure: async () => {} },
    checkConnections: () => {},
    originOf: () => ORIGIN,
    log: memoryLog(),
  };

  it.each([
    ['the address cannot be read', { originOf: fault }, 'token'],
    ['failures cannot be counted', { limits: { ...good.limits, isBlocked: async () => fault() } }, ''],
  ])('[STB1] when %s the transport ends, and nothing is thrown', async (_, broken, token) => {
    const close = vi.fn();
    const next = vi.fn();
    const socket = { id: 'socket', data: {}, handshake: { auth: { token } }, conn: { close } };
    await authMiddleware({ ...good, ...broken })(socket as unknown as Socket, next);
    expect(close).toHaveBeenCalledOnce();
    expect(next).not.toHaveBeenCalled();
  });
});

describe('bearerToken', () => {
  it('[SIG1] takes one token of the scheme Bearer and nothing else', () => {
    expect(bearerToken('Bearer abc.def')).toBe('abc.def');
    expect(bearerToken(undefined)).toBeUndefined();
    for (const header of [
      '',
      'Bearer',
      'Bearer ',
      'Basic abc',
      'Bearer a b',
      'abc',
      `Bearer ${'x'.repeat(4097)}`,
    ])
      expect(() => bearerToken(header), header).toThrow(AuthenticationError);
  });
});
