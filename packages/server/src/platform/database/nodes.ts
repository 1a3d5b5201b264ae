import { type Clock, sleep } from '../clock.js';
import type { Log } from '../log.js';
import type { Database, HeldLock, Queryable } from './database.js';

export interface NodeClaim {
  /** NODE_NAME: one live process a name. */
  name: string;
  /** UUID of this start. */
  incarnation: string;
  region?: string | undefined;
  /** True without Redis: then no other node may live on this database. */
  singleNode: boolean;
}

export interface ClaimedNode {
  readonly name: string;
  readonly incarnation: string;
  /** By the monotonic clock: false when the lease could not be renewed for 14 of its 15 s, or when this process stood still. */
  leaseIsLive(): boolean;
  /** Since when it has been live without a break, by the monotonic clock; undefined while it is not. */
  leaseSince(): number | undefined;
  /** When it was renewed last, by the monotonic clock. */
  renewedAt(): number;
  release(): Promise<void>;
}

export interface NodeDeps {
  database: Database;
  clock: Clock;
  log: Log;
  /** The connection that held the name is gone, or its row is another's: another process may have it by now, so this one should stop. */
  onLost: () => void;
}

/** Another process has the name, or runs where only one may. */
export class NodeRefused extends Error {
  override readonly name = 'NodeRefused';
}

const PATIENCE_MS = 15_000;
const PAUSE_MS = 250;
/** Of a lease, which is renewed when it has 10 s left. */
export const LEASE_MS = 15_000;
const RENEWAL_MS = 5_000;
/** One's own ends so long before others may act. */
const MARGIN_MS = 1_000;
/** More than clocks drift apart between two renewals. */
const STOOD_STILL_MS = 1_000;
/** Of a name that nobody holds: far longer than a lease. */
const FORGOTTEN_AFTER_MS = 3_600_000;
const SINGLE_NODE_LOCK = 'bongsu:single-node';

const lockOf = (name: string) => `bongsu:node:${name}`;

/**
 * Takes the node's name, on a connection of its own, so that the name is free at once when this process dies.
 * @throws NodeRefused when the name is still held after 15 s, or by the single-node rule @throws DatabaseError
 */
export async function claimNode(claim: NodeClaim, deps: NodeDeps): Promise<ClaimedNode> {
  const giveUpAt = deps.clock.monotonic() + PATIENCE_MS;
  const locks: HeldLock[] = [];
  const take = async (lock: string, refusal: (holder: string) => string) => {
    locks.push(await waitForLock(lock, `bongsu ${claim.name}`, giveUpAt, refusal, deps));
  };
  try {
    await take(
      lockOf(claim.name),
      (holder) => `The node name "${claim.name}" is held by ${holder}: give this node a NODE_NAME of its own`,
    );
    await take(SINGLE_NODE_LOCK, onlyOne);
    if (claim.singleNode) {
      await refuseBesideOthers(claim.name, giveUpAt, deps);
      return await keep(claim, locks, deps);
    }
    const node = await keep(claim, locks.slice(0, 1), deps);
    // The others only look whether somebody keeps it. Not before their row is there: who has it next goes by the rows.
    await locks.pop()?.release();
    return node;
  } catch (error) {
    await Promise.all(locks.map((lock) => lock.release()));
    throw error;
  }
}

const onlyOne = (holder: string) =>
  `Without Redis only one node may run, and ${holder} lives on this database: set REDIS_URL on all of them`;

async function waitForLock(
  lock: string,
  note: string,
  giveUpAt: number,
  refusal: (holder: string) => string,
  { database, clock, log }: NodeDeps,
): Promise<HeldLock> {
  for (let tries = 1; ; tries += 1) {
    const held = await database.tryLock(lock, note);
    if (held) return held;
    if (tries === 1) log.info({ lock }, 'Waiting for another process to let go of a lock');
    if (clock.monotonic() + PAUSE_MS > giveUpAt) {
      throw new NodeRefused(refusal(await describeHolder(database, lock)));
    }
    await sleep(clock, PAUSE_MS);
  }
}

async function refuseBesideOthers(own: string, giveUpAt: number, deps: NodeDeps): Promise<void> {
  const others = await deps.database.query<{ name: string }>('select name from nodes where name <> $1', [
    own,
  ]);
  const forgottenAt = Math.floor(deps.clock.monotonic() + deps.database.clockOffsetMs()) - FORGOTTEN_AFTER_MS;
  for (const { name } of others) {
    const free = await waitForLock(lockOf(name), `bongsu ${own}`, giveUpAt, onlyOne, deps);
    // It lives no more, and its lease is long over: the next one need not ask for it. Its lock is held, so it cannot come back now.
    await forgetNode(deps.database, name, forgottenAt).finally(() => free.release());
  }
}

async function describeHolder(database: Queryable, lock: string): Promise<string> {
  const [holder] = await database.query<{ application: string; address: string | null; pid: number }>(
    `select a.application_name as application, host(a.client_addr) as address, a.pid
     from pg_locks l join pg_stat_activity a on a.pid = l.pid
     where l.locktype = 'advisory' and l.granted
       and ((l.classid::int8 << 32) | l.objid::int8) = hashtextextended($1, 0)`,
    [lock],
  );
  if (!holder) return 'another process';
  return `"${holder.application}" at ${holder.address ?? 'this machine'} (backend ${holder.pid})`;
}

async function keep(claim: NodeClaim, locks: HeldLock[], deps: NodeDeps): Promise<ClaimedNode> {
  const { database, clock, log } = deps;
  let leaseEndsAt = Number.NEGATIVE_INFINITY;
  let renewedAt = Number.NEGATIVE_INFINITY;
  let liveSince = 0;
  let isOver = false;
  /** The database's clock minus the monotonic one, at the most, as it was at the last renewal. */
  let offsetMs = Number.POSITIVE_INFINITY;
  const write = async (how: typeof takeRow): Promise<void> => {
    const startedAt = clock.monotonic();
    const leaseUntil = Math.round(startedAt + database.clockOffsetMs() + LEASE_MS);
    const databaseNow = await how(database, claim, leaseUntil);
    // A renewal that was under way when the locks went says nothing any more.
    if (isOver) return;
    if (databaseNow === undefined) return lose();
    const endedAt = clock.monotonic();
    if (databaseNow - endedAt > offsetMs + STOOD_STILL_MS) return beginAnew();
    offsetMs = databaseNow - startedAt;
    if (endedAt >= leaseEndsAt) liveSince = endedAt;
    leaseEndsAt = startedAt + LEASE_MS - MARGIN_MS;
    renewedAt = startedAt;
  };
  /** The monotonic clock stands still while the machine sleeps: the lease was over meanwhile, and what was written is of another time. */
  const beginAnew = async () => {
    log.warn({ name: claim.name }, 'This process stood still: its lease begins anew');
    leaseEndsAt = Number.NEGATIVE_INFINITY;
    await database.measureClock();
    offsetMs = Number.POSITIVE_INFINITY;
    await write(renewRow);
  };
  const leaseIsLive = () => clock.monotonic() < leaseEndsAt;
  await write(takeRow);
  const stopRenewing = clock.every(RENEWAL_MS, () => {
    write(renewRow).catch((error: unknown) =>
      log.warn({ err: error }, "The node's lease could not be renewed"),
    );
  });
  const end = () => {
    isOver = true;
    leaseEndsAt = Number.NEGATIVE_INFINITY;
    stopRenewing();
  };
  const lose = async () => {
    if (isOver) return;
    end();
    // Each lock has a connection of its own: one that stands would refuse this very process when it claims the name anew.
    await Promise.all(locks.map((lock) => lock.release()));
    deps.onLost();
  };
  void Promise.race(locks.map((lock) => lock.lost)).then(lose);
  return {
    name: claim.name,
    incarnation: claim.incarnation,
    leaseIsLive,
    leaseSince: () => (leaseIsLive() ? liveSince : undefined),
    renewedAt: () => renewedAt,
    async release() {
      end();
      const now = Math.round(clock.monotonic() + database.clockOffsetMs());
      await endLease(database, claim, now).catch(() => undefined);
      await Promise.all(locks.map((lock) => lock.release()));
    },
  };
}

const NOW = '(extract(epoch from clock_timestamp()) * 1000)::float8 as ms';

/** What takes longer than until the next renewal hangs on a connection that is no more. */
const WRITE = { timeoutMs: RENEWAL_MS };

/**
 * Who had the name before is over: what it held is counted until the last renewal of its lease (docs/decisions/0070-rooms-in-sql.md).
 * This process is not, whatever was noted of it while it was cut off. Answers the database's clock.
 */
async function takeRow(database: Database, claim: NodeClaim, leaseUntil: number) {
  const rows = await database.query<{ ms: number }>(
    `with former as (
       insert into ended_nodes (incarnation, lived_until, lease_until)
       select incarnation, lease_until - $5, case when $6 then lease_until else 0 end
       from nodes where name = $1 and incarnation <> $2
       on conflict do nothing
     ), own as (
       delete from ended_nodes where incarnation = $2
     )
     insert into nodes (name, incarnation, lease_until, region) values ($1, $2, $3, $4)
     on conflict (name) do update
     set incarnation = excluded.incarnation, lease_until = excluded.lease_until, region = excluded.region
     returning ${NOW}`,
    // Cut off from a PostgreSQL it may live elsewhere, and believe in its lease; of a data folder there is one process at a time.
    [claim.name, claim.incarnation, leaseUntil, claim.region ?? null, LEASE_MS, database.kind === 'postgres'],
    WRITE,
  );
  return rows[0]?.ms;
}

/** Undefined when another process has the name by now: it took it while this one was cut off and did not know that its lock was gone. */
async function renewRow(database: Database, claim: NodeClaim, leaseUntil: number) {
  const [row] = await database.query<{ ms: number }>(
    `update nodes set lease_until = $3 where name = $1 and incarnation = $2 returning ${NOW}`,
    [claim.name, claim.incarnation, leaseUntil],
    WRITE,
  );
  return row?.ms;
}

async function forgetNode(database: Queryable, name: string, forgottenAt: number): Promise<void> {
  await database.query(
    `with forgotten as (delete from nodes where name = $1 and lease_until < $2 returning incarnation, lease_until)
     insert into ended_nodes (incarnation, lived_until) select incarnation, lease_until - $3 from forgotten
     on conflict do nothing`,
    [name, forgottenAt, LEASE_MS],
  );
}

/** Its last moment is known: the row itself says only that the lease is over. */
async function endLease(database: Queryable, claim: NodeClaim, now: number): Promise<void> {
  await database.query(
    `with ended as (update nodes set lease_until = 0 where name = $1 and incarnation = $2 returning incarnation)
     insert into ended_nodes (incarnation, lived_until) select incarnation, $3 from ended
     on conflict (incarnation) do update set lived_until = excluded.lived_until`,
    [claim.name, claim.incarnation, now],
  );
}
