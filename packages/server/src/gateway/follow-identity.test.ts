import { AuthenticationError, BongsuError, type ClosingKey } from '@bongsu/protocol';
import type { Socket } from 'socket.io';
import { describe, expect, it } from 'vitest';
import { memoryLog } from '../../test/support/memory-log.js';
import type { Revoked, Standing } from '../identity/index.js';
import type { UserPrincipal } from '../platform/principal.js';
import { socketData } from './authenticate.js';
import { Connection } from './connection.js';
import { Connections } from './connections.js';
import { followIdentity } from './follow-identity.js';

const ADA: UserPrincipal = {
  kind: 'user',
  userId: 'u1',
  username: 'Ada',
  role: 'admin',
  sessionId: 's1',
  expiresAt: 1000,
  provenAt: 1,
};
const ORIGIN = { address: '192.0.2.7', userAgent: 'test' };

/** One node with a connection a principal, and what became of each of them. */
function node(standingOf: (principal: UserPrincipal) => Promise<Standing>, ...principals: UserPrincipal[]) {
  let change: (who: Revoked) => void = () => {};
  let revoke: (who: Revoked, closing: ClosingKey) => void = () => {};
  const watched: Connection[] = [];
  const connections = new Connections(10);
  const opened = principals.map((principal) => {
    const ends: string[] = [];
    const socket = {
      id: 'socket',
      connected: true,
      data: socketData(principal, ORIGIN, { window: 1 }),
      emit: (_event: string, { code }: { code: string }) => ends.push(code),
      disconnect: () => ends.push('disconnected'),
      conn: { close: () => ends.push('dropped') },
    };
    const connection = new Connection(socket as unknown as Socket, 0, (it) => watched.push(it));
    connections.add(connection);
    return { connection, ends };
  });
  followIdentity({
    identity: {
      onChanged: (listener) => {
        change = listener;
        return () => {};
      },
      onRevoked: (listener) => {
        revoke = listener;
        return () => {};
      },
      standingOf,
    },
    connections,
    log: memoryLog(),
  });
  return {
    opened,
    watched,
    change: (who: Revoked) => change(who),
    revoke: (who: Revoked) => revoke(who, 'TOKEN_REVOKED'),
  };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('followIdentity', () => {
  it('[ID25] renews each connection of a user in place, and nobody else’s', async () => {
    const others = { ...ADA, userId: 'u2', sessionId: 's3' };
    const standing = { role: 'user', username: 'Grace', provenAt: 7 } as const;
    const { opened, watched, change } = node(async () => standing, ADA, { ...ADA, sessionId: 's2' }, others);
    change({ userId: 'u1' });
    await settled();
    expect(opened.map(({ connection }) => connection.principal)).toEqual([
      { ...ADA, ...standing },
      { ...ADA, ...standing, sessionId: 's2' },
      others,
    ]);
    expect(opened.flatMap(({ ends }) => ends)).toEqual([]);
    expect(watched).toEqual([]);
  });

  it('[ID25] keeps the end of a token that came while it asked', async () => {
    let answer: (standing: Standing) => void = () => {};
    const asked = new Promise<Standing>((resolve) => {
      answer = resolve;
    });
    const { opened, watched, change } = node(() => asked, ADA);
    change({ sessionId: 's1' });
    opened[0]?.connection.replacePrincipal({ ...ADA, expiresAt: 2000 });
    answer({ role: 'user', username: 'Ada', provenAt: 1 });
    await settled();
    expect(opened[0]?.connection.principal).toEqual({ ...ADA, role: 'user', expiresAt: 2000 });
    expect(watched).toHaveLength(1);
  });

  it('[ID25] of two answers the later question’s counts, whichever comes last', async () => {
    const answers: ((standing: Standing) => void)[] = [];
    const { opened, change } = node(() => new Promise((resolve) => answers.push(resolve)), {
      ...ADA,
      role: 'user',
    });
    change({ userId: 'u1' });
    change({ userId: 'u1' });
    const [promoted, demoted] = answers;
    demoted?.({ role: 'user', username: 'Ada', provenAt: 1 });
    await settled();
    promoted?.({ role: 'admin', username: 'Ada', provenAt: 1 });
    await settled();
    expect(opened[0]?.connection.principal).toMatchObject({ role: 'user' });
  });

  it.each([
    [new AuthenticationError('TOKEN_REVOKED'), ['TOKEN_REVOKED', 'disconnected']],
    [new AuthenticationError('TOKEN_EXPIRED'), ['TOKEN_EXPIRED', 'disconnected']],
    [new BongsuError('UNAVAILABLE'), ['dropped']],
  ])('[ID25] lets go of whom it cannot ask about: %s', async (error, ends) => {
    const { opened, change } = node(() => Promise.reject(error), ADA);
    change({ userId: 'u1' });
    await settled();
    expect(opened[0]?.ends).toEqual(ends);
  });

  it('[ID26] closes what has ended', () => {
    const { opened, revoke } = node(() => Promise.reject(new Error('never asked')), ADA);
    revoke({ sessionId: 'another' });
    expect(opened[0]?.ends).toEqual([]);
    revoke({ sessionId: 's1' });
    expect(opened[0]?.ends).toEqual(['TOKEN_REVOKED', 'disconnected']);
  });
});
