import { Command, CommanderError } from 'commander';
import { readVersion } from '../version.js';
import { checkConfig, printConfig } from './config.js';
import { migrateUp, showMigrations } from './migrate.js';
import { serve } from './serve.js';
import type { CommonOptions, ExitCode, Terminal } from './terminal.js';

type Action = (terminal: Terminal, options: CommonOptions) => ExitCode | Promise<ExitCode>;

/** @returns the exit code; `serve` returns when the server has stopped */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const leaf = (parent: Command, name: string, description: string, action: Action) =>
    parent
      .command(name)
      .description(description)
      .option('--json', 'print data as JSON')
      .option('--quiet', 'print no progress')
      .option('--yes', 'ask nothing')
      .action(async (options: CommonOptions) => {
        exitCode = await action(terminal, options);
      });
  const program = new Command('bongsu')
    .description('Self-hosted real-time backend that never loses a command')
    .version(readVersion())
    .exitOverride()
    .configureOutput({
      writeOut: (text) => terminal.out(text.trimEnd()),
      writeErr: (text) => terminal.err(text.trimEnd()),
    });
  leaf(program, 'serve', 'run the server until SIGTERM or SIGINT', (io) => serve(io));
  const migrate = group(program, 'migrate', 'bring the database up to date');
  leaf(migrate, 'up', 'apply the migrations that are missing; serve does this too', migrateUp);
  leaf(migrate, 'status', 'show which migrations are applied', showMigrations);
  const config = group(program, 'config', 'look at the settings');
  leaf(config, 'check', 'report every fault of the settings', checkConfig);
  leaf(config, 'print', 'print every setting, secrets masked', printConfig);
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
}

/** Commands made from a parent inherit its exitOverride and output. */
function group(program: Command, name: string, description: string): Command {
  return program.command(name).description(description);
}
