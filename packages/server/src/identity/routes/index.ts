import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import { csrfMiddleware } from '../../guards/csrf.js';
import type { Core } from '../core.js';
import { apiKeyRoutes } from './api-keys.js';
import { csrfOptions } from './cookies.js';
import { loginRoutes } from './logins.js';
import { mfaRoutes } from './mfa.js';
import { passwordRoutes } from './passwords.js';
import { profileRoutes } from './profile.js';
import { signInRoutes } from './sign-in.js';
import { tokenRoutes } from './tokens.js';
import { usersRoutes } from './users.js';

/** Sign-up, log-in and everything else under /auth, /users and /api-keys. */
export function identityRoutes(core: Core): FastifyPluginAsync {
  return async (app) => {
    // Before any body is read, and for every route of this domain, so that a new one cannot forget it.
    app.addHook('onRequest', csrfMiddleware(csrfOptions(core)));
    takeEmptyBodies(app);
    signInRoutes(app, core);
    tokenRoutes(app, core);
    loginRoutes(app, core);
    profileRoutes(app, core);
    mfaRoutes(app, core);
    passwordRoutes(app, core);
    usersRoutes(app, core);
    apiKeyRoutes(app, core);
  };
}

/** In cookie mode nothing has to be in the body, and fetch sends a JSON content type all the same. */
function takeEmptyBodies(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('ignore', 'ignore');
  app.removeContentTypeParser('application/json');
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined);
    else parse(request, String(body), done);
  });
}
