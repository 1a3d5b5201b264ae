import type { Identity } from '../identity/index.js';
import type { Log } from '../platform/log.js';
import { apiKeyOf } from '../platform/principal.js';
import type { Connection } from './connection.js';
import type { Connections } from './connections.js';
import { logRefusal, toBongsuError } from './reply.js';

export interface FollowIdentityDeps {
  identity: Pick<Identity, 'onRevoked' | 'onChanged' | 'standingOf'>;
  connections: Connections;
  log: Log;
}

/**
 * Carries over to the sockets of this node what becomes of logins and people: those that ended are cut, and those that are
 * another than before (role, name, proof) are renewed in place.
 */
export function followIdentity({ identity, connections, log }: FollowIdentityDeps): void {
  const renew = renewing(identity, log);
  identity.onRevoked(({ sessionId, userId, screenId, apiKeyId, accessTokens }, closing) => {
    if (accessTokens) connections.closeTokens(closing);
    if (sessionId !== undefined) connections.closeSession(sessionId, closing);
    if (screenId !== undefined) connections.closeScreen(screenId, closing);
    for (const connection of connections.ofUser(userId)) {
      // What ends a person's logins ends none of their API keys, but that the person is shut out.
      const goesOn = apiKeyOf(connection.principal) !== undefined && closing !== 'ACCOUNT_DISABLED';
      if (goesOn) void renew(connection);
      else connection.close(closing);
    }
    // It may have been rotated, and then goes on for a while.
    for (const connection of connections.ofKey(apiKeyId)) void renew(connection);
  });
  identity.onChanged(({ sessionId, userId }) => {
    const changed = [...connections.ofSession(sessionId), ...connections.ofUser(userId)];
    for (const connection of changed) void renew(connection);
  });
}

/**
 * Of two that were asked one after the other only the later answer counts: the earlier may come last, and tell of a role that was
 * taken away meanwhile. Whoever cannot be asked about is let go: a demoted administrator must not stay one because SQL is away.
 */
function renewing(
  identity: Pick<Identity, 'standingOf'>,
  log: Log,
): (connection: Connection) => Promise<void> {
  const latest = new WeakMap<Connection, symbol>();
  return async (connection) => {
    const { principal: asked } = connection;
    if (asked.kind !== 'user') return;
    const mine = Symbol('asked');
    latest.set(connection, mine);
    try {
      const standing = await identity.standingOf(asked);
      if (latest.get(connection) !== mine) return;
      // As it is now: `auth-refresh` may have carried it on meanwhile.
      const { principal } = connection;
      if (principal.kind === 'user') connection.replacePrincipal({ ...principal, ...standing });
    } catch (thrown) {
      const error = toBongsuError(thrown);
      logRefusal(log, error, { event: 'renew', socketId: connection.socketId });
      connection.endAs(error);
    }
  };
}
