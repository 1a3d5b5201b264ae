import type { Report } from '../chaos/index.js';
import { explainError } from './explain.js';
import { quietLog } from './quiet-log.js';
import { readSettings } from './settings.js';
import type { CommonOptions, ExitCode, Terminal } from './terminal.js';

export interface ChaosFlags extends CommonOptions {
  runs: string;
  seed?: string;
  duration?: string;
  faults?: string;
  url?: string;
  token?: string;
  faultCommand?: string[];
}

const DEFAULT_SECONDS = 3600;

/** `--json`: the report. Exits with 1 when a promise was broken or too little was shown, with 2 for bad use. */
export async function chaos(terminal: Terminal, flags: ChaosFlags): Promise<ExitCode> {
  const numbers = { runs: flags.runs, seed: flags.seed, duration: flags.duration };
  for (const [name, value] of Object.entries(numbers)) {
    if (value !== undefined && !/^\d{1,9}$/.test(value))
      return refuse(terminal, `--${name} must be a whole number`);
  }
  if (flags.runs === '0') return refuse(terminal, '--runs must be at least 1');
  const remote = readRemote(terminal, flags);
  if (typeof remote === 'string') return refuse(terminal, remote);
  const settings = remote ? undefined : readSettings(terminal);
  if (!remote && !settings) return 2;
  const databaseUrl = settings?.settings.DATABASE_URL?.reveal();
  const say = flags.quiet ? () => {} : (line: string) => terminal.err(line);
  // Loaded here, so that a server does not carry the clients.
  const { formatReport, runChaos, UnknownFault } = await import('../chaos/index.js');
  try {
    const report = await runChaos({
      seed: flags.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(flags.seed),
      runs: Number(flags.runs),
      durationSeconds: flags.duration === undefined ? DEFAULT_SECONDS : Number(flags.duration),
      ...(flags.faults === undefined ? {} : { faults: flags.faults.split(',') }),
      ...(databaseUrl === undefined ? {} : { databaseUrl }),
      ...(remote ? { remote } : {}),
      environment: pick(terminal.env, ['PATH', 'HOME', 'TMPDIR', 'SystemRoot']),
      log: quietLog(terminal),
      say,
    });
    terminal.out(flags.json ? JSON.stringify(report, null, 2) : formatReport(report));
    const failure = failureOf(report, flags);
    if (failure !== undefined) terminal.err(`bongsu: ${failure}`);
    return failure === undefined ? 0 : 1;
  } catch (error) {
    if (error instanceof UnknownFault) return refuse(terminal, error.message);
    const line = settings && explainError(error, settings.settings);
    terminal.err(`bongsu: ${line ?? (error instanceof Error ? error.message : String(error))}`);
    return 1;
  }
}

/** Why it fails: a broken promise, or too little shown. Runs that do not count are no proof, unless the time given was over. */
export function failureOf(
  { runs, violations }: Pick<Report, 'runs' | 'violations'>,
  asked: Pick<ChaosFlags, 'runs' | 'duration'>,
): string | undefined {
  if (violations > 0) return `${violations} violations`;
  if (runs === 0) return 'No run counted, so nothing is shown';
  if (asked.duration !== undefined || runs >= Number(asked.runs)) return undefined;
  return `Only ${runs} of ${asked.runs} runs counted`;
}

function refuse(terminal: Terminal, reason: string): ExitCode {
  terminal.err(`bongsu: ${reason}`);
  return 2;
}

/** The deployment that was named, nothing when none was, or what is wrong with its description. */
function readRemote(terminal: Terminal, { url, token, faultCommand = [] }: ChaosFlags) {
  if (url === undefined) {
    return faultCommand.length > 0 || token !== undefined
      ? '--token and --fault-command go with --url'
      : undefined;
  }
  if (!/^https?:\/\/[^/]+\/?$/.test(url)) return '--url must be an http or https URL without a path';
  const login = token ?? terminal.env.BONGSU_TOKEN;
  if (!login) return '--url needs a user’s access token, by --token or BONGSU_TOKEN';
  const commands = new Map<string, string>();
  for (const each of faultCommand) {
    const [, name, command] = /^([a-z][a-z0-9-]*)=(.+)$/s.exec(each) ?? [];
    if (name === undefined || command === undefined) return `--fault-command "${each}" must be name=command`;
    commands.set(name, command);
  }
  return { url: url.replace(/\/$/, ''), token: login, commands };
}

function pick(env: Terminal['env'], names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])));
}
