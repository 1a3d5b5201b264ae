import { type HttpAnswer, operations, type World } from '@bongsu/conformance';

/** Of a browser on a page of the server itself. */
export const OWN = { 'x-bongsu-cookies': '1', 'sec-fetch-site': 'same-origin' };

export interface CookieLogin {
  /** As the header sends it. */
  cookie: string;
  accessToken: string;
  email: string;
  password: string;
}

/** A person signed in by a browser, whose refresh token is in a cookie. */
export async function cookieLogin(world: World): Promise<CookieLogin> {
  const { email, password } = await world.person('traveller');
  const answer = await world.http.post('/api/auth/login', { email, password }, undefined, OWN);
  // There may be others beside it.
  const set = answer.headers.getSetCookie().find((value) => /^(__Host-)?bongsu_rt=/.test(value));
  const cookie = set?.split(';')[0] ?? '';
  const { accessToken } = answer.body as { accessToken: string };
  return { cookie, accessToken, email, password };
}

export async function csrfTokenOf(world: World, cookie: string): Promise<string> {
  const answer = await world.http.get('/api/auth/csrf', undefined, { ...OWN, cookie });
  return (answer.body as { csrfToken: string }).csrfToken;
}

export const isAlive = async (world: World, { accessToken }: CookieLogin): Promise<boolean> =>
  (await world.http.get('/api/users/me', accessToken)).status === 200;

/** Every call below /api/auth that changes something without an access token: those that a cookie could authorise. */
export async function cookieCalls(world: World): Promise<string[]> {
  const { body } = await world.http.get('/api/openapi.json');
  const { paths } = body as { paths: Record<string, Record<string, { security?: unknown[] }>> };
  return operations(body)
    .filter(({ method, template }) => {
      const open = paths[template]?.[method.toLowerCase()]?.security?.length === 0;
      return method !== 'GET' && template.startsWith('/api/auth/') && open;
    })
    .map(({ path }) => path);
}

export const codeOf = ({ status, body }: HttpAnswer): string =>
  `${status} ${(body as { error?: { code?: string } } | undefined)?.error?.code ?? 'ok'}`;
