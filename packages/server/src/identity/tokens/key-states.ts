import type { KeyAlgorithm, SigningKeyRow } from '../store/keys.js';

export type JwtAlgorithm = KeyAlgorithm | 'HS256';

/** The reason of a revocation that voids tokens; any other says only that there is something new to read. */
export const COMPROMISED = 'compromised';

/** How long others may keep the key set before they ask for it again. */
export const JWKS_MAX_AGE_MS = 300_000;
/** A node that did not hear of a change knows of it after this time at the latest. */
export const KEYS_STALE_MS = 60_000;
/** How long a new key stands in the key set before it signs: nobody is then left who knows only the former set. */
export const PENDING_MS = JWKS_MAX_AGE_MS + KEYS_STALE_MS + 240_000;
/** How long a key signs. */
export const ACTIVE_MS = 90 * 86_400_000;
/** Verifiers' tolerance, and a node that signs with the former key until it hears of the new one. */
const RETIRED_MARGIN_MS = KEYS_STALE_MS + 60_000;

export type KeyFacts = Pick<SigningKeyRow, 'kid' | 'state' | 'createdAt' | 'activatedAt' | 'retiredAt'>;

/** What is to be done now, in this order. */
export interface KeyChanges {
  destroy: readonly string[];
  retire?: string;
  activate?: string;
  make?: 'pending' | 'active';
}

/**
 * pending → active → retired → destroyed, for the keys of one algorithm: what is due at `now`. A rotation begins by itself
 * once the active key is ACTIVE_MS old.
 */
export function dueChanges(keys: readonly KeyFacts[], now: number, accessTokenMs: number): KeyChanges {
  const destroy = keys
    .filter(
      ({ state, retiredAt }) => state === 'retired' && isDue(retiredAt, accessTokenMs + RETIRED_MARGIN_MS),
    )
    .map(({ kid }) => kid);
  const active = keys.find(({ state }) => state === 'active');
  const pending = keys.find(({ state }) => state === 'pending');
  // Nothing else could sign.
  if (!active) return pending ? { destroy, activate: pending.kid } : { destroy, make: 'active' };
  if (pending && isDue(pending.createdAt, PENDING_MS)) {
    return { destroy, retire: active.kid, activate: pending.kid };
  }
  if (!pending && isDue(active.activatedAt, ACTIVE_MS)) return { destroy, make: 'pending' };
  return { destroy };

  function isDue(since: number | null, afterMs: number): boolean {
    return since !== null && now - since >= afterMs;
  }
}

export function isNothing({ destroy, ...changes }: KeyChanges): boolean {
  return destroy.length === 0 && Object.keys(changes).length === 0;
}
