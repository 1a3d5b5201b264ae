import type { Log } from '../platform/log.js';
import type { Terminal } from './terminal.js';

/** Progress of a short command: sentences on stderr, not a server's log. */
export function progressLog(terminal: Terminal, quiet: boolean): Log {
  const write = (context: object, message: string) => {
    const details = Object.values(context).filter((value) => typeof value === 'string');
    terminal.err([`${message}`, ...details].join(': '));
  };
  const progress = quiet ? () => {} : write;
  const log: Log = {
    debug: () => {},
    info: progress,
    warn: write,
    error: write,
    fatal: write,
    child: () => log,
  };
  return log;
}
