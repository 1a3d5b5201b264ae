import type { ClosingKey } from '@bongsu/protocol';
import { expect, it } from 'vitest';
import type { Principal } from '../platform/principal.js';
import type { Connection } from './connection.js';
import { Connections } from './connections.js';

it('[TOK1] [SIG1] closeTokens ends people and screens, and leaves those that came with an API key', () => {
  const connections = new Connections(10);
  const closed: [who: string, closing: ClosingKey][] = [];
  const add = (sessionId: string, over: object) => {
    const principal = { kind: 'user', userId: 'u', sessionId, ...over } as unknown as Principal;
    const close = (closing: ClosingKey) => closed.push([sessionId, closing]);
    connections.add({ socketId: sessionId, principal, close } as unknown as Connection);
  };
  add('login', {});
  add('device', { kind: 'screen', screenId: 'scr_1' });
  add('key:1', { apiKey: { id: '1', scopes: [] } });
  connections.closeTokens('TOKEN_EXPIRED');
  expect(closed).toEqual([
    ['login', 'TOKEN_EXPIRED'],
    ['device', 'TOKEN_EXPIRED'],
  ]);
});
