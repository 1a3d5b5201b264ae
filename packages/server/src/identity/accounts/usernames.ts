import type { Core } from '../core.js';
import { findUsernames } from '../store/users.js';

/** Display names by id; ids of nobody are left out. One query, whatever their number. */
export async function usernames(core: Core, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  if (ids.length === 0) return new Map();
  const rows = await findUsernames(core.database, ids);
  return new Map(rows.map(({ id, username }) => [id, username]));
}
