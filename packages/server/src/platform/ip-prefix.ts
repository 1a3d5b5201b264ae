import { isIP } from 'node:net';

/**
 * The network of an address, /24 of IPv4 and /48 of IPv6: enough to tell places apart, too little to name a person.
 * An IPv4 address written as IPv6 counts as IPv4; a prefix stays as it is; anything else is undefined.
 */
export function ipPrefix(address: string): string | undefined {
  const bare = address
    .replace(/%.*$/, '')
    .replace(/\/\d+$/, '')
    .replace(/^::ffff:(?=\d+\.)/i, '');
  switch (isIP(bare)) {
    case 4:
      return `${bare.split('.').slice(0, 3).join('.')}.0/24`;
    case 6:
      return `${expand(bare).slice(0, 3).join(':')}::/48`;
    default:
      return undefined;
  }
}

/** The first groups of an IPv6 address, without leading zeros. */
function expand(address: string): string[] {
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail ? tail.split(':') : [];
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  return [...left, ...Array<string>(Math.max(0, zeros)).fill('0'), ...right].map((group) =>
    group.toLowerCase().replace(/^0+(?=.)/, ''),
  );
}
