import type { Log } from '../platform/log.js';
import type { Terminal } from './terminal.js';

/** Of a short command: faults only, as sentences on stderr. */
export function quietLog(terminal: Terminal): Log {
  const write = (_: object, message: string) => terminal.err(message);
  const log: Log = {
    debug: () => {},
    info: () => {},
    warn: write,
    error: write,
    fatal: write,
    child: () => log,
  };
  return log;
}
