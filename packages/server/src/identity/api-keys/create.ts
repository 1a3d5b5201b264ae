import { type CreatedApiKey, type Scope, ValidationError } from '@bongsu/protocol';
import type { Origin, UserPrincipal } from '../../platform/principal.js';
import type { Core } from '../core.js';
import { ownEvent } from '../logins/sign-in.js';
import { assertRoom, issueKey, lockKeys } from './issue.js';

const DAY_MS = 86_400_000;
const DEFAULT_LIFETIME_MS = 90 * DAY_MS;
/** Five years, leap days included. */
const MAX_LIFETIME_MS = 1827 * DAY_MS;

export interface CreateKeyInput {
  name: string;
  scopes: Scope[];
  /** Null never; absent: in 90 days. */
  expiresAt?: number | null | undefined;
}

/**
 * A key of the caller's own, whoever the body may name. Any scope may be asked for: what its owner may not do, it may not do
 * either.
 * @throws VALIDATION_ERROR for an end that is past or too far; CONFLICT beyond 50 keys
 */
export async function createApiKey(
  core: Core,
  { userId, sessionId }: UserPrincipal,
  { name, scopes, ...input }: CreateKeyInput,
  origin: Origin,
): Promise<CreatedApiKey> {
  const at = core.now();
  const expiresAt = endOf(input.expiresAt, at);
  return core.database.transaction(async (tx) => {
    await lockKeys(tx, { userId, sessionId });
    await assertRoom(core, tx, userId, false);
    const created = await issueKey(core, tx, { userId, name, scopes, at, expiresAt });
    await core.recordAudit(tx, {
      ...ownEvent('api_key_created', { userId, sessionId }, origin),
      target: { type: 'api-key', ref: created.id },
      data: { scopes: scopes.join(' '), expiresAt },
    });
    return created;
  });
}

function endOf(asked: number | null | undefined, now: number): number | null {
  if (asked === undefined) return now + DEFAULT_LIFETIME_MS;
  if (asked === null) return null;
  if (asked <= now) throw new ValidationError([{ path: 'expiresAt', message: 'must be in the future' }]);
  if (asked > now + MAX_LIFETIME_MS) {
    throw new ValidationError([{ path: 'expiresAt', message: 'must be within five years; null never ends' }]);
  }
  return asked;
}
