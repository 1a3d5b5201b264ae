/** What pairing takes. Constants of the product, not settings: nobody needs to tune them, and tests make them small. */
export interface PairingLimits {
  /** How long a code may be claimed, and then how long its device may fetch the credential. */
  lifetimeMs: number;
  /** How often the device is told to ask. */
  intervalMs: number;
  codesPerMinutePerAddress: number;
  wrongCodesPerMinute: number;
  /** Of one pairing. */
  pollsPerMinute: number;
  unknownPairingsPerMinutePerAddress: number;
  maxOpenPerAddress: number;
  maxOpen: number;
}

export const PAIRING_LIMITS: PairingLimits = {
  lifetimeMs: 10 * 60_000,
  intervalMs: 2_000,
  codesPerMinutePerAddress: 10,
  wrongCodesPerMinute: 10,
  pollsPerMinute: 60,
  unknownPairingsPerMinutePerAddress: 60,
  maxOpenPerAddress: 50,
  maxOpen: 10_000,
};

/** A limit of so many a minute. */
export const perMinute = (limit: number) => ({ limit, windowMs: 60_000 });
