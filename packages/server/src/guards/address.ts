import { isIPv4, isIPv6 } from 'node:net';

/**
 * What an address counts as for limits: an IPv4 address itself, an IPv6 one by its /64, since whoever has one address
 * of a /64 has them all. IPv4 written as IPv6 (`::ffff:1.2.3.4`, in any spelling) is IPv4.
 * @param address undefined of a peer that has gone meanwhile, whatever Fastify's type of `request.ip` says
 */
export function addressKey(address: string | undefined): string {
  const ip = parseAddress(address);
  if (!ip) return 'unknown';
  return ip.v4 ?? `${network(ip.groups, 4)}::/64`;
}

/** An address coarse enough for records that outlive the request: IPv4 /24, IPv6 /48. */
export function addressPrefix(address: string): string | undefined {
  const ip = parseAddress(address);
  if (!ip) return undefined;
  return ip.v4 ? `${ip.v4.split('.').slice(0, 3).join('.')}.0/24` : `${network(ip.groups, 3)}::/48`;
}

/** The address itself, where a proxy has named its port too: `203.0.113.9:51234`, `[2001:db8::1]:443`; empty of a peer that has gone. */
export function withoutPort(address = ''): string {
  const [, v6, v4] = WITH_PORT.exec(address) ?? [];
  return v6 ?? v4 ?? address;
}

export function isReadable(address: string): boolean {
  return parseAddress(address) !== undefined;
}

const WITH_PORT = /^(?:\[([^\]]+)\](?::\d{1,5})?|([\d.]+):\d{1,5})$/;

interface Address {
  v4: string | undefined;
  /** Of an IPv6 address: eight of 16 bits. */
  groups: readonly number[];
}

function parseAddress(address: string | undefined): Address | undefined {
  const [bare = ''] = withoutPort(address).split('%');
  if (isIPv4(bare)) return { v4: bare, groups: [] };
  if (!isIPv6(bare)) return undefined;
  const groups = ipv6Groups(bare);
  return { v4: mappedIpv4(groups), groups };
}

function mappedIpv4(groups: readonly number[]): string | undefined {
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  const [high = 0, low = 0] = groups.slice(6);
  return mapped ? [high >> 8, high & 255, low >> 8, low & 255].join('.') : undefined;
}

/** The eight groups of a valid IPv6 address. */
function ipv6Groups(address: string): number[] {
  // The URL parser turns a dotted tail into hexadecimal groups and drops leading zeros.
  const canonical = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [head = '', tail] = canonical.split('::');
  if (tail === undefined) return parseGroups(head);
  const [start, end] = [parseGroups(head), parseGroups(tail)];
  return [...start, ...new Array<number>(8 - start.length - end.length).fill(0), ...end];
}

function parseGroups(part: string): number[] {
  return part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
}

function network(groups: readonly number[], count: number): string {
  return groups
    .slice(0, count)
    .map((group) => group.toString(16))
    .join(':');
}
