import { type DeadLetter, DeadReasonSchema, ScreenIdSchema, UuidSchema } from '@bongsu/protocol';
import { z } from 'zod';
import { explainFailure, withOperations } from './operate.js';
import type { Ask } from './operations.js';
import type { CommonOptions, ExitCode, Terminal } from './terminal.js';

const filter = { screen: ScreenIdSchema.optional(), reason: DeadReasonSchema.optional() };
const ListSchema = z.object({
  ...filter,
  requeued: z.boolean().default(false),
  limit: z.coerce.number().int().min(1).max(10_000).default(50),
});
const IdsSchema = z.object({ ids: z.array(UuidSchema).min(1) });
const RequeueSchema = z.object({ ...filter, ids: z.array(UuidSchema) });

export type ListOptions = CommonOptions & z.input<typeof ListSchema>;
export type RequeueOptions = CommonOptions & Omit<z.input<typeof RequeueSchema>, 'ids'>;

const TITLE = 'bongsu dlq';
const LETTERS_A_PAGE = 100;

/** `--json`: {items}, as GET /dead-letters has them. */
export async function listLetters(terminal: Terminal, options: ListOptions): Promise<ExitCode> {
  const query = checked(terminal, ListSchema, options);
  if (!query) return 2;
  return withOperations(terminal, options, TITLE, async (ask) => {
    const items = await collect(ask, query);
    if (options.json) terminal.out(JSON.stringify({ items }, null, 2));
    else for (const letter of items) terminal.out(lineOf(letter));
    if (items.length === 0 && !options.json && !options.quiet)
      terminal.err('There are no such dead letters.');
    return 0;
  });
}

async function collect(ask: Ask, query: z.output<typeof ListSchema>): Promise<DeadLetter[]> {
  const { screen: screenId, reason, requeued } = query;
  const items: DeadLetter[] = [];
  let cursor: string | undefined;
  do {
    const limit = Math.min(LETTERS_A_PAGE, query.limit - items.length);
    const page = await ask('dlq.list', { screenId, reason, requeued, cursor, limit });
    items.push(...page.items);
    cursor = page.nextCursor ?? undefined;
  } while (cursor !== undefined && items.length < query.limit);
  return items;
}

/** Errors and names come from devices and people: nothing in them may steer the terminal. */
function harmless(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what we look for
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '\uFFFD');
}

function lineOf(letter: DeadLetter): string {
  const { id, at, screenId, type, payload, reason, attempts, error, requeuedAs } = letter;
  const fields = [id, new Date(at).toISOString(), screenId, type, `${payload.action ?? payload.url ?? ''}`];
  fields.push(reason, attempts === 1 ? '1 attempt' : `${attempts} attempts`);
  if (error !== null) fields.push(error);
  if (requeuedAs !== null) fields.push(`requeued as ${requeuedAs}`);
  return harmless(fields.join('  '));
}

/** One with its payload. `--json`: the letter, as GET /dead-letters has it. */
export async function showLetter(
  terminal: Terminal,
  options: CommonOptions,
  ids: readonly string[],
): Promise<ExitCode> {
  const asked = checked(terminal, IdsSchema, { ids });
  if (!asked) return 2;
  return withOperations(terminal, options, TITLE, async (ask) => {
    const letter = await ask('dlq.get', { id: asked.ids[0] ?? '' });
    if (options.json) terminal.out(JSON.stringify(letter, null, 2));
    else for (const line of linesOf(letter)) terminal.out(harmless(line));
    return 0;
  });
}

function linesOf({ at, from, payload, ...letter }: DeadLetter): string[] {
  const fields = {
    ...letter,
    at: new Date(at).toISOString(),
    from: `${from.username} (${from.userId})`,
    payload: JSON.stringify(payload),
  };
  return Object.entries(fields).flatMap(([name, value]) => (value === null ? [] : [`${name}: ${value}`]));
}

/** For good, so it asks first. `--json`: {deleted: [id], failed: [{id, error}]}. */
export async function deleteLetters(
  terminal: Terminal,
  options: CommonOptions,
  ids: readonly string[],
): Promise<ExitCode> {
  const asked = checked(terminal, IdsSchema, { ids });
  if (!asked) return 2;
  const refusal = await confirmed(terminal, options, 'Throw these dead letters away for good?', 'Deleting');
  if (refusal !== undefined) return refusal;
  return withOperations(terminal, options, TITLE, async (ask) => {
    const deleted: string[] = [];
    const failed = await eachOf(terminal, asked.ids, async (id) => {
      await ask('dlq.delete', { id });
      deleted.push(id);
      if (!options.json) terminal.out(`${id}  deleted`);
    });
    if (options.json) terminal.out(JSON.stringify({ deleted, failed }, null, 2));
    return failed.length === 0 ? 0 : 1;
  });
}

/** Counts of those that wait. `--json`: as GET /dead-letters/stats. */
export async function showLetterStats(terminal: Terminal, options: CommonOptions): Promise<ExitCode> {
  return withOperations(terminal, options, TITLE, async (ask) => {
    const stats = await ask('dlq.stats', {});
    if (options.json) {
      terminal.out(JSON.stringify(stats, null, 2));
      return 0;
    }
    const { total, byReason, byScreen, oldestAt } = stats;
    terminal.out(
      `${total} waiting${oldestAt === null ? '' : `, the oldest since ${new Date(oldestAt).toISOString()}`}`,
    );
    for (const [name, count] of [...Object.entries(byReason), ...Object.entries(byScreen)])
      terminal.out(`${name}: ${count}`);
    return 0;
  });
}

/**
 * By ids, or by screen and reason, which asks first. `--json`: {requeued: [{id, commandId}], failed: [{id, error}]}, or for many
 * {requeued, left}. Exit 1 when something was left.
 */
export async function requeueLetters(
  terminal: Terminal,
  options: RequeueOptions,
  ids: readonly string[],
): Promise<ExitCode> {
  const asked = checked(terminal, RequeueSchema, { ...options, ids });
  if (!asked) return 2;
  const { screen, reason } = asked;
  const isMany = screen !== undefined || reason !== undefined;
  if (isMany === asked.ids.length > 0) {
    terminal.err('bongsu: Name either the ids of letters, or --screen, --reason or both.');
    return 2;
  }
  if (!isMany)
    return withOperations(terminal, options, TITLE, (ask) => requeueEach(terminal, options, ask, asked.ids));
  const refusal = await confirmed(
    terminal,
    options,
    'Send all these dead letters again?',
    'Sending many again',
  );
  if (refusal !== undefined) return refusal;
  return withOperations(terminal, options, TITLE, (ask) =>
    requeueMany(terminal, options, ask, { screenId: screen, reason }),
  );
}

/** Undefined to go on, otherwise how to end. */
async function confirmed(
  terminal: Terminal,
  { yes }: CommonOptions,
  question: string,
  deed: string,
): Promise<ExitCode | undefined> {
  const answer = yes || (await terminal.confirm(question));
  if (answer === undefined) terminal.err(`bongsu: ${deed} asks first. Without a terminal say --yes.`);
  if (answer) return undefined;
  return answer === undefined ? 2 : 1;
}

async function requeueEach(
  terminal: Terminal,
  options: CommonOptions,
  ask: Ask,
  ids: readonly string[],
): Promise<ExitCode> {
  const requeued: { id: string; commandId: string }[] = [];
  const failed = await eachOf(terminal, ids, async (id) => {
    const { id: commandId } = await ask('dlq.requeue', { id });
    requeued.push({ id, commandId });
    if (!options.json) terminal.out(`${id}  requeued as ${commandId}`);
  });
  if (options.json) terminal.out(JSON.stringify({ requeued, failed }, null, 2));
  return failed.length === 0 ? 0 : 1;
}

/** One after another, and answers those that failed. */
async function eachOf(terminal: Terminal, ids: readonly string[], work: (id: string) => Promise<void>) {
  const failed: { id: string; error: string }[] = [];
  for (const id of ids) {
    try {
      await work(id);
    } catch (error) {
      failed.push({ id, error: explainFailure(error) });
      terminal.err(`bongsu: ${id}: ${explainFailure(error)}`);
    }
  }
  return failed;
}

type Many = Parameters<typeof askMany>[1];

/** A server does a bounded part at a time. */
async function requeueMany(
  terminal: Terminal,
  options: CommonOptions,
  ask: Ask,
  many: Many,
): Promise<ExitCode> {
  let requeued = 0;
  let part = await askMany(ask, many);
  requeued += part.requeued;
  while (part.left > 0 && part.requeued > 0) {
    if (!options.quiet) terminal.err(`${requeued} requeued, ${part.left} left …`);
    part = await askMany(ask, many);
    requeued += part.requeued;
  }
  const { left, full } = part;
  terminal.out(options.json ? JSON.stringify({ requeued, left }) : `${requeued} requeued, ${left} left`);
  if (left > 0) terminal.err(`bongsu: ${whyLeft(full)} Try again later.`);
  return left === 0 ? 0 : 1;
}

const NAMED_SCREENS = 5;

function whyLeft(full: readonly string[]): string {
  if (full.length === 0) return 'What is left was given up, or requeued by somebody else, in the meantime.';
  const named = full.slice(0, NAMED_SCREENS).join(', ');
  const more = full.length - NAMED_SCREENS;
  return `These screens are full: ${named}${more > 0 ? ` and ${more} more` : ''}.`;
}

function askMany(
  ask: Ask,
  many: { screenId?: string | undefined; reason?: DeadLetter['reason'] | undefined },
) {
  return ask('dlq.requeueMany', many);
}

/** Undefined after the faults were reported. */
function checked<Schema extends z.ZodType>(
  terminal: Terminal,
  schema: Schema,
  options: unknown,
): z.output<Schema> | undefined {
  const result = schema.safeParse(options, { reportInput: true });
  if (result.success) return result.data;
  for (const { path, message, input } of result.error.issues) {
    const isId = path[0] === 'ids' && path.length > 1;
    terminal.err(
      `bongsu: ${isId ? `${input} is not the id of a dead letter` : `${path.join('.')}: ${message}`}`,
    );
  }
  return undefined;
}
