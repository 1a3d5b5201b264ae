import { failure, type HttpReply, ScriptedServer } from './scripted-server.js';

export const user = {
  userId: 'u',
  username: 'U',
  email: 'a@example.org',
  role: 'user',
  createdAt: 0,
  lastLoginAt: null,
};

/** Issues access-1, refresh-1, access-2 …; a refresh token works once. */
export async function startIssuer() {
  const server = await new ScriptedServer().start();
  let issued = 0;
  const state = {
    refresh: undefined as (() => HttpReply | undefined) | undefined,
    resource: (): HttpReply => ({}),
    /** The number of the CSRF token that counts; 0: the login is over, and none does. */
    csrf: 1,
    giveCsrf: (): HttpReply =>
      state.csrf === 0
        ? { status: 401, body: failure('AUTH_ERROR') }
        : { body: { csrfToken: `csrf-${state.csrf}`, expiresIn: 3600 } },
  };
  const pair = () => {
    issued += 1;
    return { accessToken: `access-${issued}`, refreshToken: `refresh-${issued}`, expiresIn: 900 };
  };
  server.onHttp = ({ path, headers, body }) => {
    const withCookies = headers['x-bongsu-cookies'] === '1';
    const issue = (extra: object): HttpReply => {
      const { refreshToken, ...tokens } = pair();
      return { body: { ...tokens, ...(withCookies ? {} : { refreshToken }), ...extra } };
    };
    if (path === '/api/auth/login' || path === '/api/auth/signup') return issue({ user });
    const csrf = headers['x-csrf-token'];
    const wrong = csrf !== undefined && csrf !== `csrf-${state.csrf}`;
    if (withCookies && path === '/api/auth/csrf') return state.giveCsrf();
    if (wrong) return { status: 403, body: failure('CSRF_ERROR') };
    if (path === '/api/auth/logout')
      return withCookies && csrf === undefined && state.csrf > 0
        ? { status: 403, body: failure('CSRF_ERROR') }
        : { body: { success: true } };
    if (path !== '/api/auth/refresh') return state.resource();
    const scripted = state.refresh?.();
    if (scripted) return scripted;
    if (withCookies)
      return body === undefined ? issue({}) : { status: 400, body: failure('VALIDATION_ERROR') };
    if (body?.refreshToken === `refresh-${issued}`) return issue({});
    return { status: 401, body: failure('TOKEN_REVOKED') };
  };
  const refreshes = () => server.calls.filter(({ path }) => path === '/api/auth/refresh').length;
  return { server, state, refreshes, url: server.url };
}
