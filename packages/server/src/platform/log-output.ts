import { mkdirSync, openSync } from 'node:fs';
import { dirname } from 'node:path';
import pino from 'pino';
import pretty from 'pino-pretty';
import type { Log } from './log.js';
import { redact, redactText } from './log-redaction.js';

export type LogLevel = 'silent' | 'fatal' | 'error' | 'warn' | 'info' | 'debug';

export interface LogOutputConfig {
  level: LogLevel;
  /** In every line. */
  serviceName: string;
  /** NODE_NAME, in every line of a node that has one. */
  node?: string | undefined;
  /** Gets all lines besides stdout. */
  file?: string | undefined;
  /** Gets errors besides the other outputs. */
  errorFile?: string | undefined;
  /** Coloured lines for people instead of JSON on stdout. */
  pretty: boolean;
}

export interface LogOutput {
  readonly log: Log;
  /** A log whose lines carry a module's name, or whatever context is given. */
  withLogger(nameOrContext: string | object): Log;
  /** Writes out what is buffered. Lines written later still arrive. */
  flush(): void;
}

const STDOUT = 1;

/**
 * The only user of pino. Writes synchronously: a line about a crash must not be lost with the process.
 * @throws the file system's error when a log file cannot be opened
 */
export function openLogOutput(config: LogOutputConfig): LogOutput {
  const stdout = config.pretty
    ? pretty({
        colorize: true,
        ignore: 'pid,hostname,service,node',
        translateTime: 'SYS:HH:MM:ss.l',
        sync: true,
      })
    : pino.destination({ dest: STDOUT, sync: true });
  const level = config.level === 'silent' ? 'fatal' : config.level;
  const streams = pino.multistream([
    { level, stream: stdout },
    ...(config.file === undefined ? [] : [{ level, stream: openFile(config.file) }]),
    ...(config.errorFile === undefined
      ? []
      : [{ level: 'error' as const, stream: openFile(config.errorFile) }]),
  ]);
  const logger = pino(
    {
      level: config.level,
      base: {
        service: config.serviceName,
        ...(config.node === undefined ? {} : { node: config.node }),
        pid: process.pid,
      },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Errors are described by redact(), which shows less of them and more of their causes.
      serializers: { err: (value) => value },
    },
    streams,
  );
  const log = new RedactingLog(logger);
  return {
    log,
    withLogger: (context) => log.child(typeof context === 'string' ? { module: context } : context),
    flush: () => streams.flushSync(),
  };
}

function openFile(path: string) {
  mkdirSync(dirname(path), { recursive: true });
  const stream = pino.destination({ dest: openSync(path, 'a', 0o640), sync: true });
  // A full disk costs log lines, never the server.
  stream.on('error', () => {});
  return stream;
}

class RedactingLog implements Log {
  constructor(private readonly logger: pino.Logger) {}

  debug(context: object, message: string): void {
    this.#write('debug', context, message);
  }

  info(context: object, message: string): void {
    this.#write('info', context, message);
  }

  warn(context: object, message: string): void {
    this.#write('warn', context, message);
  }

  error(context: object, message: string): void {
    this.#write('error', context, message);
  }

  fatal(context: object, message: string): void {
    this.#write('fatal', context, message);
  }

  child(context: object): Log {
    return new RedactingLog(this.logger.child(redact(context) as object));
  }

  #write(level: Exclude<LogLevel, 'silent'>, context: object, message: string): void {
    if (!this.logger.isLevelEnabled(level)) return;
    const safe = context instanceof Error ? { err: context } : context;
    this.logger[level](redact(safe), redactText(message));
  }
}
