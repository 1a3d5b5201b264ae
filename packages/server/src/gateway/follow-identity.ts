import type { Identity } from '../identity/index.js';
import type { Log } from '../platform/log.js';
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
  identity.onRevoked(({ sessionId, userId, screenId }, closing) => {
    if (sessionId !== undefined) connections.closeSession(sessionId, closing);
    if (userId !== undefined) connections.closeUser(userId, closing);
    if (screenId !== undefined) connections.closeScreen(screenId, closing);
  });
  identity.onChanged(({ sessionId, userId }) => {
    const ofLogin = sessionId === undefined ? [] : connections.ofSession(sessionId);
    const ofPerson = userId === undefined ? [] : connections.ofUser(userId);
    for (const connection of [...ofLogin, ...ofPerson]) void renew(identity, connection, log);
  });
}

/** Whoever cannot be asked about is let go: a demoted administrator must not stay one because SQL is away. */
async function renew(
  identity: Pick<Identity, 'standingOf'>,
  connection: Connection,
  log: Log,
): Promise<void> {
  const { principal: asked } = connection;
  if (asked.kind !== 'user') return;
  try {
    const standing = await identity.standingOf(asked);
    // As it is now: `auth-refresh` may have carried it on meanwhile.
    const { principal } = connection;
    if (principal.kind === 'user') connection.replacePrincipal({ ...principal, ...standing });
  } catch (thrown) {
    const error = toBongsuError(thrown);
    logRefusal(log, error, { event: 'renew', socketId: connection.socketId });
    connection.endAs(error);
  }
}
