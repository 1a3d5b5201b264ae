import { ClientTokenManager } from '@bongsu/client';
import { type Api, createApi } from './api.js';
import { Live } from './live.js';
import { Session } from './session.js';

/** What the pages call. */
export interface Services {
  session: Session;
  api: Api;
  live: Live;
}

export function createServices(): Services {
  const tokens = new ClientTokenManager({ url: location.origin, cookies: true });
  return { session: new Session(tokens), api: createApi(tokens), live: new Live(tokens) };
}
