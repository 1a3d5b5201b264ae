import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { memoryLog } from '../../test/support/memory-log.js';
import { clientAddress, compileTrust, unreadableAddressWarning } from './client-address.js';

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
    [1, '9.9.9.9', '1.2.3.4:51234', '1.2.3.4'],
    [1, '9.9.9.9', '[2001:db8::1]:51234', '2001:db8::1'],
    ['10.0.0.0/8', '10.1.1.1', '1.2.3.4:9, 10.2.2.2:8', '1.2.3.4'],
  ])('[USR5] TRUST_PROXY=%s, peer %s, forwarded for %s: %s', (trust, peer, forwardedFor, expected) => {
    expect(clientAddress(request(peer, forwardedFor), compileTrust(trust))).toBe(expected);
  });

  it('[USR5] an address that cannot be read is told of once, without what it says', () => {
    const log = memoryLog();
    const tell = unreadableAddressWarning(log);
    for (const address of ['203.0.113.9', '203.0.113.9:80', '::1', '']) tell(address);
    expect(log.lines).toEqual([]);
    for (const address of ['unix:secret', 'somebody']) tell(address);
    expect(log.lines).toHaveLength(1);
    expect(JSON.stringify(log.lines)).not.toMatch(/secret|somebody/);
  });
});
