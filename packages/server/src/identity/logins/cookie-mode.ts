import { BongsuError } from '@bongsu/protocol';

/** A page asks for cookie mode with this header; a form of another site cannot send it. */
export const COOKIE_MODE_HEADER = 'x-bongsu-cookies';

/** The facts of a request that decide whether its cookie may be believed. */
export interface CookieRequest {
  secFetchSite: string | undefined;
  origin: string | undefined;
  /** Host and port as asked for, by a trusted proxy if there is one. */
  host: string;
}

/**
 * Browsers say where a request comes from, and pages cannot forge it: it must be this site, or an origin on the list.
 * A caller that says nothing at all is no browser of ours. @throws CSRF_ERROR
 */
export function assertOwnSite(request: CookieRequest, allowedOrigins: readonly string[]): void {
  const { secFetchSite, origin, host } = request;
  if (secFetchSite === 'same-origin' || secFetchSite === 'none') return;
  if (origin !== undefined && allowedOrigins.includes(origin)) return;
  if (secFetchSite === undefined && origin !== undefined && hostOf(origin) === host) return;
  throw new BongsuError('CSRF_ERROR');
}

function hostOf(origin: string): string | undefined {
  try {
    return new URL(origin).host;
  } catch {
    return undefined;
  }
}

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
