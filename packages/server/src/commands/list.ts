import {
  BongsuError,
  type Command,
  type CommandItem,
  type Delivery,
  type DeliveryStatus,
  ValidationError,
} from '@bongsu/protocol';
import type { Principal, UserPrincipal } from '../platform/principal.js';
import type { CommandListStore, InboxRow, SentPosition, SentRow } from './command-list-store.js';
import { commandState, getCommand, type StatusDeps, statusOf } from './status.js';

export interface ListDeps {
  status: StatusDeps;
  store: Pick<CommandListStore, 'inbox' | 'sent' | 'sentBy'>;
  /** The present names of senders. */
  usernames(userIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
}

export interface CommandPage {
  items: CommandItem[];
  nextCursor: string | null;
}

interface PageQuery {
  cursor?: string | undefined;
  limit: number;
}

/**
 * Commands, the newest first: the caller's own, or with `screenId` what that screen was sent. Its owner and admins see all of that,
 * controllers what they sent themselves.
 * @throws SCREEN_NOT_FOUND; VALIDATION_ERROR for a cursor that is none
 */
export function listCommands(
  deps: ListDeps,
  principal: Principal,
  query: PageQuery & { screenId?: string | undefined },
): Promise<CommandPage> {
  if (principal.kind !== 'user') throw new BongsuError('FORBIDDEN');
  return query.screenId === undefined
    ? listSent(deps, principal, query)
    : listInbox(deps, principal, query.screenId, query);
}

/**
 * One command as lists have it, to whom `getCommand` tells of it.
 * @throws NOT_FOUND
 */
export async function readCommand(
  deps: ListDeps,
  principal: Principal,
  id: string,
  senderId: string | undefined,
): Promise<CommandItem> {
  if (principal.kind !== 'user') throw new BongsuError('FORBIDDEN');
  const sender = senderId ?? principal.userId;
  const command = await getCommand(deps.status, principal, id, sender);
  const row = await deps.store.sent(sender, id);
  // Pruned between the two statements.
  if (!row) throw new BongsuError('NOT_FOUND');
  const names = await deps.usernames([sender]);
  return { ...command, ...sentFields(row, names.get(sender) ?? '') };
}

async function listSent(deps: ListDeps, user: UserPrincipal, query: PageQuery): Promise<CommandPage> {
  const rows = await deps.store.sentBy(user.userId, sentPosition(query.cursor), query.limit + 1);
  const page = rows.slice(0, query.limit);
  const commands = await statusOf(
    deps.status,
    user,
    page.map(({ id }) => id),
  );
  const items = page.flatMap((row, index) => {
    const command = commands[index];
    // Pruned between the two statements.
    if (!command || command.status === 'unknown') return [];
    return [{ ...(command as Command), ...sentFields(row, user.username) }];
  });
  const last = rows.length > query.limit ? page.at(-1) : undefined;
  return { items, nextCursor: last ? encode([last.acceptedAt, last.streamId, last.seq]) : null };
}

async function listInbox(
  deps: ListDeps,
  user: UserPrincipal,
  screenId: string,
  query: PageQuery,
): Promise<CommandPage> {
  const grant = await deps.status.authorize(user, screenId);
  if (!grant) throw new BongsuError('SCREEN_NOT_FOUND');
  const [before] = decode(query.cursor, 1) ?? [];
  const own = grant.role === 'controller' ? user.userId : undefined;
  const rows = await deps.store.inbox(grant.streamId, own, before, query.limit + 1);
  const page = rows.slice(0, query.limit);
  const names = await deps.usernames([...new Set(page.map(({ senderId }) => senderId))]);
  const last = rows.length > query.limit ? page.at(-1) : undefined;
  return {
    items: page.map((row) => toItem(row, screenId, names.get(row.senderId) ?? '')),
    nextCursor: last ? encode([last.seq]) : null,
  };
}

/** With the delivery to this screen only: what became of it on others is not this owner's to see. */
function toItem(row: InboxRow, screenId: string, username: string): CommandItem {
  const delivery = toDelivery(row, screenId);
  return {
    id: row.id,
    type: row.type,
    target: { [`${row.kind}Id`]: row.name },
    status: commandState([delivery.status]),
    acceptedAt: row.acceptedAt,
    deliveries: [delivery],
    ...sentFields(row, username),
  };
}

function toDelivery(row: InboxRow, screenId: string): Delivery {
  const status: DeliveryStatus = row.status ?? (row.failed > 0 ? 'retrying' : 'pending');
  return {
    screenId,
    status,
    attempts: row.attempts ?? row.failed + row.lost,
    executedAt: row.status === 'executed' ? row.at : null,
    error: row.error ?? row.lastError,
    ...(row.reason === null ? {} : { reason: row.reason }),
    ...(status === 'retrying' && row.nextAt !== null ? { nextAt: row.nextAt } : {}),
  };
}

function sentFields({ senderId, payload, expiresAt }: SentRow, username: string) {
  return {
    from: { userId: senderId, username },
    payload: JSON.parse(payload) as CommandItem['payload'],
    expiresAt,
  };
}

function sentPosition(cursor: string | undefined): SentPosition | undefined {
  const [acceptedAt, streamId, seq] = decode(cursor, 3) ?? [];
  if (acceptedAt === undefined || streamId === undefined || seq === undefined) return undefined;
  return { acceptedAt, streamId, seq };
}

function encode(numbers: readonly number[]): string {
  return Buffer.from(numbers.join(':')).toString('base64url');
}

function decode(cursor: string | undefined, count: number): number[] | undefined {
  if (cursor === undefined) return undefined;
  const parts = Buffer.from(cursor, 'base64url').toString().split(':');
  if (parts.length === count && parts.every((part) => /^\d{1,15}$/.test(part))) return parts.map(Number);
  throw new ValidationError([{ path: 'cursor', message: 'must be the nextCursor of an earlier page' }]);
}
