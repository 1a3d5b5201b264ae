import type { IncomingMessage } from 'node:http';
import proxyAddr from '@fastify/proxy-addr';

/** Whether the peer at `address`, `hop` steps away, may tell where a request came from. */
export type Trust = (address: string, hop: number) => boolean;

/**
 * TRUST_PROXY: false, true (every peer), a number of hops, or addresses and CIDR blocks. One function serves Fastify and
 * the sockets, so that a client has the same address on both.
 */
export function compileTrust(setting: boolean | number | string | readonly string[]): Trust {
  if (typeof setting === 'boolean') return () => setting;
  if (typeof setting === 'number') return (_address, hop) => hop < setting;
  return proxyAddr.compile(typeof setting === 'string' ? setting : [...setting]);
}

export function clientAddress(request: IncomingMessage, trust: Trust): string {
  return proxyAddr(request, trust);
}
