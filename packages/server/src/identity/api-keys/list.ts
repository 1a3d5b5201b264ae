import { type ApiKey, ValidationError } from '@bongsu/protocol';
import type { UserPrincipal } from '../../platform/principal.js';
import type { Core } from '../core.js';
import { type ApiKeyRow, type KeyPosition, listApiKeyRows } from '../store/api-keys.js';

export interface ApiKeyPage {
  items: ApiKey[];
  nextCursor: string | null;
}

/** The caller's own keys, the newest first; ended ones too, for as long as they are kept. @throws VALIDATION_ERROR for a cursor that is none */
export async function listApiKeys(
  core: Core,
  { userId }: UserPrincipal,
  query: { cursor?: string | undefined; limit: number },
): Promise<ApiKeyPage> {
  const after = query.cursor === undefined ? undefined : decodeCursor(query.cursor);
  // One more than asked tells whether there is a next page.
  const rows = await listApiKeyRows(core.reads ?? core.database, userId, after, query.limit + 1);
  const items = rows.slice(0, query.limit);
  const last = rows.length > query.limit ? items.at(-1) : undefined;
  return { items, nextCursor: last ? encodeCursor(last) : null };
}

function encodeCursor({ createdAt, id }: ApiKeyRow): string {
  return Buffer.from(`${createdAt}:${id}`).toString('base64url');
}

function decodeCursor(cursor: string): KeyPosition {
  const [, createdAt, id] =
    /^(\d{1,15}):([0-9A-Za-z]{1,20})$/.exec(Buffer.from(cursor, 'base64url').toString()) ?? [];
  if (createdAt === undefined || id === undefined) {
    throw new ValidationError([{ path: 'cursor', message: 'must be the nextCursor of an earlier page' }]);
  }
  return { createdAt: Number(createdAt), id };
}
