import { BongsuError, type Command } from '@bongsu/protocol';
import type { Principal } from '../platform/principal.js';
import type { CommandListStore, DeliveryPlace } from './command-list-store.js';
import { getCommand, type StatusDeps } from './status.js';
import type { CancelDelivery, Cancellation } from './types.js';

export interface CancelDeps {
  status: StatusDeps;
  store: Pick<CommandListStore, 'placesOf'>;
  /** Decides for a screen that this node holds, or that nobody does: only its holder knows what it has sent. */
  cancel: CancelDelivery;
  /** Has other nodes decide for the screens that they hold; in the order of `places`. */
  cancelElsewhere(places: readonly DeliveryPlace[]): Promise<Cancellation[]>;
}

const AT_ONCE = 16;
const RETRY_MS = 1000;

/**
 * Takes a command back from every screen that was not sent it yet. Repeating it answers the same.
 * @throws NOT_FOUND as for reading it; CONFLICT with `details` when every delivery is in flight or has ended; UNAVAILABLE when a
 * screen's holder did not answer
 */
export async function cancelCommand(
  deps: CancelDeps,
  principal: Principal,
  id: string,
  senderId: string | undefined,
): Promise<Command> {
  // Who may read it may take it back: its sender, the screen's owner, admins.
  const before = await getCommand(deps.status, principal, id, senderId);
  if (principal.kind !== 'user') throw new BongsuError('FORBIDDEN');
  const sender = senderId ?? principal.userId;
  const places = await deps.store.placesOf(sender, id);
  const isAll = sender === principal.userId || principal.role === 'admin';
  const outcomes = await cancelAll(deps, isAll ? places : shownIn(before, places));
  if (outcomes.includes('elsewhere')) throw new BongsuError('UNAVAILABLE', { retryAfterMs: RETRY_MS });
  const after =
    outcomes.includes('cancelled') || outcomes.includes('ended')
      ? await getCommand(deps.status, principal, id, senderId)
      : before;
  if (after.deliveries.some(({ status }) => status === 'cancelled')) return after;
  throw new BongsuError('CONFLICT', {
    details: outcomes.includes('in-flight')
      ? { reason: 'in-flight' }
      : { reason: 'ended', status: after.status },
  });
}

/** Of a room's command the owner of one member screen has a say about that screen only. */
function shownIn({ deliveries }: Command, places: readonly DeliveryPlace[]): DeliveryPlace[] {
  const screens = new Set(deliveries.map(({ screenId }) => screenId));
  return places.filter(({ screenId }) => screens.has(screenId));
}

/** Here first; then those of other holders are passed on to them, all of one holder at once. */
async function cancelAll(deps: CancelDeps, places: readonly DeliveryPlace[]): Promise<Cancellation[]> {
  const outcomes = await cancelEach(deps.cancel, places);
  const elsewhere = places.filter((_, i) => outcomes[i] === 'elsewhere');
  if (elsewhere.length === 0) return outcomes;
  return [
    ...outcomes.filter((outcome) => outcome !== 'elsewhere'),
    ...(await deps.cancelElsewhere(elsewhere)),
  ];
}

/** A few at a time, in the order of `places`. */
export async function cancelEach(
  cancel: CancelDelivery,
  places: readonly DeliveryPlace[],
): Promise<Cancellation[]> {
  const outcomes: Cancellation[] = [];
  for (let i = 0; i < places.length; i += AT_ONCE) {
    const some = places.slice(i, i + AT_ONCE);
    outcomes.push(...(await Promise.all(some.map((place) => cancelOne(cancel, place)))));
  }
  return outcomes;
}

async function cancelOne(
  cancel: CancelDelivery,
  { screenId, streamId, seq, status }: DeliveryPlace,
): Promise<Cancellation> {
  return status === null ? cancel(screenId, streamId, seq) : 'ended';
}
