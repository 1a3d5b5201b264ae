import { useEffect, useState } from 'react';

/**
 * The one-time token of a link that was mailed or printed, `/page#token=…`: in the fragment, which no server or proxy
 * log ever sees. It leaves the address bar and the history at once, before anybody looks over a shoulder.
 */
export function useFragmentToken(): string | null {
  const [token] = useState(() => new URLSearchParams(location.hash.slice(1)).get('token'));
  useEffect(() => {
    if (token) history.replaceState(history.state, '', location.pathname);
  }, [token]);
  return token;
}
