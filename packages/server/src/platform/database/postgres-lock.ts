import pg from 'pg';
import type { Clock } from '../clock.js';
import type { HeldLock } from './database.js';
import { toDatabaseError } from './faults.js';

const HEARTBEAT_MS = 5_000;
/** A holder that vanished without a word is noticed by the server within nine seconds, sooner than anybody gives up waiting for its lock. */
const KEEPALIVE =
  'set tcp_keepalives_idle = 3; set tcp_keepalives_interval = 2; set tcp_keepalives_count = 3';

/** The end of a connection that was cut without a word is waited for no longer: the server notices by itself. */
const LET_GO_MS = 1_000;

/** PostgreSQL cuts application names here. */
const LONGEST_NAME = 63;

/** A session advisory lock on a connection of its own, so that nothing but its loss or its release gives it up. */
export async function tryAdvisoryLock(
  config: pg.ClientConfig,
  clock: Clock,
  name: string,
  note: string,
): Promise<HeldLock | undefined> {
  const client = new pg.Client({
    ...config,
    query_timeout: HEARTBEAT_MS,
    ...(note ? { application_name: note.slice(0, LONGEST_NAME) } : {}),
  });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query(KEEPALIVE);
    const { rows } = await client.query<{ held: boolean }>(
      'select pg_try_advisory_lock(hashtextextended($1, 0)) as held',
      [name],
    );
    if (rows[0]?.held) return held(client, clock);
  } catch (error) {
    await letGo(client, clock);
    throw toDatabaseError(error, 'connection');
  }
  await letGo(client, clock);
  return undefined;
}

async function letGo(client: pg.Client, clock: Clock): Promise<void> {
  const cancel = clock.after(LET_GO_MS, () => void client.connection.stream.destroy());
  await client.end().catch(() => undefined);
  cancel();
}

function held(client: pg.Client, clock: Clock): HeldLock {
  let released = false;
  let stop = () => {};
  const lost = new Promise<void>((resolve) => {
    const onLost = () => {
      stop();
      if (released) return;
      released = true;
      resolve();
      void letGo(client, clock);
    };
    client.on('error', onLost);
    client.on('end', onLost);
    // A connection that was cut without a word shows only when something is asked of it.
    stop = clock.every(HEARTBEAT_MS, () => void client.query('select 1').catch(onLost));
  });
  return {
    lost,
    async release() {
      if (released) return;
      released = true;
      stop();
      await letGo(client, clock);
    },
  };
}
