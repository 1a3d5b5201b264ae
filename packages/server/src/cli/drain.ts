import { nodeName } from '../app-config.js';
import { type Clock, sleep, systemClock } from '../platform/clock.js';
import { findLiveOwner } from '../platform/database/folder-lock.js';
import { askControl, controlPath } from './control.js';
import { explainFailure } from './operate.js';
import type { OperationResult } from './operations.js';
import { readSettings } from './settings.js';
import type { CommonOptions, ExitCode, Terminal } from './terminal.js';

export interface DrainOptions extends CommonOptions {
  node?: string;
}

type Asked = OperationResult<'server.drain'>;

const PAUSE_MS = 100;
/** What a server takes beyond DRAIN_SECONDS before it ends itself (serve.ts). */
const GRACE_MS = 15_000;

/**
 * Asks the server of these settings, on this machine, to move its sockets to other nodes and to end, and waits until it has. `--json`:
 * {node, pid, connections, ms}.
 */
export async function drain(terminal: Terminal, options: DrainOptions): Promise<ExitCode> {
  const loaded = readSettings(terminal);
  if (!loaded) return 2;
  const { settings } = loaded;
  const path = await socketOf(settings, options.node ?? nodeName(settings));
  try {
    const asked = (await askControl(path, 'server.drain', {})) as Asked;
    if (!options.quiet) {
      terminal.err(`Node "${asked.node}" moves its connections (${asked.connections}) and ends.`);
    }
    const from = systemClock.monotonic();
    const isOver = await ends(asked.pid, settings.DRAIN_SECONDS * 1000 + GRACE_MS, systemClock);
    const ms = Math.round(systemClock.monotonic() - from);
    if (options.json) terminal.out(JSON.stringify({ ...asked, ms }, null, 2));
    else if (isOver) terminal.out(`Node "${asked.node}" ended after ${(ms / 1000).toFixed(1)} s.`);
    if (!isOver) terminal.err(`bongsu: Node "${asked.node}", process ${asked.pid}, still runs.`);
    return isOver ? 0 : 1;
  } catch (error) {
    terminal.err(`bongsu: ${isNobodyThere(error) ? NOBODY : explainFailure(error)}`);
    return 1;
  }
}

const NOBODY =
  'No server of these settings runs on this machine as this user. Give it the same NODE_NAME (or HOST and PORT) and DATA_DIR, or say --node.';

async function socketOf(
  { DATABASE_URL, DATA_DIR }: { DATABASE_URL?: unknown; DATA_DIR: string },
  node: string,
): Promise<string> {
  if (DATABASE_URL !== undefined) return controlPath(DATA_DIR, node);
  return (await findLiveOwner(DATA_DIR))?.controlSocket ?? controlPath(DATA_DIR);
}

async function ends(pid: number, withinMs: number, clock: Clock): Promise<boolean> {
  const giveUpAt = clock.monotonic() + withinMs;
  while (isAlive(pid)) {
    if (clock.monotonic() >= giveUpAt) return false;
    await sleep(clock, PAUSE_MS);
  }
  return true;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function isNobodyThere(error: unknown): boolean {
  return ['ENOENT', 'ECONNREFUSED'].includes((error as NodeJS.ErrnoException).code ?? '');
}
