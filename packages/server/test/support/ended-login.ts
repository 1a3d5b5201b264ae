import type { Database } from '../../src/platform/database/database.js';

/** What `work` asks for was let in while its login was open; the login ends before what it asks for begins to change something. */
export async function endedMeanwhile<T>(
  database: Database,
  userId: string,
  work: () => Promise<T>,
): Promise<T> {
  const transaction = database.transaction.bind(database);
  database.transaction = async (...args) => {
    await database.query('update sessions set revoked_at = 1 where user_id = $1', [userId]);
    return transaction(...args);
  };
  return work().finally(() => {
    database.transaction = transaction;
  });
}
