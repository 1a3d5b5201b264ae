import { BongsuError } from '@bongsu/protocol';
import { explainFailure, withOperations } from './operate.js';
import { type Ask, NewUserSchema, type OperationResult } from './operations.js';
import type { CommonOptions, ExitCode, Terminal } from './terminal.js';

export interface CreateOptions extends CommonOptions {
  email: string;
  username: string;
  role: string;
}

const TITLE = 'bongsu user';
/** A request over the control socket has 64 KiB, and quotes and escapes take their part. */
const BATCH_BYTES = 24_000;
const BATCH_LINES = 50;
const LONGEST_LINE_BYTES = 4096;

/** `--json`: {userId}. The password is never an argument: those stand in the list of processes. */
export async function createUser(terminal: Terminal, options: CreateOptions): Promise<ExitCode> {
  const password = await terminal.secret('Password: ');
  const { email, username, role } = options;
  const checked = NewUserSchema.safeParse({ email, username, role, password: password ?? '' });
  if (!checked.success) {
    for (const { path, message } of checked.error.issues)
      terminal.err(`bongsu: ${path.join('.')}: ${message}`);
    return 2;
  }
  return withOperations(terminal, options, TITLE, async (ask) => {
    const { userId } = await ask('users.create', checked.data).catch(sayWhoIsThere);
    terminal.out(options.json ? JSON.stringify({ userId }) : userId);
    return 0;
  });
}

function sayWhoIsThere(error: unknown): never {
  const isTaken = error instanceof BongsuError && error.code === 'CONFLICT';
  throw isTaken ? new Error('CONFLICT: The address has an account already') : error;
}

/** `--json`: the user, as PATCH /users/:id answers. */
export async function disableUser(
  terminal: Terminal,
  options: CommonOptions,
  [who = '']: readonly string[],
): Promise<ExitCode> {
  return withOperations(terminal, options, TITLE, async (ask) => {
    const user = await ask('users.disable', { who }).catch(sayWhoIsLast);
    terminal.out(options.json ? JSON.stringify(user, null, 2) : `${user.userId}  disabled`);
    return 0;
  });
}

function sayWhoIsLast(error: unknown): never {
  const isLast = error instanceof BongsuError && error.code === 'CONFLICT';
  throw isLast ? new Error('CONFLICT: This is the last administrator who can sign in') : error;
}

/** `--json`: the user, as PATCH /users/:id answers. */
export async function resetMfa(
  terminal: Terminal,
  options: CommonOptions,
  [who = '']: readonly string[],
): Promise<ExitCode> {
  return withOperations(terminal, options, TITLE, async (ask) => {
    const user = await ask('users.resetMfa', { who }).catch(sayThereIsNone);
    terminal.out(options.json ? JSON.stringify(user, null, 2) : `${user.userId}  second factor taken off`);
    return 0;
  });
}

function sayThereIsNone(error: unknown): never {
  const isNone = error instanceof BongsuError && error.code === 'CONFLICT';
  throw isNone ? new Error('CONFLICT: This user has no second factor') : error;
}

type Outcome = OperationResult<'users.import'>[number];
interface Line {
  line: number;
  entry: unknown;
}
interface Summary {
  imported: number;
  /** Lines whose address has an account. */
  skipped: number[];
  failed: { line: number; faults: { path: string; message: string }[] }[];
}

/** `--json`: {imported, skipped: [line], failed: [{line, faults: [{path, message}]}]}. Exit 1 when a line failed. */
export async function importUsers(
  terminal: Terminal,
  options: CommonOptions,
  [path = '-']: readonly string[],
): Promise<ExitCode> {
  return withOperations(terminal, options, TITLE, async (ask) => {
    const summary: Summary = { imported: 0, skipped: [], failed: [] };
    const tell = (note: Note) => record(terminal, options, summary, note);
    try {
      await importAll(ask, terminal.lines(path), tell);
    } catch (error) {
      terminal.err(`bongsu: stopped after ${summary.imported} imported: ${explainFailure(error)}`);
      return 1;
    }
    const { imported, skipped, failed } = summary;
    if (options.json) terminal.out(JSON.stringify(summary, null, 2));
    else terminal.out(`${imported} imported, ${skipped.length} skipped, ${failed.length} refused`);
    return failed.length === 0 ? 0 : 1;
  });
}

interface Note {
  line: number;
  outcome: Outcome;
}

function record(
  terminal: Terminal,
  { quiet }: CommonOptions,
  summary: Summary,
  { line, outcome }: Note,
): void {
  if (outcome.outcome === 'imported') summary.imported += 1;
  else if (outcome.outcome === 'skipped') {
    summary.skipped.push(line);
    if (!quiet) terminal.err(`line ${line}: skipped, the address has an account`);
  } else {
    summary.failed.push({ line, faults: outcome.faults });
    for (const { path, message } of outcome.faults)
      terminal.err(`bongsu: line ${line}: ${path === '' ? '' : `${path}: `}${message}`);
  }
}

/** In parts that fit into a request; a part is answered before the next is read. */
async function importAll(ask: Ask, lines: AsyncIterable<string>, tell: (note: Note) => void): Promise<void> {
  let number = 0;
  let bytes = 0;
  let part: Line[] = [];
  const send = async () => {
    const asked = part;
    [part, bytes] = [[], 0];
    if (asked.length === 0) return;
    const outcomes = await ask('users.import', { entries: asked.map(({ entry }) => entry) });
    for (const [n, outcome] of outcomes.entries()) tell({ line: asked[n]?.line ?? 0, outcome });
  };
  for await (const text of lines) {
    number += 1;
    if (text.trim() === '') continue;
    const read = readLine(text);
    if ('message' in read) {
      tell({ line: number, outcome: { outcome: 'refused', faults: [{ path: '', message: read.message }] } });
      continue;
    }
    part.push({ line: number, entry: read.entry });
    bytes += Buffer.byteLength(text);
    if (bytes >= BATCH_BYTES || part.length >= BATCH_LINES) await send();
  }
  await send();
}

/** The message says nothing of what stands there: it may be a hash. */
function readLine(text: string): { entry: unknown } | { message: string } {
  if (Buffer.byteLength(text) > LONGEST_LINE_BYTES) return { message: 'is longer than 4096 bytes' };
  try {
    return { entry: JSON.parse(text) };
  } catch {
    return { message: 'is no JSON' };
  }
}
