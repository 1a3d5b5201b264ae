import { createHash } from 'node:crypto';
import {
  type CryptoKey,
  calculateJwkThumbprint,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
} from 'jose';
import type { RecordAudit } from '../../platform/audit.js';
import type { Clock, DatabaseClock } from '../../platform/clock.js';
import type { Database } from '../../platform/database/database.js';
import { KeyRing } from '../accounts/pii.js';
import type { DerivedKeys } from '../derive.js';
import { open, type Place, seal } from '../seal.js';
import { ensureDataKey, findSigningKeys, insertActiveSigningKey, type SigningKeyRow } from '../store/keys.js';
import { WrongSecretError } from '../wrong-secret.js';

export type JwtAlgorithm = 'EdDSA' | 'ES256' | 'HS256';
type Key = CryptoKey | Uint8Array;

export interface ActiveKey {
  kid: string;
  key: Key;
}

export interface SigningKeysDeps {
  algorithm: JwtAlgorithm;
  derived: Pick<DerivedKeys, 'jwkWrap' | 'jwtHs256'>;
  database: Database;
  now: DatabaseClock;
  clock: Pick<Clock, 'monotonic'>;
  recordAudit: RecordAudit;
}

/** How often an unknown `kid` may make this process look for keys that another one made. */
const RELOAD_MS = 5000;

/**
 * The keys of access tokens, of one algorithm only. Private halves are stored wrapped; the first start makes the first
 * key, and of two starters at once both end with the same one. HS256 has one key, derived from JWT_SECRET.
 */
export class SigningKeys {
  readonly algorithm: JwtAlgorithm;
  readonly #deps: SigningKeysDeps;
  #active: ActiveKey | undefined;
  #verification = new Map<string, Key>();
  #public: JWK[] = [];
  #loadedAt = Number.NEGATIVE_INFINITY;

  constructor(deps: SigningKeysDeps) {
    this.#deps = deps;
    this.algorithm = deps.algorithm;
  }

  /** @throws WrongSecretError */
  async start(): Promise<void> {
    await this.#checkSecret();
    if (this.algorithm === 'HS256') {
      const key = this.#deps.derived.jwtHs256;
      const kid = createHash('sha256').update('kid').update(key).digest('base64url').slice(0, 22);
      this.#active = { kid, key };
      this.#verification.set(kid, key);
      return;
    }
    await this.#load();
    if (!this.#active) {
      await this.#make(this.algorithm);
      await this.#load();
    }
  }

  active(): ActiveKey {
    if (!this.#active) throw new Error('signing keys are not loaded');
    return this.#active;
  }

  /** Undefined for a key that nobody here made. */
  async verificationKey(kid: string): Promise<Key | undefined> {
    const known = this.#verification.get(kid);
    if (known || this.algorithm === 'HS256') return known;
    if (this.#deps.clock.monotonic() - this.#loadedAt < RELOAD_MS) return undefined;
    await this.#load();
    return this.#verification.get(kid);
  }

  /** Public halves only; each names its algorithm, use and id, so that no verifier has to guess. Empty for HS256. */
  jwks(): { keys: JWK[] } {
    return { keys: this.#public };
  }

  async #checkSecret(): Promise<void> {
    const place = { table: 'data_keys', column: 'wrapped', row: 'secret-check' };
    const ring = new KeyRing([{ kid: 'jwt-secret', key: this.#deps.derived.jwkWrap }]);
    const make = () => ring.newKey(place);
    const check = await ensureDataKey(this.#deps.database, 'secret-check', make, this.#deps.now());
    try {
      ring.unwrap(place, check);
    } catch (cause) {
      throw new WrongSecretError('JWT_SECRET', cause);
    }
  }

  async #load(): Promise<void> {
    this.#loadedAt = this.#deps.clock.monotonic();
    const rows = await findSigningKeys(this.#deps.database, this.algorithm);
    const verification = new Map<string, Key>();
    for (const row of rows) verification.set(row.kid, await importJWK(row.publicJwk, row.alg));
    const active = rows.find(({ state }) => state === 'active');
    this.#active = active ? { kid: active.kid, key: await this.#unwrap(active) } : undefined;
    this.#verification = verification;
    this.#public = rows.map(({ publicJwk, kid, alg }) => ({ ...publicJwk, kid, alg, use: 'sig' }));
  }

  async #unwrap(row: SigningKeyRow): Promise<Key> {
    const jwk = open(this.#deps.derived.jwkWrap, placeOf(row.kid), row.privateJwkEnc);
    return importJWK(JSON.parse(Buffer.from(jwk).toString()) as JWK, row.alg);
  }

  async #make(alg: 'EdDSA' | 'ES256'): Promise<void> {
    const { database, derived, now, recordAudit } = this.#deps;
    const pair = await generateKeyPair(alg, { extractable: true });
    const publicJwk = await exportJWK(pair.publicKey);
    const kid = await calculateJwkThumbprint(publicJwk);
    const privateJwk = Buffer.from(JSON.stringify(await exportJWK(pair.privateKey)));
    const privateJwkEnc = seal(derived.jwkWrap, placeOf(kid), privateJwk);
    await database.transaction(async (tx) => {
      if (!(await insertActiveSigningKey(tx, { kid, alg, publicJwk, privateJwkEnc, at: now() }))) return;
      await recordAudit(tx, {
        action: 'sys_signing_key_created',
        outcome: 'success',
        actor: { type: 'system' },
        target: { type: 'signing-key', ref: kid },
        data: { alg },
      });
    });
  }
}

function placeOf(kid: string): Place {
  return { table: 'signing_keys', column: 'private_jwk_enc', row: kid };
}
