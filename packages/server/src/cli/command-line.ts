import { Command, CommanderError } from 'commander';
import { readVersion } from '../version.js';
import { chaos } from './chaos.js';
import { checkConfig, printConfig } from './config.js';
import {
  deleteLetters,
  type ListOptions,
  listLetters,
  type RequeueOptions,
  requeueLetters,
  showLetter,
  showLetterStats,
} from './dlq.js';
import { type DrainOptions, drain } from './drain.js';
import { listKeys, type RotateOptions, rotateKeys } from './keys.js';
import { markRestored, migrateUp, showMigrations } from './migrate.js';
import { serve } from './serve.js';
import type { CommonOptions, ExitCode, Terminal } from './terminal.js';
import { type CreateOptions, createUser, disableUser, importUsers, resetMfa } from './user.js';

type AddLeaf = <Options extends CommonOptions>(
  parent: Command,
  name: string,
  description: string,
  action: Action<Options>,
) => Command;

type Action<Options extends CommonOptions> = (
  terminal: Terminal,
  options: Options,
  args: readonly string[],
) => ExitCode | Promise<ExitCode>;

/** @returns the exit code; `serve` returns when the server has stopped */
export async function runCommandLine(args: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const leaf = <Options extends CommonOptions>(
    parent: Command,
    name: string,
    description: string,
    action: Action<Options>,
  ) =>
    parent
      .command(name)
      .description(description)
      .option('--json', 'print data as JSON')
      .option('--quiet', 'print no progress')
      .option('--yes', 'ask nothing')
      .action(async (...given) => {
        // Arguments, options and last of all the command, which knows both.
        const command = given.at(-1) as Command;
        exitCode = await action(terminal, command.opts<Options>(), command.args);
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
  leaf(
    program,
    'drain',
    'move the sockets of a running server to other nodes, and end it',
    (io, options: DrainOptions) => drain(io, options),
  ).option(
    '--node <name>',
    'the node, where NODE_NAME, HOST and PORT are not those that it was started with',
  );
  const migrate = group(program, 'migrate', 'bring the database up to date');
  leaf(migrate, 'up', 'apply the migrations that are missing; serve does this too', migrateUp);
  leaf(migrate, 'status', 'show which migrations are applied', showMigrations);
  leaf(
    program,
    'restored',
    'say that the database was put back from a copy, before any server is started on it',
    markRestored,
  );
  const config = group(program, 'config', 'look at the settings');
  leaf(config, 'check', 'report every fault of the settings', checkConfig);
  leaf(config, 'print', 'print every setting, secrets masked', printConfig);
  addUsers(group(program, 'user', 'make, disable, reset and import users'), leaf);
  addDeadLetters(group(program, 'dlq', 'look after dead letters: what was given up'), leaf);
  const keys = group(program, 'keys', 'look after the keys that sign access tokens');
  leaf(keys, 'list', 'show all there ever were, the oldest first', listKeys);
  leaf(keys, 'rotate', 'publish a new one, which takes over in ten minutes', (io, options: RotateOptions) =>
    rotateKeys(io, options),
  ).option(
    '--emergency',
    'somebody else has them: end them all, with every token, and sign with a new one now',
  );
  chaosOptions(leaf(program, 'chaos', 'break a Bongsu in every way it may and count what was lost', chaos));
  try {
    await program.parseAsync([...args], { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
}

function addDeadLetters(dlq: Command, leaf: AddLeaf): void {
  const reason = '--reason <reason>';
  leaf(dlq, 'list', 'show them, the newest first', (io, options: ListOptions) => listLetters(io, options))
    .option('--screen <id>', 'of one screen')
    .option(reason, 'exhausted, rejected, no-receipt, lost or overflow')
    .option('--requeued', 'those that were sent again')
    .option('--limit <n>', 'at most so many', '50');
  leaf(dlq, 'show <id>', 'show one with its payload', showLetter);
  leaf(dlq, 'stats', 'count those that wait, by reason and screen', showLetterStats);
  leaf(dlq, 'requeue [ids...]', 'send them again', (io, options: RequeueOptions, ids) =>
    requeueLetters(io, options, ids),
  )
    .option('--screen <id>', 'all of one screen')
    .option(reason, 'all of one reason');
  leaf(dlq, 'delete <ids...>', 'throw them away for good', deleteLetters);
}

function addUsers(user: Command, leaf: AddLeaf): void {
  leaf(
    user,
    'create',
    'make an account; the password is asked for, or the first line of stdin',
    (io, options: CreateOptions) => createUser(io, options),
  )
    .requiredOption('--email <address>', 'the address to sign in with')
    .requiredOption('--username <name>', 'the name that others see')
    .option('--role <role>', 'user or admin', 'user');
  leaf(
    user,
    'disable <who>',
    'end every login of a user, by address or id, and let them in no more',
    disableUser,
  );
  leaf(
    user,
    'reset-mfa <who>',
    'take the second factor of a user off, by address or id, and end every login of theirs',
    resetMfa,
  );
  leaf(
    user,
    'import <file>',
    'take over users with their password hashes; one JSON object a line, - for stdin',
    importUsers,
  );
}

function chaosOptions(command: Command): void {
  const collect = (value: string, values: string[] = []) => [...values, value];
  command
    .option('--runs <n>', 'runs that count', '30')
    .option('--seed <n>', 'the same seed gives the same schedule')
    .option('--duration <seconds>', 'begins no run after that')
    .option('--faults <names>', 'only these, separated by commas; * stands for anything')
    .option('--url <url>', 'a deployment, instead of a server and a database of its own')
    .option('--token <token>', 'access token of the user who owns and commands the screens there')
    .option('--fault-command <name=command>', 'how that deployment may be hurt; "heal=…" mends it', collect);
}

/** Commands made from a parent inherit its exitOverride and output. */
function group(program: Command, name: string, description: string): Command {
  return program.command(name).description(description);
}
