import type { ClosingKey } from '@bongsu/protocol';
import type { Identity, Revoked } from '../identity/index.js';
import type { Log } from '../platform/log.js';
import { apiKeyOf, keyLogin } from '../platform/principal.js';
import type { Connection } from './connection.js';
import type { Connections } from './connections.js';
import { logRefusal, toBongsuError } from './reply.js';

export interface EndRevokedDeps {
  connections: Connections;
  identity: Pick<Identity, 'currentKey'>;
  log: Log;
}

/**
 * Closes whoever may no longer be connected. What ends a user's logins, such as a new password or role, does not end their API
 * keys, and a rotated key goes on for a while: sockets of keys are asked for anew, and then closed or carried over.
 */
export function endRevoked(deps: EndRevokedDeps, who: Revoked, closing: ClosingKey): void {
  const { connections } = deps;
  if (who.sessionId !== undefined) connections.closeSession(who.sessionId, closing);
  if (who.screenId !== undefined) connections.closeScreen(who.screenId, closing);
  if (who.userId !== undefined) {
    for (const connection of connections.ofUser(who.userId)) endOrRenew(deps, connection, closing);
  }
  if (who.apiKeyId !== undefined) {
    for (const connection of connections.ofSession(keyLogin(who.apiKeyId))) void renew(deps, connection);
  }
}

function endOrRenew(deps: EndRevokedDeps, connection: Connection, closing: ClosingKey): void {
  const isOfKey = apiKeyOf(connection.principal) !== undefined;
  if (isOfKey && closing !== 'ACCOUNT_DISABLED') void renew(deps, connection);
  else connection.close(closing);
}

/** Never rejects. When nobody can tell, the transport ends, and the next handshake asks again. */
async function renew({ identity, log }: EndRevokedDeps, connection: Connection): Promise<void> {
  const key = apiKeyOf(connection.principal);
  if (!key) return;
  try {
    connection.replacePrincipal(await identity.currentKey(key.id));
  } catch (thrown) {
    const error = toBongsuError(thrown);
    logRefusal(log, error, { event: 'key changed', socketId: connection.socketId });
    connection.closeFor(error);
  }
}
