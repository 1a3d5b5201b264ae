export interface RefreshCookie {
  name: '__Host-bongsu_rt' | 'bongsu_rt';
  options: { httpOnly: true; secure: boolean; sameSite: 'strict'; path: '/' };
}

/** Over plain http a browser would drop a Secure cookie; only development may go without. */
export function refreshCookie(isHttps: boolean, production: boolean): RefreshCookie {
  const secure = isHttps || production;
  return {
    name: secure ? '__Host-bongsu_rt' : 'bongsu_rt',
    options: { httpOnly: true, secure, sameSite: 'strict', path: '/' },
  };
}

/**
 * The one cookie of that name, or undefined. Two of one name mean that a neighbour (another host of the domain, plain http) has
 * planted one before ours, and nobody can tell which is which: neither counts. Names are compared byte by byte, since
 * trimming more than blanks would let a name with an odd space in front pass for `__Host-`.
 */
export function onlyCookie(header: string | undefined, name: string): string | undefined {
  const values = (header ?? '').split(';').flatMap((pair) => {
    const at = pair.indexOf('=');
    const key = pair.slice(0, Math.max(0, at)).replace(/^[ \t]+|[ \t]+$/g, '');
    return key === name ? [pair.slice(at + 1).replace(/^[ \t]+|[ \t]+$/g, '')] : [];
  });
  return values.length === 1 ? values[0] : undefined;
}
