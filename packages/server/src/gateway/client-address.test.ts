import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { clientAddress, compileTrust } from './client-address.js';

function request(peer: string, forwardedFor?: string): IncomingMessage {
  return {
    socket: { remoteAddress: peer },
    headers: forwardedFor ? { 'x-forwarded-for': forwardedFor } : {},
  } as IncomingMessage;
}

describe('clientAddress', () => {
  it.each([
    [false, '9.9.9.9', '1.2.3.4', '9.9.9.9'],
    [true, '9.9.9.9', '1.2.3.4, 5.6.7.8', '1.2.3.4'],
    [1, '9.9.9.9', '1.2.3.4, 5.6.7.8', '5.6.7.8'],
    ['10.0.0.0/8', '10.1.1.1', '1.2.3.4, 5.6.7.8', '5.6.7.8'],
    ['10.0.0.0/8', '9.9.9.9', '1.2.3.4', '9.9.9.9'],
  ])('[USR5] TRUST_PROXY=%s, peer %s, forwarded for %s: %s', (trust, peer, forwardedFor, expected) => {
    expect(clientAddress(request(peer, forwardedFor), compileTrust(trust))).toBe(expected);
  });
});
