import {
  BongsuError,
  type Command,
  type CommandOrUnknown,
  type CommandState,
  type DeliveryStatus,
} from '@bongsu/protocol';
import type { Principal } from '../platform/principal.js';
import type { ScreenGrant } from '../screens/index.js';
import type { CommandRow, StatusLedger } from './status-ledger.js';

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
 * One command: the caller's own, or that of `senderId` for the screen's owner and for admins.
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
  if (sender !== principal.userId && principal.role !== 'admin') {
    const grant = await deps.authorize(principal, row.name);
    if (grant?.role !== 'owner' && grant?.role !== 'admin') throw new BongsuError('NOT_FOUND');
  }
  return toCommand(row);
}

export function toCommand(row: CommandRow): Command {
  const status = deliveryStatus(row);
  return {
    id: row.id,
    type: row.type,
    target: { [`${row.kind}Id`]: row.name },
    status: commandState([status]),
    acceptedAt: row.acceptedAt,
    deliveries: [
      {
        screenId: row.name,
        status,
        attempts: row.attempts ?? row.failed + row.lost,
        executedAt: row.status === 'executed' ? row.at : null,
        error: row.error ?? row.lastError,
        ...(row.reason === null ? {} : { reason: row.reason }),
        ...(status === 'retrying' && row.nextAt !== null ? { nextAt: row.nextAt } : {}),
      },
    ],
  };
}

function deliveryStatus({ status, failed }: CommandRow): DeliveryStatus {
  return status ?? (failed > 0 ? 'retrying' : 'pending');
}

/** `accepted` until all deliveries are terminal, then `executed` (all, or none to do), `partial`, or the one common state. */
export function commandState(deliveries: readonly DeliveryStatus[]): CommandState {
  const [first = 'executed'] = deliveries;
  if (deliveries.some((status) => status === 'pending' || status === 'retrying')) return 'accepted';
  if (first === 'pending' || first === 'retrying') return 'accepted';
  return deliveries.every((status) => status === first) ? first : 'partial';
}
