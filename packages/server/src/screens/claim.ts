import { BongsuError, type ClaimedPairing, type Screen } from '@bongsu/protocol';
import { addressKey } from '../guards/address.js';
import type { Queryable } from '../platform/database/database.js';
import { auditCall } from './audit.js';
import { addScreen } from './create.js';
import type { Call, ScreensContext } from './deps.js';
import { normalizeCode } from './pairing-code.js';
import { perMinute } from './pairing-limits.js';
import { claimPairing as claimRow, lockPairingByCode, type PairingRow } from './store/pairings.js';
import { findScreen } from './store/screens.js';
import { toScreen } from './views.js';

const SCOPE = 'pairing-code';

/**
 * Makes the device that shows `code` a screen of the caller. Claiming it again answers the same screen.
 * @throws NOT_FOUND for a code that is wrong, expired or somebody else's; RATE_LIMIT past ten of those in a minute
 */
export async function claimPairing(
  context: ScreensContext,
  call: Call,
  input: { code: string; name: string },
): Promise<ClaimedPairing> {
  // Counted before the code is looked at, and given back when it was right: many guesses at once are no way around.
  const limit = perMinute(context.config.pairing.wrongCodesPerMinute);
  const counted = [`user:${call.user.userId}`, `ip:${addressKey(call.origin.address)}`];
  for (const key of counted) await context.rateLimiter.enforceLimit(SCOPE, key, limit);
  const code = normalizeCode(input.code);
  if (code === undefined) throw new BongsuError('NOT_FOUND');
  const { pairing, screen } = await context.database.transaction((tx) =>
    claim(context, tx, call, { code, name: input.name }),
  );
  for (const key of counted) await context.rateLimiter.refund(SCOPE, key, limit);
  return {
    screen: screen ?? (await screenOf(context, pairing)),
    device: { address: pairing.address, userAgent: pairing.userAgent },
  };
}

/** `screen` is undefined when the caller had claimed it before. */
async function claim(
  context: ScreensContext,
  tx: Queryable,
  call: Call,
  { code, name }: { code: string; name: string },
): Promise<{ pairing: PairingRow; screen?: Screen }> {
  const now = Math.floor(context.databaseClock());
  const pairing = await lockPairingByCode(tx, code);
  if (!pairing) throw new BongsuError('NOT_FOUND');
  if (pairing.claimedBy === call.user.userId) return { pairing };
  if (pairing.claimedBy !== null || pairing.expiresAt <= now) throw new BongsuError('NOT_FOUND');
  const screen = await addScreen(context, tx, call, name);
  await claimRow(tx, {
    id: pairing.id,
    userId: call.user.userId,
    screenId: screen.screenId,
    expiresAt: now + context.config.pairing.lifetimeMs,
  });
  await auditCall(context, tx, call, {
    action: 'screen_pairing_claimed',
    target: { type: 'pairing', ref: pairing.id },
    data: { screenId: screen.screenId },
  });
  return { pairing, screen };
}

async function screenOf(context: ScreensContext, pairing: PairingRow): Promise<Screen> {
  const row = pairing.screenId === null ? undefined : await findScreen(context.database, pairing.screenId);
  if (!row) throw new BongsuError('NOT_FOUND');
  return toScreen(context, row);
}
