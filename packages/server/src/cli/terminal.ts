import type { Environment } from '../config.js';

/** 0: done. 1: failed, by what the surroundings lack or by a fault of ours. 2: bad use or bad settings. */
export type ExitCode = 0 | 1 | 2;

/** All that a command may touch of the process; main.ts makes it. Data goes to `out`, progress and errors to `err`. */
export interface Terminal {
  readonly env: Environment;
  readonly isTty: boolean;
  out(line: string): void;
  err(line: string): void;
  /** Yes or no by whoever sits there; undefined when nobody does. */
  confirm(question: string): Promise<boolean | undefined>;
  /** Typed unseen by whoever sits there, else the first line of stdin; undefined when there is none. */
  secret(question: string): Promise<string | undefined>;
  /** The lines of a file, or of stdin for `-`. @throws ErrnoException */
  lines(path: string): AsyncIterable<string>;
  /** SIGTERM and SIGINT. */
  onSignal(listener: (signal: string) => void): void;
  onUncaught(listener: (error: unknown, origin: string) => void): void;
  exit(code: ExitCode): never;
}

/** The options that every command understands. */
export interface CommonOptions {
  /** Data as one JSON document on stdout. */
  json?: boolean;
  /** No progress on stderr; errors still are. */
  quiet?: boolean;
  /** Asks nothing. */
  yes?: boolean;
}
