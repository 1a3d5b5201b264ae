import { execFileSync } from 'node:child_process';
import { chownSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { familyCpuSeconds, freePort, runToEnd, start, stop, untilAnswers } from './processes.mjs';

const OWN = '/* bench */';

/**
 * A PostgreSQL of our own in a temporary folder, with fsync on as anybody would run it.
 * @param options.countStatements with pg_stat_statements
 * @param options.replicaOf the URL of a primary: this one is a streaming replica of it, over that very address
 */
export async function startPostgres({ core, countStatements = false, replicaOf } = {}) {
  const binaries = findBinaries();
  const owner = serverUser();
  const folder = mkdtempSync(join(tmpdir(), 'bongsu-bench-postgres-'));
  if (owner.uid !== undefined) chownSync(folder, owner.uid, owner.gid);
  const data = join(folder, 'data');
  const [program, ...words] =
    replicaOf === undefined
      ? ['initdb', '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C']
      : ['pg_basebackup', '-d', replicaOf, '-R', '-X', 'stream', '-c', 'fast'];
  // Not synchronously: what is between the two may be a proxy of this process.
  await runToEnd(join(binaries, program), ['-D', data, ...words], { ...owner, cwd: folder });
  const port = await freePort();
  const settings = {
    port,
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: 200,
    ...(countStatements ? { shared_preload_libraries: 'pg_stat_statements' } : {}),
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const url = (database) => `postgresql://postgres@127.0.0.1:${port}/${database}`;
  let child;
  const launch = async () => {
    child = start(join(binaries, 'postgres'), ['-D', data, ...args], {
      core,
      ...owner,
      cwd: folder,
      stdio: 'ignore',
    });
    await untilAnswers('PostgreSQL', child, () => query(url('postgres'), 'select 1'));
  };
  await launch();
  let databases = 0;
  return {
    get child() {
      return child;
    },
    port,
    url,
    /** Makes a primary of a replica, with a timeline of its own. */
    promote: () => query(url('postgres'), 'select pg_promote()'),
    version: (await query(url('postgres'), 'show server_version')).rows[0].server_version,
    async freshDatabase() {
      databases += 1;
      const name = `bench_${databases}`;
      await query(url('postgres'), `create database ${name}`);
      if (countStatements) await query(url(name), 'create extension pg_stat_statements');
      return {
        name,
        url: url(name),
        drop: () => query(url('postgres'), `drop database ${name} with (force)`),
      };
    },
    /** The server's kill -9: it recovers from its log at the next start. */
    crash: () => stop(child, 'SIGQUIT'),
    async restart() {
      if (child.exitCode !== null || child.signalCode !== null) await launch();
    },
    /** All its processes stand still, as on a machine that swaps. */
    freeze: () => signalAll(child.pid, 'SIGSTOP'),
    thaw: () => signalAll(child.pid, 'SIGCONT'),
    async endBackends(name) {
      await query(
        url('postgres'),
        'select pg_terminate_backend(pid) from pg_stat_activity where datname = $1',
        [name],
      );
    },
    cpuSeconds: () => familyCpuSeconds(child.pid),
    /** One statement of the bench's own, which is not counted. */
    ask: (database, text) => query(database.url, `${text} ${OWN}`).then(({ rows }) => rows),
    /** Statements since the last call, by their text. */
    async takeStatements(database) {
      const { rows } = await query(
        database.url,
        `select query, calls::int, rows::int, total_exec_time as ms from pg_stat_statements
         where dbid = (select oid from pg_database where datname = current_database()) and query not like '%${OWN}'
         order by calls desc`,
      );
      await query(database.url, `select pg_stat_statements_reset() ${OWN}`);
      return rows;
    },
    async stop() {
      signalAll(child.pid, 'SIGCONT');
      await stop(child, 'SIGINT');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A postmaster and its children. */
function signalAll(pid, signal) {
  const children = readdirSync('/proc').filter((entry) => /^\d+$/.test(entry) && parentOf(entry) === pid);
  for (const each of [pid, ...children.map(Number)]) {
    try {
      process.kill(each, signal);
    } catch {
      // It ended meanwhile.
    }
  }
}

function parentOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return undefined;
  }
}

async function query(connectionString, text, values) {
  const client = new pg.Client({ connectionString });
  client.on('error', () => {});
  await client.connect();
  try {
    return await client.query(text, values);
  } finally {
    await client.end();
  }
}

function findBinaries() {
  let versions = [];
  try {
    versions = readdirSync('/usr/lib/postgresql').sort((a, b) => Number(b) - Number(a));
  } catch {}
  const [newest] = versions;
  if (newest === undefined) throw new Error('No PostgreSQL server binaries under /usr/lib/postgresql');
  return `/usr/lib/postgresql/${newest}/bin`;
}

/** PostgreSQL refuses root. */
function serverUser() {
  if (process.getuid?.() !== 0) return {};
  const id = (flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}
