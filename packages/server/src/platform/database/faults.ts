import { DatabaseError, type DatabaseFault } from './database.js';

const BY_SQL_STATE: Readonly<Record<string, DatabaseFault>> = {
  '23505': 'unique',
  '40P01': 'deadlock',
  '40001': 'serialization',
  '25006': 'readonly',
  '53100': 'full',
  '57014': 'timeout',
  '55P03': 'timeout',
};

/** Connection exceptions, refused log-ins, a database that is not there, too many connections, a stopping server. */
const LOST_CONNECTION = /^(08|28|3D|53|57P|58|XX000$)/;
const NO_SPACE = /no space left on device|ENOSPC|disk full/i;

/** What a lost connection means for the statement that was under way. */
export type Loss = 'connection' | 'commit-unknown';

interface Reported {
  code?: unknown;
  constraint?: unknown;
  message?: unknown;
}

/**
 * What the caller may rely on after an error of the driver. The text of a statement or a value is never in it.
 * @param lost what a lost connection means where it happened: `commit-unknown` while something that commits was sent
 */
export function toDatabaseError(error: unknown, lost: Loss): DatabaseError {
  if (error instanceof DatabaseError) return error;
  const { code, constraint, message } = (error ?? {}) as Reported;
  const text = typeof message === 'string' ? message : String(error);
  const sqlState = typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
  return new DatabaseError(faultOf(sqlState, text, lost), text, {
    sqlState,
    constraint: typeof constraint === 'string' ? constraint : undefined,
    cause: error,
  });
}

function faultOf(sqlState: string | undefined, text: string, lost: Loss): DatabaseFault {
  if (sqlState !== undefined) {
    const known = BY_SQL_STATE[sqlState];
    if (known) return known;
  }
  if (NO_SPACE.test(text)) return 'full';
  if (sqlState === undefined || LOST_CONNECTION.test(sqlState)) return lost;
  return 'content';
}
