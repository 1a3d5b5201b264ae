import { BongsuError, type DeviceCredential } from '@bongsu/protocol';
import { addressKey } from '../guards/address.js';
import type { Queryable } from '../platform/database/database.js';
import type { Origin } from '../platform/principal.js';
import { auditDevice } from './audit.js';
import type { ScreensContext } from './deps.js';
import { perMinute } from './pairing-limits.js';
import { isSecret, openAnswer, sealAnswer } from './pairing-secret.js';
import { closePairings, findPairing, lockPairing, type PairingRow, saveAnswer } from './store/pairings.js';
import { lockScreen } from './store/screens.js';

interface Redemption {
  origin: Origin;
  pairingId: string;
  pairingSecret: string;
}

/**
 * A device asks for what its pairing gave it. The answer stays the same until the credential is first used, because it
 * may get lost on the way. Undefined: nobody has claimed the code yet.
 * @throws NOT_FOUND for an unknown pairing or a wrong secret; PAIRING_CLOSED once used or expired; RATE_LIMIT
 */
export async function redeemPairing(
  context: ScreensContext,
  redemption: Redemption,
): Promise<DeviceCredential | undefined> {
  const pairing = await authenticPairing(context, redemption);
  if (!isOpen(context, pairing)) throw new BongsuError('PAIRING_CLOSED');
  const { screenId } = pairing;
  if (screenId === null) return undefined;
  if (pairing.answer === null) return issueAnswer(context, redemption, screenId);
  // Not within a transaction: it may ask the database on a connection of its own.
  if (await context.identity.deviceUsed(screenId)) {
    await closePairings(context.database, screenId, Math.floor(context.databaseClock()));
    throw new BongsuError('PAIRING_CLOSED');
  }
  return openAnswer(redemption.pairingSecret, pairing.id, pairing.answer);
}

async function authenticPairing(context: ScreensContext, redemption: Redemption): Promise<PairingRow> {
  const { rateLimiter, config } = context;
  const { pairingId, pairingSecret, origin } = redemption;
  const unknown = perMinute(config.pairing.unknownPairingsPerMinutePerAddress);
  const key = addressKey(origin.address);
  await rateLimiter.enforceLimit('pairing-token', pairingId, perMinute(config.pairing.pollsPerMinute));
  await rateLimiter.enforceLimit('pairing-unknown', key, unknown);
  const pairing = await findPairing(context.database, pairingId);
  if (!pairing || !isSecret(pairingSecret, pairing.secretHash)) throw new BongsuError('NOT_FOUND');
  await rateLimiter.refund('pairing-unknown', key, unknown);
  return pairing;
}

function isOpen(context: ScreensContext, pairing: PairingRow): boolean {
  return pairing.closedAt === null && pairing.expiresAt > context.databaseClock();
}

function issueAnswer(
  context: ScreensContext,
  redemption: Redemption,
  screenId: string,
): Promise<DeviceCredential> {
  return context.database.transaction(async (tx) => {
    // The screen before the pairing, as in every other verb, so that none waits for the other in a circle.
    await lockScreen(tx, screenId);
    const pairing = await lockPairing(tx, redemption.pairingId);
    if (!pairing || !isOpen(context, pairing)) throw new BongsuError('PAIRING_CLOSED');
    if (pairing.answer) return openAnswer(redemption.pairingSecret, pairing.id, pairing.answer);
    return issue(context, tx, redemption, screenId);
  });
}

async function issue(
  context: ScreensContext,
  tx: Queryable,
  { origin, pairingId, pairingSecret }: Redemption,
  screenId: string,
): Promise<DeviceCredential> {
  const credential = await context.identity.issueDeviceCredential(tx, screenId);
  const expiresAt = Math.floor(context.databaseClock()) + context.config.pairing.lifetimeMs;
  await saveAnswer(tx, pairingId, sealAnswer(pairingSecret, pairingId, credential), expiresAt);
  await auditDevice(context, tx, origin, {
    action: 'screen_pairing_redeemed',
    target: { type: 'pairing', ref: pairingId },
    data: { screenId },
  });
  return credential;
}
