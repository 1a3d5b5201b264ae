import { createHash, randomBytes } from 'node:crypto';
import pg from 'pg';
import { migrate } from '../../src/platform/database/migrate.js';
import { readMigrations } from '../../src/platform/database/migration-files.js';
import { openPostgres } from '../../src/platform/database/postgres.js';
import { testDeps } from './deps.js';

export interface FreshDatabase {
  url: string;
  drop(): Promise<void>;
}

/** A new database on the run's server: empty, or a copy of a template that has all migrations. */
export async function createPostgresDatabase(serverUrl: string, migrated: boolean): Promise<FreshDatabase> {
  return createFrom(serverUrl, async (client) =>
    migrated ? migratedTemplate(client, serverUrl) : 'template0',
  );
}

/** As a copy that was put back beside it: nobody may be connected to the original meanwhile. */
export function copyPostgresDatabase(serverUrl: string, url: string): Promise<FreshDatabase> {
  return createFrom(serverUrl, async () => new URL(url).pathname.slice(1));
}

async function createFrom(
  serverUrl: string,
  templateOf: (client: pg.Client) => Promise<string>,
): Promise<FreshDatabase> {
  const name = `bongsu_test_${randomBytes(6).toString('hex')}`;
  await withClient(serverUrl, async (client) => {
    await client.query(`create database ${name} template ${await templateOf(client)}`);
  });
  return {
    url: withName(serverUrl, name),
    drop: () =>
      withClient(serverUrl, async (client) => {
        await client.query(`drop database if exists ${name} with (force)`);
      }),
  };
}

/** Made once a server and set of migrations; other test files wait at the lock meanwhile. */
async function migratedTemplate(client: pg.Client, serverUrl: string): Promise<string> {
  const migrations = await readMigrations();
  const hash = createHash('sha256').update(migrations.map((migration) => migration.checksum).join());
  const name = `bongsu_template_${hash.digest('hex').slice(0, 16)}`;
  await client.query("select pg_advisory_lock(hashtext('bongsu_template'))");
  try {
    const found = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (found.rowCount === 0) {
      const unfinished = `${name}_unfinished`;
      await client.query(`drop database if exists ${unfinished} with (force)`);
      await client.query(`create database ${unfinished} template template0`);
      const database = await openPostgres(postgresConfig(withName(serverUrl, unfinished)), testDeps());
      await migrate(database, migrations, testDeps()).finally(() => database.close());
      await client.query(`alter database ${unfinished} rename to ${name}`);
    }
  } finally {
    await client.query("select pg_advisory_unlock(hashtext('bongsu_template'))");
  }
  return name;
}

export function postgresConfig(url: string) {
  return {
    url,
    poolMax: 5,
    poolIdleMs: 30_000,
    poolConnectMs: 10_000,
    applicationName: 'bongsu test',
  };
}

function withName(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
