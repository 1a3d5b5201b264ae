import { GeneratedSecretError, type Settings } from '../config.js';
import { WrongSecretError } from '../identity/index.js';
import { DatabaseError } from '../platform/database/database.js';
import { DataFolderError } from '../platform/database/folder-lock.js';
import { MigrationRefused } from '../platform/database/migrate.js';
import { NodeRefused } from '../platform/database/nodes.js';
import { RedisRefused } from '../platform/ephemeral/redis-faults.js';

/** Causes that a person can do something about, each with what to do. */
function explainSystemError(error: NodeJS.ErrnoException, { PORT, HOST }: Settings): string | undefined {
  const isListening = error.syscall === 'listen';
  const path = error.path ?? 'a file';
  switch (error.code) {
    case 'EADDRINUSE':
      return `Port ${PORT} on ${HOST} is in use by another process. Stop that one, or choose another port: PORT=${PORT + 1} bongsu serve`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return `This machine has no address ${HOST}. Set HOST to one of its own, to 127.0.0.1 or to 0.0.0.0`;
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      if (isListening)
        return `This user may not listen on port ${PORT}. Choose one above 1023: PORT=3000 bongsu serve`;
      return `${path} cannot be written by this user (${error.code}). Change its owner, or choose another folder: DATA_DIR=./data bongsu serve`;
    case 'ENOTDIR':
    case 'EEXIST':
      return `${path} is in the way of a folder. Move it, or choose another: DATA_DIR=./data bongsu serve`;
    case 'ENOENT':
      return `${path} cannot be made. Choose another folder: DATA_DIR=./data bongsu serve`;
    case 'ENOSPC':
      return `The disk of ${path} is full. Free some space and start again: df -h`;
    default:
      return undefined;
  }
}

function explainDatabaseError(error: DatabaseError): string {
  const check = 'Look at the settings with: bongsu config print';
  if (error.fault === 'connection' || error.fault === 'timeout') {
    const fault = error.message.startsWith('PostgreSQL') ? '' : 'PostgreSQL cannot be reached: ';
    return `${fault}${error.message}. Is it running, and is DATABASE_URL right? ${check}`;
  }
  return `The database cannot be used: ${error.message}. ${check}`;
}

const SELF_EXPLAINING = [
  GeneratedSecretError,
  MigrationRefused,
  DataFolderError,
  NodeRefused,
  RedisRefused,
  WrongSecretError,
];

/** Errors of other modules that already say what is wrong and what helps. */
function isSelfExplaining(error: unknown): error is Error {
  return SELF_EXPLAINING.some((type) => error instanceof type);
}

/** One line with the likely cause and what to do next, or undefined for an error that only a developer understands. */
export function explainError(error: unknown, settings: Settings): string | undefined {
  if (isSelfExplaining(error)) return error.message;
  if (error instanceof DatabaseError) return explainDatabaseError(error);
  if (error instanceof Error) return explainSystemError(error, settings);
  return undefined;
}
