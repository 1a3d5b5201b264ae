import {
  BongsuError,
  DeadLettersQuerySchema,
  DeadReasonSchema,
  EmailSchema,
  PasswordSchema,
  parseInput,
  RoleSchema,
  ScreenIdSchema,
  UsernameSchema,
  UuidSchema,
} from '@bongsu/protocol';
import { z } from 'zod';
import type { DeadLetterQueue } from '../commands/index.js';
import type { KeyOperations, UserAdministration } from '../identity/index.js';

/** What operations work with: a running server's parts, or those that a command made for itself. */
export interface OperationDeps {
  deadLetters: DeadLetterQueue;
  users: UserAdministration;
  keys: KeyOperations;
  /** Absent in a command that found no server. */
  server?: RunningServer;
}

/** The process that is asked, where there is one. */
export interface RunningServer {
  node: string;
  connections(): number;
  /** Begins to stop, as on SIGTERM. */
  drain(): void;
}

interface Operation<Input, Result> {
  input: z.ZodType<Input>;
  run(deps: OperationDeps, input: Input): Promise<Result>;
}

/** Infers both types from what it is given. */
function operation<Schema extends z.ZodType, Result>(
  input: Schema,
  run: (deps: OperationDeps, input: z.output<Schema>) => Promise<Result>,
): Operation<z.output<Schema>, Result> {
  return { input: input as unknown as z.ZodType<z.output<Schema>>, run };
}

const LettersSchema = z.object({ screenId: ScreenIdSchema.optional(), reason: DeadReasonSchema.optional() });
const LetterSchema = z.object({ id: UuidSchema });
const ListSchema = DeadLettersQuerySchema.extend({ requeued: z.boolean() });
export const NewUserSchema = z.object({
  email: EmailSchema,
  username: UsernameSchema,
  password: PasswordSchema,
  role: RoleSchema.default('user'),
});
const UserSchema = z.object({ who: z.string().max(300) });
const EntriesSchema = z.object({ entries: z.array(z.unknown()).max(1000) });
const screensOf = (screenId: string | undefined) => (screenId === undefined ? undefined : [screenId]);

/** All that a command may ask of a server that owns the database, one line each; nothing else is run for anybody. */
const OPERATIONS = {
  'dlq.list': operation(ListSchema, ({ deadLetters }, { screenId, ...query }) =>
    deadLetters.getMessages({ ...query, screenIds: screensOf(screenId) }),
  ),
  'dlq.get': operation(LetterSchema, ({ deadLetters }, { id }) => deadLetters.getMessage(id)),
  'dlq.delete': operation(LetterSchema, async ({ deadLetters }, { id }) => {
    if (!(await deadLetters.remove(id))) throw new BongsuError('NOT_FOUND');
  }),
  'dlq.stats': operation(z.object({}), ({ deadLetters }) => deadLetters.getStats()),
  'dlq.requeue': operation(LetterSchema, ({ deadLetters }, { id }) => deadLetters.requeue(id)),
  'keys.list': operation(z.object({}), ({ keys }) => keys.list()),
  'keys.rotate': operation(z.object({ emergency: z.boolean() }), ({ keys }, { emergency }) =>
    emergency ? keys.rotateAtOnce() : keys.rotate(),
  ),
  'dlq.requeueMany': operation(LettersSchema, ({ deadLetters }, { screenId, reason }) =>
    deadLetters.requeueMany({ screenIds: screensOf(screenId), reason }),
  ),
  /** Answers at once: the process ends when it has moved its sockets. */
  'server.drain': operation(z.object({}), async ({ server }) => {
    if (!server) throw new BongsuError('NOT_FOUND');
    const before = { node: server.node, pid: process.pid, connections: server.connections() };
    server.drain();
    return before;
  }),
  'users.create': operation(NewUserSchema, async ({ users }, input) => ({
    userId: await users.create(input),
  })),
  'users.disable': operation(UserSchema, ({ users }, { who }) => users.disable(who)),
  'users.resetMfa': operation(UserSchema, ({ users }, { who }) => users.resetMfa(who)),
  'users.import': operation(EntriesSchema, ({ users }, { entries }) => users.import(entries)),
};

type Operations = typeof OPERATIONS;
export type OperationName = keyof Operations;
export type OperationInput<Name extends OperationName> = z.input<Operations[Name]['input']>;
export type OperationResult<Name extends OperationName> = Awaited<ReturnType<Operations[Name]['run']>>;

/** Asks for an operation, wherever it is run. @throws BongsuError */
export type Ask = <Name extends OperationName>(
  name: Name,
  input: OperationInput<Name>,
) => Promise<OperationResult<Name>>;

/** Runs one by its name, its input unchecked. @throws NOT_FOUND, VALIDATION_ERROR, and what the operation throws */
export function runOperation(deps: OperationDeps, name: string, input: unknown): Promise<unknown> {
  if (!Object.hasOwn(OPERATIONS, name)) throw new BongsuError('NOT_FOUND');
  const { input: schema, run } = OPERATIONS[name as OperationName] as Operation<unknown, unknown>;
  return run(deps, parseInput(schema, input));
}
