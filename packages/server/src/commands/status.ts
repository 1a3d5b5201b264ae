import {
  BongsuError,
  type Command,
  type CommandOrUnknown,
  type CommandState,
  type Delivery,
  type DeliveryStatus,
} from '@bongsu/protocol';
import type { Principal } from '../platform/principal.js';
import type { ScreenGrant } from '../screens/index.js';
import type { CommandRow, DeliveryRow, StatusLedger } from './status-ledger.js';

export interface StatusDeps {
  ledger: StatusLedger;
  authorize(
    principal: Principal,
    screenId: string,
  ): ScreenGrant | undefined | Promise<ScreenGrant | undefined>;
}

/** What became of the caller's own commands, in the order asked. @throws BongsuError */
export async function statusOf(
  deps: StatusDeps,
  principal: Principal,
  ids: readonly string[],
): Promise<CommandOrUnknown[]> {
  if (principal.kind !== 'user') throw new BongsuError('FORBIDDEN');
  const rows = await deps.ledger.read(principal.userId, ids);
  const known = new Map(rows.map((row) => [row.id, toCommand(row)]));
  return ids.map((id) => known.get(id) ?? { id, status: 'unknown' });
}

/**
 * One command: the caller's own, or that of `senderId` for the screen's owner and for admins. Of a room's command the owner of a
 * member screen sees that screen's delivery only.
 * @throws NOT_FOUND also for what belongs to somebody else
 */
export async function getCommand(
  deps: StatusDeps,
  principal: Principal,
  id: string,
  senderId: string | undefined,
): Promise<Command> {
  if (principal.kind !== 'user') throw new BongsuError('FORBIDDEN');
  const sender = senderId ?? principal.userId;
  const [row] = await deps.ledger.read(sender, [id]);
  if (!row) throw new BongsuError('NOT_FOUND');
  if (sender === principal.userId || principal.role === 'admin') return toCommand(row);
  const owned = await Promise.all(row.deliveries.map(({ screenId }) => owns(deps, principal, screenId)));
  if (!owned.includes(true)) throw new BongsuError('NOT_FOUND');
  return toCommand({ ...row, deliveries: row.deliveries.filter((_, index) => owned[index]) });
}

async function owns(deps: StatusDeps, principal: Principal, screenId: string): Promise<boolean> {
  const grant = await deps.authorize(principal, screenId);
  return grant?.role === 'owner' || grant?.role === 'admin';
}

export function toCommand(row: CommandRow): Command {
  const deliveries = row.deliveries.map(toDelivery);
  return {
    id: row.id,
    type: row.type,
    target: { [`${row.kind}Id`]: row.name },
    status: commandState(deliveries.map(({ status }) => status)),
    acceptedAt: row.acceptedAt,
    deliveries,
  };
}

function toDelivery(row: DeliveryRow): Delivery {
  const status = row.status ?? (row.failed > 0 ? 'retrying' : 'pending');
  return {
    screenId: row.screenId,
    status,
    attempts: row.attempts ?? row.failed + row.lost,
    executedAt: status === 'executed' ? row.at : null,
    error: row.error ?? row.lastError,
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(status === 'retrying' && row.nextAt !== null ? { nextAt: row.nextAt } : {}),
  };
}

/** `accepted` until all deliveries are terminal, then `executed` (all, or none to do), `partial`, or the one common state. */
export function commandState(deliveries: readonly DeliveryStatus[]): CommandState {
  const [first = 'executed'] = deliveries;
  if (deliveries.some((status) => status === 'pending' || status === 'retrying')) return 'accepted';
  if (first === 'pending' || first === 'retrying') return 'accepted';
  return deliveries.every((status) => status === first) ? first : 'partial';
}
