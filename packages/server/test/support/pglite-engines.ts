import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Database } from '../../src/platform/database/database.js';
import { connectPglite } from '../../src/platform/database/pglite.js';
import { CLUSTER_FOLDER } from '../../src/platform/database/pglite-cluster.js';
import { PgliteHost } from '../../src/platform/database/pglite-host.js';
import { holdCompiledEngine } from './compiled-engine.js';
import { testDeps } from './deps.js';
import { createPgliteFolder } from './pglite-databases.js';

interface Engine {
  folder: string;
  host: PgliteHost;
  /** Empties every table, and puts back the rows that the migrations wrote. */
  renewal: string;
  /** Of all that the renewal does not put back. */
  mark: string;
  uses: number;
}

/** What a table had stays in its files, dead: after so many uses an engine is given up. */
const MOST_USES = 50;
const MOST_IDLE = 2;

const idle: Engine[] = [];

/**
 * A database with all migrations and nothing else in it, on an engine that an earlier test may have used: a start of its own
 * takes ten times the CPU of a renewal. A test that changed the schema, or had its engine start anew, takes the engine with it.
 */
export async function openOnEngine(): Promise<Database> {
  const engine = (await renewedEngine()) ?? (await startEngine());
  engine.uses += 1;
  const database = connectPglite({}, testDeps(), engine.host, () => giveBack(engine));
  await database.start();
  return database;
}

async function renewedEngine(): Promise<Engine | undefined> {
  for (let engine = idle.pop(); engine; engine = idle.pop()) {
    if (await renew(engine)) return engine;
    await end(engine);
  }
  return undefined;
}

async function renew({ host, renewal, mark }: Engine): Promise<boolean> {
  const renewed = async (database: Database) => {
    await database.exec(renewal);
    return (await readMark(database)) === mark;
  };
  return onHost(host, renewed).catch(() => false);
}

async function giveBack(engine: Engine): Promise<void> {
  if (engine.uses < MOST_USES && idle.length < MOST_IDLE) idle.push(engine);
  else await end(engine);
}

async function end({ host, folder }: Engine): Promise<void> {
  await host.close();
  await rm(folder, { recursive: true, force: true });
}

async function startEngine(): Promise<Engine> {
  await holdCompiledEngine();
  const folder = await createPgliteFolder(true);
  const cluster = join(folder, CLUSTER_FOLDER);
  const host = new PgliteHost({ cluster, throwAway: true }, { ...testDeps(), onFatal: () => {} });
  await host.start();
  const [renewal, mark] = await onHost(host, async (database) => [
    await writeRenewal(database),
    await readMark(database),
  ]);
  return { folder, host, renewal, mark, uses: 0 };
}

async function onHost<T>(host: PgliteHost, work: (database: Database) => Promise<T>): Promise<T> {
  const database = connectPglite({}, testDeps(), host, async () => {});
  return work(database).finally(() => database.close());
}

async function writeRenewal(database: Database): Promise<string> {
  const tables = await database.query<{ name: string }>(
    `select quote_ident(relname) as name from pg_class
     where relkind = 'r' and relnamespace = 'public'::regnamespace order by relname`,
  );
  const steps = ['begin', 'set local session_replication_role = replica'];
  for (const { name } of tables) {
    const [seed] = await database.query<{ rows: string | null }>(
      `select quote_literal(jsonb_agg(to_jsonb(seed))) as rows from ${name} as seed`,
    );
    steps.push(`delete from ${name}`);
    if (seed?.rows)
      steps.push(`insert into ${name} select * from jsonb_populate_recordset(null::${name}, ${seed.rows})`);
  }
  return [...steps, 'select setval(seqrelid, seqstart, false) from pg_sequence', 'commit'].join(';\n');
}

/** Changes with whatever is defined in the database, and when the engine is started anew. */
async function readMark(database: Database): Promise<string> {
  const catalogs = [
    'pg_class where oid >= 16384',
    'pg_attribute where attrelid >= 16384',
    'pg_type where oid >= 16384',
    'pg_proc where oid >= 16384',
    ...['constraint', 'trigger', 'namespace', 'db_role_setting', 'authid'].map((name) => `pg_${name}`),
  ];
  const changes = catalogs.map(
    (rows) => `(select concat(count(*), ' ', max(xmin::text::int8)) from ${rows})`,
  );
  const [row] = await database.query<{ mark: string }>(
    `select concat_ws(', ', pg_postmaster_start_time(), ${changes.join(', ')}) as mark`,
  );
  return row?.mark ?? '';
}
