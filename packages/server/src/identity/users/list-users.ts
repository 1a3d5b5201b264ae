import { type ManagedUser, ValidationError } from '@bongsu/protocol';
import {
  findManagedUserByEmail,
  findManagedUsers,
  type ManagedUserRow,
  type UserPosition,
} from '../store/managed-users.js';
import type { UsersCore } from './core.js';

export interface UserPage {
  items: ManagedUser[];
  nextCursor: string | null;
}

/** The oldest first; with `email` the one who has exactly that address. @throws VALIDATION_ERROR for a cursor that is none */
export async function listUsers(
  core: UsersCore,
  query: { cursor?: string | undefined; limit: number; email?: string | undefined },
): Promise<UserPage> {
  const { reads = core.database } = core;
  if (query.email !== undefined) {
    const row = await findManagedUserByEmail(reads, core.people().indexOf(query.email));
    return { items: row ? [toManagedUser(core, row)] : [], nextCursor: null };
  }
  const after = query.cursor === undefined ? undefined : decodeCursor(query.cursor);
  // One more than asked tells whether there is a next page.
  const rows = await findManagedUsers(reads, { after, limit: query.limit + 1 });
  const page = rows.slice(0, query.limit);
  const last = rows.length > query.limit ? page.at(-1) : undefined;
  return {
    items: page.map((row) => toManagedUser(core, row)),
    nextCursor: last ? encodeCursor(last) : null,
  };
}

export function toManagedUser(core: UsersCore, row: ManagedUserRow): ManagedUser {
  return { ...core.people().profile(row), disabled: row.status === 'disabled', mfa: row.mfa };
}

function encodeCursor({ createdAt, id }: UserPosition): string {
  return Buffer.from(`${createdAt}:${id}`).toString('base64url');
}

function decodeCursor(cursor: string): UserPosition {
  const [, createdAt, id] =
    /^(\d{1,15}):([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$/.exec(
      Buffer.from(cursor, 'base64url').toString(),
    ) ?? [];
  if (createdAt === undefined || id === undefined) {
    throw new ValidationError([{ path: 'cursor', message: 'must be the nextCursor of an earlier page' }]);
  }
  return { createdAt: Number(createdAt), id };
}
