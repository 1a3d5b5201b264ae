import type { Identity } from '../identity/index.js';
import type { Log } from '../platform/log.js';
import { apiKeyOf } from '../platform/principal.js';
import type { Connection } from './connection.js';
import type { Connections } from './connections.js';
import { logRefusal, toBongsuError } from './reply.js';

const RENEWED_AT_ONCE = 20;

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
  identity.onRevoked(({ sessionId, userId, apiKeyId, accessTokens }, closing) => {
    if (accessTokens) connections.closeTokens(closing);
    if (sessionId !== undefined) connections.closeSession(sessionId, closing);
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
    if (sessionId === undefined && userId === undefined) {
      void renewAll(connections, renew);
      return;
    }
    const changed = [...connections.ofSession(sessionId), ...connections.ofUser(userId)];
    for (const connection of changed) void renew(connection);
  });
}

/** Some at a time: SQL has just come back. */
async function renewAll(
  connections: Connections,
  renew: (connection: Connection) => Promise<void>,
): Promise<void> {
  const all = [...connections.all()].sort((a, b) => rank(a) - rank(b));
  while (all.length > 0) await Promise.all(all.splice(0, RENEWED_AT_ONCE).map(renew));
}

/** API keys first: a login's access token ends by itself, a key may never. */
function rank({ principal }: Connection): number {
  return apiKeyOf(principal) === undefined ? 1 : 0;
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
