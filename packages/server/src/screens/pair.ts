import { BongsuError, type Pairing, RateLimitError } from '@bongsu/protocol';
import { addressKey } from '../guards/address.js';
import { prefixedId, randomToken } from '../platform/ids.js';
import type { Origin } from '../platform/principal.js';
import { auditDevice } from './audit.js';
import type { ScreensContext } from './deps.js';
import { makeCode } from './pairing-code.js';
import { perMinute } from './pairing-limits.js';
import { hashSecret } from './pairing-secret.js';
import { countOpenPairings, insertPairing } from './store/pairings.js';

const SECRET_BYTES = 32;
const CODE_TRIES = 5;
const USER_AGENT_CHARACTERS = 300;
const FULL_RETRY_MS = 60_000;

/**
 * A device asks for a code to show. Nobody is signed in here, so all of it is limited by address and bounded in all.
 * @throws RATE_LIMIT; BUSY when too many codes wait to be claimed
 */
export async function createPairing(context: ScreensContext, origin: Origin): Promise<Pairing> {
  const { pairing: limits } = context.config;
  const key = addressKey(origin.address);
  await context.rateLimiter.enforceLimit('pairing', key, perMinute(limits.codesPerMinutePerAddress));
  const now = Math.floor(context.databaseClock());
  const open = await countOpenPairings(context.database, key, now);
  if (open.ofAddress >= limits.maxOpenPerAddress) throw new RateLimitError(FULL_RETRY_MS);
  if (open.all >= limits.maxOpen) throw new BongsuError('BUSY', { retryAfterMs: FULL_RETRY_MS });

  const id = prefixedId('pair');
  const pairingSecret = randomToken(SECRET_BYTES);
  const code = await insertWithFreshCode(context, origin, {
    id,
    secretHash: hashSecret(pairingSecret),
    createdAt: now,
    expiresAt: now + limits.lifetimeMs,
    addressKey: key,
    address: origin.address,
    userAgent: origin.userAgent.slice(0, USER_AGENT_CHARACTERS),
  });
  return {
    pairingId: id,
    pairingSecret,
    code,
    expiresIn: limits.lifetimeMs / 1_000,
    intervalMs: limits.intervalMs,
  };
}

type NewPairing = Omit<Parameters<typeof insertPairing>[1], 'code'>;

function insertWithFreshCode(context: ScreensContext, origin: Origin, pairing: NewPairing): Promise<string> {
  return context.database.transaction(async (tx) => {
    for (let tries = 0; tries < CODE_TRIES; tries += 1) {
      const code = makeCode();
      if (!(await insertPairing(tx, { ...pairing, code }))) continue;
      await auditDevice(context, tx, origin, {
        action: 'screen_pairing_started',
        target: { type: 'pairing', ref: pairing.id },
      });
      return code;
    }
    throw new BongsuError('BUSY', { retryAfterMs: context.config.pairing.intervalMs });
  });
}
