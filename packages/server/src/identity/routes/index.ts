import type { FastifyInstance, FastifyPluginAsync } from 'fastify';
import type { Core } from '../core.js';
import { apiKeyRoutes } from './api-keys.js';
import { profileRoutes } from './profile.js';
import { signInRoutes } from './sign-in.js';
import { tokenRoutes } from './tokens.js';

/** Sign-up, log-in and everything else under /auth, /users and /api-keys. */
export function identityRoutes(core: Core): FastifyPluginAsync {
  return async (app) => {
    takeEmptyBodies(app);
    signInRoutes(app, core);
    tokenRoutes(app, core);
    profileRoutes(app, core);
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
