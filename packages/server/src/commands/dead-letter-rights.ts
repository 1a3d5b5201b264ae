import { BongsuError } from '@bongsu/protocol';
import type { Principal } from '../platform/principal.js';
import { isEnoughFor } from '../platform/rights.js';
import type { ScreenGrant } from '../screens/index.js';
import type { DeadLetterQueue } from './dead-letter-queue.js';

export interface LetterRights {
  letters: Pick<DeadLetterQueue, 'screenOf'>;
  authorize(
    principal: Principal,
    screenId: string,
  ): ScreenGrant | undefined | Promise<ScreenGrant | undefined>;
  /** The screens that a user owns. */
  ownedScreens(userId: string): Promise<readonly string[]>;
}

/**
 * Whose letters the caller may see: undefined for all. Owners see those of their screens, admins everybody's, also those of screens
 * that are gone.
 * @throws NOT_FOUND for a screen that is unknown or somebody else's
 */
export async function visibleScreens(
  rights: LetterRights,
  principal: Principal,
  screenId: string | undefined,
): Promise<readonly string[] | undefined> {
  if (principal.kind !== 'user') throw new BongsuError('FORBIDDEN');
  if (principal.role === 'admin') return screenId === undefined ? undefined : [screenId];
  if (screenId === undefined) return rights.ownedScreens(principal.userId);
  await mustOwn(rights, principal, screenId);
  return [screenId];
}

/** @throws NOT_FOUND for a letter that is unknown or somebody else's */
export async function accessLetter(rights: LetterRights, principal: Principal, id: string): Promise<void> {
  if (principal.kind !== 'user') throw new BongsuError('FORBIDDEN');
  const screenId = await rights.letters.screenOf(id);
  if (screenId === undefined) throw new BongsuError('NOT_FOUND');
  if (principal.role !== 'admin') await mustOwn(rights, principal, screenId);
}

/** Reading them and sending them again take the same role. */
async function mustOwn(rights: LetterRights, principal: Principal, screenId: string): Promise<void> {
  const grant = await rights.authorize(principal, screenId);
  if (!grant || !isEnoughFor('dead-letters.read', grant.role)) throw new BongsuError('NOT_FOUND');
}
