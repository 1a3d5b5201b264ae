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

/** The same key in another wrapping; nothing when somebody else was first. */
export async function replaceDataKey(
  tx: Queryable,
  purpose: string,
  from: Uint8Array,
  to: Uint8Array,
): Promise<void> {
  await tx.query('update data_keys set wrapped = $3 where purpose = $1 and wrapped = $2', [
    purpose,
    from,
    to,
  ]);
}

export type KeyAlgorithm = 'EdDSA' | 'ES256';
export type KeyState = 'pending' | 'active' | 'retired' | 'destroyed';

export interface SigningKeyRow {
  kid: string;
  alg: KeyAlgorithm;
  state: KeyState;
  publicJwk: JWK;
  /** Null once destroyed. */
  privateJwkEnc: Uint8Array | null;
  createdAt: number;
  activatedAt: number | null;
  retiredAt: number | null;
  destroyedAt: number | null;
}

const COLUMNS = `kid, alg, state, public_jwk as "publicJwk", private_jwk_enc as "privateJwkEnc", created_at as "createdAt",
  activated_at as "activatedAt", retired_at as "retiredAt", destroyed_at as "destroyedAt"`;

/** All there ever were: a destroyed key still tells whose a token was. */
export function findSigningKeys(db: Queryable): Promise<SigningKeyRow[]> {
  return db.query<SigningKeyRow>(`select ${COLUMNS} from signing_keys order by created_at, kid`, [], {
    name: 'identity-signing-keys',
  });
}

/** Those that are not destroyed, held until the transaction ends: of several nodes one changes them at a time. */
export function lockSigningKeys(tx: Queryable): Promise<SigningKeyRow[]> {
  return tx.query<SigningKeyRow>(
    `select ${COLUMNS} from signing_keys where state <> 'destroyed' order by created_at, kid for update`,
  );
}

export interface NewSigningKey {
  kid: string;
  alg: KeyAlgorithm;
  state: 'pending' | 'active';
  publicJwk: JWK;
  privateJwkEnc: Uint8Array;
  at: number;
}

/** False when there is one of this algorithm in this state already. */
export async function insertSigningKey(tx: Queryable, key: NewSigningKey): Promise<boolean> {
  const rows = await tx.query(
    `insert into signing_keys (kid, alg, state, public_jwk, private_jwk_enc, created_at, activated_at)
     values ($1, $2, $3, $4::jsonb, $5, $6, case when $3 = 'active' then $6::bigint end)
     on conflict do nothing returning kid`,
    [key.kid, key.alg, key.state, JSON.stringify(key.publicJwk), key.privateJwkEnc, key.at],
  );
  return rows.length === 1;
}

export async function activateSigningKey(tx: Queryable, kid: string, at: number): Promise<void> {
  await tx.query(`update signing_keys set state = 'active', activated_at = $2 where kid = $1`, [kid, at]);
}

export async function retireSigningKey(tx: Queryable, kid: string, at: number): Promise<void> {
  await tx.query(`update signing_keys set state = 'retired', retired_at = $2 where kid = $1`, [kid, at]);
}

/** Its private half is gone; the public one stays, to tell its tokens from forged ones. */
export async function destroySigningKey(tx: Queryable, kid: string, at: number): Promise<void> {
  await tx.query(
    `update signing_keys set state = 'destroyed', destroyed_at = $2, private_jwk_enc = null where kid = $1`,
    [kid, at],
  );
}

/** Every private half there is, of whatever algorithm; held until the transaction ends. */
export function lockWrappedSigningKeys(tx: Queryable): Promise<{ kid: string; privateJwkEnc: Uint8Array }[]> {
  return tx.query<{ kid: string; privateJwkEnc: Uint8Array }>(
    `select kid, private_jwk_enc as "privateJwkEnc" from signing_keys
      where private_jwk_enc is not null order by created_at, kid for update`,
  );
}

export async function rewrapSigningKey(tx: Queryable, kid: string, wrapped: Uint8Array): Promise<void> {
  await tx.query('update signing_keys set private_jwk_enc = $2 where kid = $1', [kid, wrapped]);
}
