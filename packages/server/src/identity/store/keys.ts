import type { JWK } from 'jose';
import type { Queryable } from '../../platform/database/database.js';
import type { WrappedKey } from '../accounts/pii.js';

/** Keeps the first: of two starters at once both go on with the same key. */
export async function ensureDataKey(
  db: Queryable,
  purpose: string,
  make: () => WrappedKey,
  at: number,
): Promise<WrappedKey> {
  const find = () =>
    db.query<WrappedKey>('select key_id as "keyId", wrapped from data_keys where purpose = $1', [purpose]);
  const [present] = await find();
  if (present) return present;
  const { keyId, wrapped } = make();
  await db.query(
    'insert into data_keys (purpose, key_id, wrapped, created_at) values ($1, $2, $3, $4) on conflict do nothing',
    [purpose, keyId, wrapped, at],
  );
  const [first] = await find();
  if (!first) throw new Error(`data key "${purpose}" vanished`);
  return first;
}

export interface SigningKeyRow {
  kid: string;
  alg: 'EdDSA' | 'ES256';
  state: 'pending' | 'active' | 'retired';
  publicJwk: JWK;
  privateJwkEnc: Uint8Array;
}

export function findSigningKeys(db: Queryable, alg: string): Promise<SigningKeyRow[]> {
  return db.query<SigningKeyRow>(
    `select kid, alg, state, public_jwk as "publicJwk", private_jwk_enc as "privateJwkEnc"
       from signing_keys where alg = $1 and state <> 'destroyed' order by created_at, kid`,
    [alg],
  );
}

/** False when another key became active first. */
export async function insertActiveSigningKey(
  tx: Queryable,
  key: { kid: string; alg: string; publicJwk: JWK; privateJwkEnc: Uint8Array; at: number },
): Promise<boolean> {
  const rows = await tx.query(
    `insert into signing_keys (kid, alg, state, public_jwk, private_jwk_enc, created_at, activated_at)
     values ($1, $2, 'active', $3::jsonb, $4, $5, $5) on conflict do nothing returning kid`,
    [key.kid, key.alg, JSON.stringify(key.publicJwk), key.privateJwkEnc, key.at],
  );
  return rows.length === 1;
}
