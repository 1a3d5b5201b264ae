import { createHash } from 'node:crypto';
import { type CryptoKey, importJWK, type JWK } from 'jose';
import { type Clock, sleep } from '../../platform/clock.js';
import type { Database, Queryable } from '../../platform/database/database.js';
import { FreshRun } from '../../platform/fresh-run.js';
import type { DerivedKeys, SecretRing } from '../derive.js';
import { findSigningKeys, type SigningKeyRow } from '../store/keys.js';
import { COMPROMISED, type JwtAlgorithm, KEYS_STALE_MS } from './key-states.js';
import { signingKeyPlace, unwrap } from './secret-ring.js';

type Key = CryptoKey | Uint8Array;

export interface ActiveKey {
  kid: string;
  key: Key;
}

/** A key of this installation. */
export interface KnownKey {
  /** The only algorithm that it verifies; the token is not asked. */
  alg: JwtAlgorithm;
  key: Key;
  /** False for one of another JWT_ALG and for a destroyed one: all they tell is that a token was ours once. */
  counts: boolean;
}

export interface SigningKeysDeps {
  algorithm: JwtAlgorithm;
  ring: SecretRing;
  database: Database;
  clock: Clock;
  /** False when changes by other processes may have been missed. */
  feedIsFresh(): boolean;
  /** Other keys count than before. */
  onChange(): void;
}

/** Unknown kids wait so long for the next look at SQL, which is shared: forged ones cannot make it busy. */
const SEARCH_MS = 1000;
/** SHA-256 in base64url, or its first 22 characters: nothing else is looked for. */
const KID = /^([\w-]{22}|[\w-]{43})$/;

/**
 * The keys of access tokens as this process knows them. Those of JWT_ALG sign and verify; private halves are stored wrapped.
 * HS256 has one key, derived from JWT_SECRET, and while there is a JWT_SECRET_PREVIOUS its former one.
 */
export class SigningKeys {
  readonly algorithm: JwtAlgorithm;
  readonly #deps: SigningKeysDeps;
  readonly #loads = new FreshRun(() => this.#load(this.#deps.database));
  readonly #compromised = new Set<string>();
  #known: ReadonlyMap<string, KnownKey> = new Map();
  #active: ActiveKey | undefined;
  #public: JWK[] = [];
  #loadedAt = Number.NEGATIVE_INFINITY;
  #search: Promise<void> | undefined;
  #begun = 0;
  #applied = 0;

  constructor(deps: SigningKeysDeps) {
    this.#deps = deps;
    this.algorithm = deps.algorithm;
  }

  /** Reads all keys as they are from this call on. */
  reload(): Promise<void> {
    return this.#loads.run();
  }

  /**
   * The key that signs. One that was not seen active for a while is looked at again first: others may have given it up.
   * @param tx of a caller that is within one: to wait for another connection there could be to wait for itself
   */
  async active(tx?: Queryable): Promise<ActiveKey> {
    const ageMs = this.#deps.clock.monotonic() - this.#loadedAt;
    if (ageMs >= KEYS_STALE_MS || this.#isCompromised(this.#active?.kid)) {
      await (tx ? this.#load(tx) : this.reload());
    }
    if (!this.#active) throw new Error('signing keys are not loaded');
    return this.#active;
  }

  /** Undefined for a key that nobody here made. */
  async find(kid: string): Promise<KnownKey | undefined> {
    if (!KID.test(kid)) return undefined;
    if (!this.#deps.feedIsFresh()) await this.reload();
    const known = this.#known.get(kid);
    if (known) return known;
    this.#search ??= this.#look();
    await this.#search;
    return this.#known.get(kid);
  }

  /** True while tokens of this key count. */
  counts(kid: string): boolean {
    return this.#known.get(kid)?.counts === true;
  }

  /** Public halves only; each names its algorithm, use and id, so that no verifier has to guess. Empty for HS256. */
  async jwks(): Promise<{ keys: JWK[] }> {
    // Others keep what they get here: neither a key that was given up nor a set without its successor.
    if (this.#public.some(({ kid }) => this.#isCompromised(kid))) await this.reload();
    return { keys: this.#public };
  }

  /** Keys were changed, here or elsewhere. A compromised one ends with this call, whatever SQL answers and when. */
  hear({ id, reason }: { id: string; reason: string }): Promise<void> {
    if (reason === COMPROMISED) {
      this.#compromised.add(id);
      const known = this.#known.get(id);
      if (known) this.#known = new Map([...this.#known, [id, { ...known, counts: false }]]);
      this.#deps.onChange();
    }
    return this.reload();
  }

  #isCompromised(kid: string | undefined): boolean {
    return kid !== undefined && this.#compromised.has(kid);
  }

  async #look(): Promise<void> {
    const { clock } = this.#deps;
    const waitMs = this.#loadedAt + SEARCH_MS - clock.monotonic();
    if (waitMs > 0) await sleep(clock, waitMs);
    // Whoever asks from here on may mean a key that this look does not find yet.
    this.#search = undefined;
    await this.reload();
  }

  async #load(db: Queryable): Promise<void> {
    const at = this.#deps.clock.monotonic();
    const load = ++this.#begun;
    const rows = await findSigningKeys(db);
    const keys = new Map<string, Key>();
    for (const row of rows) keys.set(row.kid, await this.#publicKey(row));
    const active = await this.#findActive(rows);
    // A later look, which another caller took meanwhile, saw more.
    if (load < this.#applied) return;
    this.#applied = load;
    // Without a pause from here on: what was heard up to now counts.
    const known = new Map(this.#symmetric());
    for (const row of rows) {
      const key = keys.get(row.kid);
      if (key) known.set(row.kid, { alg: row.alg, key, counts: this.#countsNow(row) });
    }
    const isChanged = [...this.#known].some(([kid, { counts }]) => counts && !known.get(kid)?.counts);
    this.#active = active;
    this.#known = known;
    this.#public = rows
      .filter(({ kid }) => known.get(kid)?.counts)
      .map(({ publicJwk, kid, alg }) => ({ ...publicJwk, kid, alg, use: 'sig' }));
    this.#loadedAt = at;
    if (isChanged) this.#deps.onChange();
  }

  async #publicKey({ kid, alg, publicJwk }: SigningKeyRow): Promise<Key> {
    return this.#known.get(kid)?.key ?? importJWK(publicJwk, alg);
  }

  #countsNow({ kid, alg, state }: SigningKeyRow): boolean {
    const isOurFamily = alg === this.algorithm;
    return isOurFamily && state !== 'destroyed' && !this.#isCompromised(kid);
  }

  async #findActive(rows: readonly SigningKeyRow[]): Promise<ActiveKey | undefined> {
    if (this.algorithm === 'HS256') return symmetricKey(this.#deps.ring[0]);
    const row = rows.find(({ state, alg }) => state === 'active' && alg === this.algorithm);
    if (!row?.privateJwkEnc) return undefined;
    // Kept as it is: another node may have wrapped it anew, under a secret that this one is about to be given.
    if (this.#active?.kid === row.kid) return this.#active;
    const { plain } = unwrap(this.#deps.ring, signingKeyPlace(row.kid), row.privateJwkEnc);
    const jwk = JSON.parse(Buffer.from(plain).toString()) as JWK;
    return { kid: row.kid, key: await importJWK(jwk, row.alg) };
  }

  #symmetric(): [kid: string, KnownKey][] {
    const counts = this.algorithm === 'HS256';
    return this.#deps.ring.map(symmetricKey).map(({ kid, key }) => [kid, { alg: 'HS256', key, counts }]);
  }
}

function symmetricKey({ jwtHs256: key }: DerivedKeys): ActiveKey {
  const kid = createHash('sha256').update('kid').update(key).digest('base64url').slice(0, 22);
  return { kid, key };
}
