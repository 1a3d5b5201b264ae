import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { parseEnv } from 'node:util';
import { runCommandLine } from './cli/command-line.js';
import type { Terminal } from './cli/terminal.js';
import type { Environment } from './config.js';

/** What is set in the environment wins over the file `.env` of the working directory. */
function readEnvironment(): Environment {
  try {
    return { ...parseEnv(readFileSync('.env', 'utf8')), ...process.env };
  } catch {
    return process.env;
  }
}

function openTerminal(): Terminal {
  return {
    env: readEnvironment(),
    isTty: process.stdout.isTTY === true,
    out: (text) => process.stdout.write(`${text}\n`),
    err: (text) => process.stderr.write(`${text}\n`),
    confirm,
    secret,
    lines,
    onSignal: (listener) => {
      process.on('SIGTERM', listener);
      process.on('SIGINT', listener);
    },
    onUncaught: (listener) => {
      process.on('uncaughtException', listener);
      process.on('unhandledRejection', (reason) => listener(reason, 'unhandledRejection'));
    },
    exit: (code) => process.exit(code),
  };
}

async function confirm(question: string): Promise<boolean | undefined> {
  if (process.stdin.isTTY !== true) return undefined;
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await prompt.question(`${question} [y/N] `)).trim());
  } finally {
    prompt.close();
  }
}

async function secret(question: string): Promise<string | undefined> {
  if (process.stdin.isTTY !== true) {
    for await (const line of lines('-')) return line;
    return undefined;
  }
  process.stderr.write(question);
  // Readline echoes what is typed: into nothing.
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const prompt = createInterface({ input: process.stdin, output, terminal: true });
  try {
    return await prompt.question('');
  } finally {
    prompt.close();
    process.stderr.write('\n');
  }
}

async function* lines(path: string): AsyncIterable<string> {
  // Opened here, so that a file that is not there fails the one who reads.
  const input = path === '-' ? process.stdin : (await open(path)).createReadStream();
  yield* createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
}

const LONG_MS = 2 ** 30;

/** Runs one command and ends the process when that is `serve`; else leaves its exit code. */
export async function main(args: readonly string[]): Promise<void> {
  // Timers of the Clock do not keep the process, so a command that waits by one would end with it.
  const keepAlive = setInterval(() => {}, LONG_MS);
  try {
    process.exitCode = await runCommandLine(args, openTerminal());
  } finally {
    clearInterval(keepAlive);
  }
}
