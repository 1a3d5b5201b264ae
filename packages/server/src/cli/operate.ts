import { BongsuError, type Fault } from '@bongsu/protocol';
import { commandsConfig, identityConfig } from '../app-config.js';
import { createRecordAudit } from '../audit/record.js';
import { DeadLetterQueue, takeFromRooms } from '../commands/index.js';
import { type Config, withGeneratedSecrets } from '../config.js';
import { createKeyOperations, findUsernames, openUserAdministration } from '../identity/index.js';
import { type OpenedDatabase, openDatabase } from '../open-database.js';
import { sleep, systemClock } from '../platform/clock.js';
import { databaseClock } from '../platform/database/clock-offset.js';
import type { Database } from '../platform/database/database.js';
import { DataFolderError, findLiveOwner } from '../platform/database/folder-lock.js';
import { migrationStatus } from '../platform/database/migrate.js';
import { readMigrations } from '../platform/database/migration-files.js';
import type { Log } from '../platform/log.js';
import { takeBackScreens } from '../screens/index.js';
import { askControl, isListening } from './control.js';
import { explainError } from './explain.js';
import { type Ask, type OperationDeps, runOperation } from './operations.js';
import { progressLog } from './progress-log.js';
import { requireDatabase } from './require-database.js';
import { readSettings } from './settings.js';
import type { CommonOptions, ExitCode, Terminal } from './terminal.js';

type Work = (ask: Ask) => Promise<ExitCode>;

/** Longer than a server takes between locking its folder and listening, and between the two ends of its stop. */
const PATIENCE_MS = 10_000;
const PAUSE_MS = 100;

/**
 * Runs operations where the data are: in the database, or, when a running server owns the data folder, in that server.
 * @param title what the database sees as the one who asks
 */
export async function withOperations(
  terminal: Terminal,
  options: CommonOptions,
  title: string,
  work: Work,
): Promise<ExitCode> {
  const loaded = readSettings(terminal);
  if (!loaded) return 2;
  const log = progressLog(terminal, options.quiet === true);
  try {
    await requireDatabase(loaded.settings);
    const config = await withGeneratedSecrets(loaded.settings);
    const found = await find(config, title, log);
    return 'socket' in found ? await work(overSocket(found.socket)) : await inDatabase(config, found, work);
  } catch (error) {
    terminal.err(`bongsu: ${explainError(error, loaded.settings) ?? explainFailure(error)}`);
    return 1;
  }
}

/** A code and its sentence for what an operation refused. */
export function explainFailure(error: unknown): string {
  if (error instanceof BongsuError)
    return `${error.code}: ${requeuedBefore(error) ?? faultsOf(error) ?? error.message}`;
  return error instanceof Error ? error.message : String(error);
}

function requeuedBefore({ details }: BongsuError): string | undefined {
  const as = (details as { requeuedAs?: unknown } | undefined)?.requeuedAs;
  return typeof as === 'string' ? `It was already requeued as ${as}` : undefined;
}

/** A server that starts or stops has the folder for a while without answering. */
async function find(config: Config, title: string, log: Log): Promise<OpenedDatabase | { socket: string }> {
  const open = () => openDatabase(config, title, { clock: systemClock, log, onFatal: onFatal(log) });
  if (config.DATABASE_URL !== undefined) return open();
  const giveUpAt = systemClock.monotonic() + PATIENCE_MS;
  for (;;) {
    const owner = await findLiveOwner(config.DATA_DIR);
    const socket = owner?.controlSocket;
    if (socket !== undefined && (await isListening(socket))) return { socket };
    try {
      if (!owner) return await open();
      if (systemClock.monotonic() >= giveUpAt) throw inUse(config.DATA_DIR, owner);
    } catch (error) {
      const mayBeOver = error instanceof DataFolderError && error.reason === 'in-use';
      if (!mayBeOver || systemClock.monotonic() >= giveUpAt) throw error;
    }
    await sleep(systemClock, PAUSE_MS);
  }
}

function inUse(folder: string, owner: { node: string; pid: number; host: string }): DataFolderError {
  return new DataFolderError(
    'in-use',
    `The data folder ${folder} is in use by node "${owner.node}", process ${owner.pid} on ${owner.host}, which does not answer. Run this command where that process runs, as the same user`,
  );
}

function onFatal(log: Log): (error: Error) => void {
  return (error) => log.fatal({}, error.message);
}

function overSocket(path: string): Ask {
  return ((name: string, input: unknown) => askControl(path, name, input)) as Ask;
}

async function inDatabase(config: Config, opened: OpenedDatabase, work: Work): Promise<ExitCode> {
  const { database } = opened;
  try {
    const { pending } = await migrationStatus(database, await readMigrations());
    if (pending.length > 0) {
      throw new Error('The database is not up to date. Bring it there with: bongsu migrate up');
    }
    // What is done here must count in the epoch that tells of what is gone.
    if (opened.uncleanStop) await opened.renewEpochIfNeeded();
    const deps = operationDeps(config, database);
    return await work(((name: string, input: unknown) => runOperation(deps, name, input)) as Ask);
  } finally {
    await database.close();
  }
}

function operationDeps(config: Config, database: Database): OperationDeps {
  const now = databaseClock(database, systemClock);
  return {
    users: openUserAdministration({
      config: identityConfig(config),
      database,
      clock: systemClock,
      databaseClock: now,
      recordAudit: createRecordAudit({ now, service: config.SERVICE_NAME }),
      takeBackScreens: (tx, userId, isDisabled) => takeBackScreens({ takeFromRooms }, tx, userId, isDisabled),
    }),
    keys: createKeyOperations({
      config: identityConfig(config),
      database,
      databaseClock: now,
      recordAudit: createRecordAudit({ now, service: config.SERVICE_NAME }),
    }),
    deadLetters: new DeadLetterQueue({
      database,
      clock: systemClock,
      databaseClock: now,
      config: commandsConfig(config),
      usernames: async (ids) =>
        new Map((await findUsernames(database, ids)).map(({ id, username }) => [id, username])),
      // This process is on no bus: servers find what is new by comparing heads.
      onRequeued: () => {},
    }),
  };
}

/** What is wrong with which field, where the server said so. */
function faultsOf({ code, details }: BongsuError): string | undefined {
  if (code !== 'VALIDATION_ERROR' || !Array.isArray(details)) return undefined;
  return (details as Fault[]).map(({ path, message }) => `${path} ${message}`).join('; ');
}
