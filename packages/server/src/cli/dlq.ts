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
function lineOf(letter: DeadLetter): string {
  const { id, at, screenId, type, reason, attempts, error, requeuedAs } = letter;
  const fields = [id, new Date(at).toISOString(), screenId, type, reason, `${attempts} attempts`];
  if (error !== null) fields.push(error);
  if (requeuedAs !== null) fields.push(`requeued as ${requeuedAs}`);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what we look for
  return fields.join('  ').replace(/[\u0000-\u001f\u007f-\u009f]/g, '\uFFFD');
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
  if (!options.yes) {
    const answer = await terminal.confirm('Send all these dead letters again?');
    if (answer === undefined)
      terminal.err('bongsu: Sending many again asks first. Without a terminal say --yes.');
    if (!answer) return answer === undefined ? 2 : 1;
  }
  return withOperations(terminal, options, TITLE, (ask) =>
    requeueMany(terminal, options, ask, { screenId: screen, reason }),
  );
}

async function requeueEach(
  terminal: Terminal,
  options: CommonOptions,
  ask: Ask,
  ids: readonly string[],
): Promise<ExitCode> {
  const requeued: { id: string; commandId: string }[] = [];
  const failed: { id: string; error: string }[] = [];
  for (const id of ids) {
    try {
      const { id: commandId } = await ask('dlq.requeue', { id });
      requeued.push({ id, commandId });
      if (!options.json) terminal.out(`${id}  requeued as ${commandId}`);
    } catch (error) {
      failed.push({ id, error: explainFailure(error) });
      terminal.err(`bongsu: ${id}: ${explainFailure(error)}`);
    }
  }
  if (options.json) terminal.out(JSON.stringify({ requeued, failed }, null, 2));
  return failed.length === 0 ? 0 : 1;
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
  const { left } = part;
  terminal.out(options.json ? JSON.stringify({ requeued, left }) : `${requeued} requeued, ${left} left`);
  if (left > 0) terminal.err('bongsu: What is left waits for screens that are full. Try again later.');
  return left === 0 ? 0 : 1;
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
  const result = schema.safeParse(options);
  if (result.success) return result.data;
  for (const { path, message } of result.error.issues) terminal.err(`bongsu: ${path.join('.')}: ${message}`);
  return undefined;
}
