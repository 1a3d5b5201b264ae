import { setFlagsFromString } from 'node:v8';
import { type App, createApp } from '../app.js';
import { type Config, withGeneratedSecrets } from '../config.js';
import { RedisRefused } from '../platform/ephemeral/redis-faults.js';
import type { Log } from '../platform/log.js';
import { type LogOutput, openLogOutput } from '../platform/log-output.js';
import { explainError } from './explain.js';
import { readSettings } from './settings.js';
import type { ExitCode, Terminal } from './terminal.js';

/** A terminal and a parent process both pass one Ctrl-C on. */
const SAME_SIGNAL_MS = 500;
/** What a stop may take beyond DRAIN_SECONDS before the process ends all the same. */
const STOP_GRACE_MS = 10_000;

/** Runs the server until a signal, a fatal error, or a failed start. */
export async function serve(terminal: Terminal): Promise<ExitCode> {
  // V8 takes objects that live as long as a batch for long-lived and makes their like in the old space, where each keeps all
  // that it refers to until the next full collection: a sixth of the CPU (docs/decisions/0034).
  setFlagsFromString('--no-allocation-site-pretenuring');
  const loaded = readSettings(terminal);
  if (!loaded) return 2;
  const { settings, warnings } = loaded;
  let output: LogOutput | undefined;
  try {
    const config = await withGeneratedSecrets(settings);
    output = openLog(config, terminal);
    for (const warning of warnings) output.log.warn({}, warning);
    return await run(config, terminal, output);
  } catch (error) {
    const line = explainError(error, settings);
    if (line === undefined) output?.log.fatal({ err: error }, 'The server could not start');
    const reason = error instanceof Error ? error.message : String(error);
    terminal.err(
      `bongsu: ${line ?? `The server could not start: ${reason}. See the log, or try LOG_LEVEL=debug`}`,
    );
    return error instanceof RedisRefused ? 2 : 1;
  } finally {
    output?.flush();
  }
}

function openLog(config: Config, terminal: Terminal): LogOutput {
  return openLogOutput({
    level: config.LOG_LEVEL,
    serviceName: config.SERVICE_NAME,
    node: config.NODE_NAME,
    file: config.LOG_FILE,
    errorFile: config.ERROR_LOG_FILE,
    pretty: terminal.isTty && config.NODE_ENV === 'development',
  });
}

/** @throws whatever made the start fail */
async function run(config: Config, terminal: Terminal, output: LogOutput): Promise<ExitCode> {
  const { log } = output;
  const app = createApp(config, { log });
  const ending = watchForEnd(app, terminal, output);
  try {
    await app.start();
  } catch (error) {
    if (!ending.asked) throw error;
  }
  if (!ending.asked && config.NODE_ENV !== 'production') {
    // The link is a courtesy: a server that runs must not be given up because the database was away just then.
    await greet(app, terminal).catch((err: unknown) =>
      log.warn({ err }, 'The set-up link could not be made'),
    );
  }
  const { exitCode, stopping } = await ending.promise;
  const isClean = await settle(stopping, config, terminal, log);
  // Handles that somebody forgot must not keep the process.
  output.flush();
  terminal.exit(isClean ? exitCode : 1);
}

interface End {
  exitCode: ExitCode;
  stopping: Promise<void>;
}

function watchForEnd(app: App, terminal: Terminal, { log, flush }: LogOutput) {
  let resolve: (end: End) => void = () => {};
  const promise = new Promise<End>((settle) => {
    resolve = settle;
  });
  const ending = { promise, asked: false };
  let askedAt = 0;
  const end = (reason: string, exitCode: ExitCode) => {
    if (ending.asked) return;
    askedAt = performance.now();
    ending.asked = true;
    // At once, so that a start under way gives up.
    const stopping = app.stop(reason);
    stopping.catch(() => {});
    resolve({ exitCode, stopping });
  };
  terminal.onSignal((signal) => {
    if (ending.asked && performance.now() - askedAt > SAME_SIGNAL_MS) {
      log.warn({ signal }, 'Second signal: ending at once');
      flush();
      terminal.exit(1);
    }
    end(signal, 0);
  });
  terminal.onUncaught((error, origin) => {
    log.fatal({ err: error, origin }, 'Uncaught error');
    end(origin, 1);
  });
  app.drainAsked.then(() => end('bongsu drain', 0));
  app.fatal.then((error) => {
    log.fatal({ err: error }, 'The server cannot go on');
    end('a fatal error', 1);
  });
  return ending;
}

/** Whether the stop was clean. Ends the process when it never returns. */
async function settle(
  stopping: Promise<void>,
  config: Config,
  terminal: Terminal,
  log: Log,
): Promise<boolean> {
  const backstop = setTimeout(
    () => {
      log.fatal({}, 'The stop hung: ending at once');
      terminal.exit(1);
    },
    config.DRAIN_SECONDS * 1000 + STOP_GRACE_MS,
  );
  try {
    await stopping;
    return true;
  } catch (error) {
    log.error({ err: error }, 'The stop was not clean');
    return false;
  } finally {
    clearTimeout(backstop);
  }
}

async function greet(app: App, terminal: Terminal): Promise<void> {
  const setupLink = await app.setupLink();
  terminal.err(`\n  Bongsu is ready:  ${app.url}`);
  if (setupLink) terminal.err(`  First administrator (the link works once):  ${setupLink}`);
  terminal.err('  Stop it with Ctrl-C.\n');
}
