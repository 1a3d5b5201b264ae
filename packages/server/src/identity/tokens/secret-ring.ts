import { randomBytes } from 'node:crypto';
import type { DatabaseClock } from '../../platform/clock.js';
import type { Database } from '../../platform/database/database.js';
import type { SecretRing } from '../derive.js';
import { open, type Place, SealError, seal } from '../seal.js';
import { ensureDataKey, lockWrappedSigningKeys, replaceDataKey, rewrapSigningKey } from '../store/keys.js';
import { WrongSecretError } from '../wrong-secret.js';

/** A value that opens only with the secret this database was set up with, or the one that took its place. */
const CHECK = 'secret-check';
const CHECK_PLACE: Place = { table: 'data_keys', column: 'wrapped', row: CHECK };

/** Under the present secret. */
export function wrap(ring: SecretRing, place: Place, plain: Uint8Array): Uint8Array {
  return seal(ring[0].jwkWrap, place, plain);
}

export interface Unwrapped {
  plain: Uint8Array;
  /** It opened with a former secret. */
  isOld: boolean;
}

/** @throws SealError when no secret of the ring opens it */
export function unwrap(ring: SecretRing, place: Place, sealed: Uint8Array): Unwrapped {
  let failure: unknown;
  for (const [age, { jwkWrap }] of ring.entries()) {
    try {
      return { plain: open(jwkWrap, place, sealed), isOld: age > 0 };
    } catch (error) {
      if (!(error instanceof SealError)) throw error;
      failure ??= error;
    }
  }
  throw failure;
}

export function signingKeyPlace(kid: string): Place {
  return { table: 'signing_keys', column: 'private_jwk_enc', row: kid };
}

/**
 * That JWT_SECRET, or JWT_SECRET_PREVIOUS, belongs to this database. What the previous one wrapped is wrapped anew, all or
 * nothing; several nodes may do so at once, and again. @throws WrongSecretError
 */
export async function settleSecret(database: Database, ring: SecretRing, now: DatabaseClock): Promise<void> {
  const make = () => ({ keyId: 'jwt-secret', wrapped: wrap(ring, CHECK_PLACE, randomBytes(32)) });
  const { wrapped } = await ensureDataKey(database, CHECK, make, now());
  const check = openCheck(ring, wrapped);
  if (ring.length === 1) return;
  await database.transaction(async (tx) => {
    if (check.isOld) await replaceDataKey(tx, CHECK, wrapped, wrap(ring, CHECK_PLACE, check.plain));
    for (const { kid, privateJwkEnc } of await lockWrappedSigningKeys(tx)) {
      const { plain, isOld } = unwrap(ring, signingKeyPlace(kid), privateJwkEnc);
      if (isOld) await rewrapSigningKey(tx, kid, wrap(ring, signingKeyPlace(kid), plain));
    }
  });
}

function openCheck(ring: SecretRing, wrapped: Uint8Array): Unwrapped {
  try {
    return unwrap(ring, CHECK_PLACE, wrapped);
  } catch (cause) {
    if (cause instanceof SealError) throw new WrongSecretError('JWT_SECRET', cause);
    throw cause;
  }
}
