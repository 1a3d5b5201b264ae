import { isIPv4, isIPv6 } from 'node:net';

/**
 * What an address counts as for limits: an IPv4 address itself, an IPv6 one by its /64, since whoever has one address
 * of a /64 has them all. IPv4 written as IPv6 (`::ffff:1.2.3.4`, in any spelling) is IPv4.
 */
export function addressKey(address: string): string {
  const [bare = ''] = address.split('%');
  if (isIPv4(bare)) return bare;
  if (!isIPv6(bare)) return 'unknown';
  const groups = ipv6Groups(bare);
  if (isMapped(groups)) return dotted(groups);
  const network = groups.slice(0, 4).map((group) => group.toString(16));
  return `${network.join(':')}::/64`;
}

function isMapped(groups: readonly number[]): boolean {
  return groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
}

function dotted(groups: readonly number[]): string {
  const [high = 0, low = 0] = groups.slice(6);
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** The eight 16-bit groups of a valid IPv6 address. */
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
