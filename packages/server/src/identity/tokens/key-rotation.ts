import { BongsuError } from '@bongsu/protocol';
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import type { RecordAudit } from '../../platform/audit.js';
import type { DatabaseClock } from '../../platform/clock.js';
import type { Database, Queryable } from '../../platform/database/database.js';
import type { SecretRing } from '../derive.js';
import {
  activateSigningKey,
  destroySigningKey,
  findSigningKeys,
  insertSigningKey,
  type KeyState,
  lockSigningKeys,
  type NewSigningKey,
  retireSigningKey,
  type SigningKeyRow,
} from '../store/keys.js';
import { insertRevocation, type Revocation } from '../store/revocations.js';
import { COMPROMISED, dueChanges, isNothing, type JwtAlgorithm, type KeyChanges } from './key-states.js';
import { settleSecret, signingKeyPlace, wrap } from './secret-ring.js';

export interface KeyRotationDeps {
  algorithm: JwtAlgorithm;
  ring: SecretRing;
  accessTokenMs: number;
  database: Database;
  now: DatabaseClock;
  recordAudit: RecordAudit;
  /** After a commit: what every process must hear of. Those that are not this one read it from SQL. */
  announce(revocations: readonly Revocation[]): void;
}

/** A key as it is shown to whoever runs the server. Times are milliseconds since 1970. */
export type KeyInfo = Omit<SigningKeyRow, 'publicJwk' | 'privateJwkEnc'>;

type Fresh = Omit<NewSigningKey, 'state' | 'at'>;
type Change = 'created' | 'activated' | 'retired' | 'destroyed';

/** For clocks that differ. */
const MARGIN_MS = 60_000;

/** Changes the signing keys that all nodes share. Each change is one transaction under the lock of the keys' rows. */
export class KeyRotation {
  readonly #deps: KeyRotationDeps;

  constructor(deps: KeyRotationDeps) {
    this.#deps = deps;
  }

  /** Makes stored keys readable by the present secret, and sees to it that there is one that signs. @throws WrongSecretError */
  async prepare(): Promise<void> {
    await this.#checkSecret();
    await this.step();
  }

  /** Does what is due: any node may, as often as it likes. */
  async step(): Promise<void> {
    if (this.#deps.algorithm === 'HS256') return;
    if (isNothing(this.#due(await findSigningKeys(this.#deps.database)))) return;
    // Made in advance: nobody has to wait for chance while the rows are locked.
    const fresh = await this.#draw();
    await this.#change(async (tx) => {
      const changes = this.#due(await lockSigningKeys(tx));
      return this.#apply(tx, changes, fresh);
    });
  }

  async list(): Promise<KeyInfo[]> {
    const rows = await findSigningKeys(this.#deps.database);
    return rows.map(({ publicJwk: _public, privateJwkEnc: _private, ...info }) => info);
  }

  /**
   * Begins a rotation: a new key is published, and takes over after PENDING_MS. While one waits already, that one.
   * @throws CONFLICT in HS256 mode, whose only key is JWT_SECRET's
   */
  async rotate(): Promise<KeyInfo> {
    await this.#checkSecret();
    const fresh = await this.#draw();
    await this.#change(async (tx) => {
      await lockSigningKeys(tx);
      return this.#apply(tx, { destroy: [], make: 'pending' }, fresh);
    });
    return this.#newest('pending');
  }

  /**
   * Somebody else may have the private keys: every key there is ends at once, and with it all that it signed; a new one
   * signs. @throws CONFLICT in HS256 mode
   */
  async rotateAtOnce(): Promise<KeyInfo> {
    await this.#checkSecret();
    const fresh = await this.#draw();
    await this.#change(async (tx) => {
      const given = await lockSigningKeys(tx);
      const changed: Revocation[] = [];
      for (const { kid } of given) {
        await destroySigningKey(tx, kid, this.#deps.now());
        changed.push(await this.#record(tx, kid, 'destroyed', COMPROMISED));
      }
      return [...changed, ...(await this.#apply(tx, { destroy: [], make: 'active' }, fresh))];
    });
    return this.#newest('active');
  }

  /** Keys that no server could open would be made otherwise, by a command that was given another secret. */
  #checkSecret(): Promise<void> {
    const { database, ring, now } = this.#deps;
    return settleSecret(database, ring, now);
  }

  #due(rows: readonly SigningKeyRow[]): KeyChanges {
    const { algorithm, accessTokenMs, now } = this.#deps;
    return dueChanges(
      rows.filter(({ alg }) => alg === algorithm),
      now(),
      accessTokenMs,
    );
  }

  async #apply(tx: Queryable, changes: KeyChanges, fresh: Fresh): Promise<Revocation[]> {
    const at = this.#deps.now();
    const changed: Revocation[] = [];
    for (const kid of changes.destroy) {
      await destroySigningKey(tx, kid, at);
      changed.push(await this.#record(tx, kid, 'destroyed'));
    }
    // In this order, since one at a time is active.
    if (changes.retire !== undefined) {
      await retireSigningKey(tx, changes.retire, at);
      changed.push(await this.#record(tx, changes.retire, 'retired'));
    }
    if (changes.activate !== undefined) {
      await activateSigningKey(tx, changes.activate, at);
      changed.push(await this.#record(tx, changes.activate, 'activated'));
    }
    const state = changes.make;
    if (state !== undefined && (await insertSigningKey(tx, { ...fresh, state, at }))) {
      changed.push(await this.#record(tx, fresh.kid, 'created'));
    }
    return changed;
  }

  async #change(work: (tx: Queryable) => Promise<Revocation[]>): Promise<void> {
    this.#deps.announce(await this.#deps.database.transaction(work));
  }

  async #record(tx: Queryable, kid: string, change: Change, reason: string = change): Promise<Revocation> {
    const { accessTokenMs, now, recordAudit } = this.#deps;
    await recordAudit(tx, {
      action: `sys_signing_key_${change}`,
      outcome: 'success',
      ...(reason === change ? {} : { reason }),
      actor: { type: 'system' },
      target: { type: 'signing-key', ref: kid },
    });
    const at = now();
    return insertRevocation(tx, { kind: 'key', id: kid, reason, at, until: at + accessTokenMs + MARGIN_MS });
  }

  async #newest(state: KeyState): Promise<KeyInfo> {
    const keys = await this.list();
    const found = keys.findLast((key) => key.state === state && key.alg === this.#deps.algorithm);
    if (!found) throw new BongsuError('CONFLICT', { details: { reason: 'the keys were changed meanwhile' } });
    return found;
  }

  async #draw(): Promise<Fresh> {
    const { algorithm: alg, ring } = this.#deps;
    if (alg === 'HS256') throw new BongsuError('CONFLICT', { details: { reason: 'hs256' } });
    const pair = await generateKeyPair(alg, { extractable: true });
    const publicJwk = await exportJWK(pair.publicKey);
    const kid = await calculateJwkThumbprint(publicJwk);
    const privateJwk = Buffer.from(JSON.stringify(await exportJWK(pair.privateKey)));
    return { kid, alg, publicJwk, privateJwkEnc: wrap(ring, signingKeyPlace(kid), privateJwk) };
  }
}
