import { AuthenticationError, AuthRefreshSchema } from '@bongsu/protocol';
import type { Principal } from '../platform/principal.js';
import { defineEvent, type Events } from '../platform/surface.js';

/** `auth-refresh` carries a live socket over to a newer token of the same login. */
export function identityEvents(deps: { authenticate(token: string): Promise<Principal> }): Events {
  return {
    'auth-refresh': defineEvent({
      right: 'socket.renew',
      limit: 'general',
      schema: AuthRefreshSchema,
      async handle(context, { token }) {
        const principal = await deps.authenticate(token);
        if (!isSameLogin(context.principal, principal)) throw new AuthenticationError();
        context.replacePrincipal(principal);
        return { expiresAt: principal.expiresAt };
      },
    }),
  };
}

/** A socket never changes hands: its rooms and its inbox were opened for one login. */
function isSameLogin(before: Principal, after: Principal): boolean {
  if (before.sessionId !== after.sessionId) return false;
  if (before.kind === 'user' && after.kind === 'user') return before.userId === after.userId;
  return before.kind === 'screen' && after.kind === 'screen' && before.screenId === after.screenId;
}
