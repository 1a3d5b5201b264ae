import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, chown, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort } from '../../src/chaos/processes.js';

const run = promisify(execFile);

export interface ThrowAwayPostgres {
  url: string;
  port: number;
  /** `immediate` is the server's kill -9: it recovers from its log at the next start. */
  stop(how?: 'fast' | 'immediate'): Promise<void>;
  /** After `stop`; the same folder and port. */
  start(): Promise<void>;
  /** Makes a primary of a replica, with a timeline of its own. */
  promote(): Promise<void>;
  /** Stops all its processes in their tracks (SIGSTOP), until `thaw`. Linux only. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Stops it and removes its folder. */
  remove(): Promise<void>;
}

export interface PostgresOptions {
  /** On where kills are counted; off is much faster. */
  fsync?: boolean;
  /** Further settings: `{ max_connections: '20' }`. */
  settings?: Record<string, string>;
  /** Where the data go; the log stays in the temporary folder, as a full log ends the server. */
  dataFolder?: string;
  /** The URL of a primary: this one is a streaming replica of it, over that very address. */
  replicaOf?: string;
}

/** The folder of the server's binaries, or undefined when this machine has none. */
export async function findPostgres(): Promise<string | undefined> {
  const versions = await readdir('/usr/lib/postgresql').catch(() => []);
  const newestFirst = versions.sort((a, b) => Number(b) - Number(a));
  const folders = [
    ...newestFirst.map((version) => `/usr/lib/postgresql/${version}/bin`),
    ...(process.env.PATH ?? '').split(delimiter),
  ];
  for (const folder of folders) {
    const found = await access(join(folder, 'initdb')).then(
      () => true,
      () => false,
    );
    if (found) return folder;
  }
  return undefined;
}

/**
 * As `findPostgres`, for suites that hurt a PostgreSQL of their own, and say that they did not run where there is none.
 * @throws Error where there must be one: in CI
 */
export async function findPostgresToHurt(title: string): Promise<string | undefined> {
  const binaries = await findPostgres();
  if (binaries) return binaries;
  const message = `${title} needs the server binaries of PostgreSQL on this machine`;
  if (process.env.CI === 'true') throw new Error(message);
  console.warn(`SKIPPED: ${message}`);
  return undefined;
}

/** A Postgres of our own in a temporary folder on a free port, on the loopback only. */
export async function startPostgres(options: PostgresOptions = {}): Promise<ThrowAwayPostgres> {
  const binaries = await findPostgres();
  if (!binaries) throw new Error('This machine has no PostgreSQL server binaries');
  const owner = await ownerOfServer();
  const folder = await mkdtemp(join(tmpdir(), 'bongsu-postgres-'));
  if (owner) await chown(folder, owner.uid, owner.gid);
  const data = options.dataFolder ? join(options.dataFolder, 'data') : join(folder, 'data');
  if (owner && options.dataFolder) await chown(options.dataFolder, owner.uid, owner.gid);
  const log = options.dataFolder ? ['-X', join(folder, 'log')] : [];
  const [program, ...words] =
    options.replicaOf === undefined
      ? ['initdb', '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync', ...log]
      : ['pg_basebackup', '-d', options.replicaOf, '-R', '-X', 'stream', '-c', 'fast', '--no-sync'];
  await run(join(binaries, program ?? ''), ['-D', data, ...words], { ...owner, cwd: folder });
  const port = await freePort();
  const url = `postgresql://postgres@127.0.0.1:${port}/postgres`;
  const settings: Record<string, string> = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: '',
    max_connections: '200',
    ...(options.fsync ? {} : { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }),
    ...options.settings,
  };
  const args = [
    '-D',
    data,
    ...Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  ];
  let server: ChildProcess | undefined;

  const start = async () => {
    const started = spawn(join(binaries, 'postgres'), args, {
      ...owner,
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    server = started;
    let output = '';
    started.stderr?.on('data', (chunk) => {
      output = (output + chunk).slice(-4000);
    });
    await untilReady(url, started, () => output);
  };
  const stop = async (how: 'fast' | 'immediate' = 'fast') => {
    if (!server || server.exitCode !== null) return;
    const ended = once(server, 'exit');
    server.kill(how === 'fast' ? 'SIGINT' : 'SIGQUIT');
    await ended;
  };
  const signalAll = async (signal: NodeJS.Signals) => {
    const pid = server?.pid;
    if (pid === undefined) throw new Error('PostgreSQL does not run');
    process.kill(pid, signal);
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
    for (const child of children.trim().split(' ')) {
      try {
        process.kill(Number(child), signal);
      } catch {
        // It ended meanwhile.
      }
    }
  };
  const promote = async () => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    await client.query('select pg_promote()').finally(() => client.end());
  };
  const remove = async () => {
    await stop('immediate');
    await rm(folder, { recursive: true, force: true });
  };
  try {
    await start();
  } catch (error) {
    await remove();
    throw error;
  }
  const freeze = () => signalAll('SIGSTOP');
  const thaw = () => signalAll('SIGCONT');
  return { url, port, start, stop, promote, freeze, thaw, remove };
}

/** PostgreSQL refuses to run as root. */
async function ownerOfServer(): Promise<{ uid: number; gid: number } | undefined> {
  if (process.getuid?.() !== 0) return undefined;
  for (const user of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all([run('id', ['-u', user]), run('id', ['-g', user])]);
      return { uid: Number(uid.stdout), gid: Number(gid.stdout) };
    } catch {
      // No such user here: the next one.
    }
  }
  throw new Error('PostgreSQL refuses root, and there is neither a user "postgres" nor "nobody"');
}

async function untilReady(url: string, server: ChildProcess, output: () => string): Promise<void> {
  const giveUpAt = Date.now() + 30_000;
  while (Date.now() < giveUpAt) {
    if (server.exitCode !== null) throw new Error(`PostgreSQL did not start: ${output()}`);
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => {});
    try {
      await client.connect();
      await client.end();
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
  throw new Error(`PostgreSQL was not ready in 30 s: ${output()}`);
}
