import type { IncomingMessage } from 'node:http';
import proxyAddr from '@fastify/proxy-addr';
import { isReadable, withoutPort } from '../guards/address.js';
import type { Log } from '../platform/log.js';

/** Whether the peer at `address`, `hop` steps away, may tell where a request came from. */
export type Trust = (address: string, hop: number) => boolean;

/**
 * TRUST_PROXY: false, true (every peer), a number of hops, or addresses and CIDR blocks. One function serves Fastify and
 * the sockets, so that a client has the same address on both.
 */
export function compileTrust(setting: boolean | number | string | readonly string[]): Trust {
  if (typeof setting === 'boolean') return () => setting;
  if (typeof setting === 'number') return (_address, hop) => hop < setting;
  const named = proxyAddr.compile(typeof setting === 'string' ? setting : [...setting]);
  return (address, hop) => named(withoutPort(address), hop);
}

export function clientAddress(request: IncomingMessage, trust: Trust): string {
  return withoutPort(proxyAddr(request, trust));
}

/**
 * Says, once, that a proxy names clients in a way that cannot be read: to every limit all of them are one then. What it wrote may be
 * personal and is not logged.
 */
export function unreadableAddressWarning(log: Pick<Log, 'warn'>): (address: string) => void {
  let told = false;
  return (address) => {
    // None at all: whoever asked is gone already.
    if (told || !address || isReadable(address)) return;
    told = true;
    log.warn({}, 'A client address cannot be read, see X-Forwarded-For: all such clients share their limits');
  };
}
