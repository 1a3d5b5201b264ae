import {
  AcceptedSchema,
  isStorable,
  NavigateBodySchema,
  type Target,
  TriggerBodySchema,
  UuidSchema,
  ValidationError,
} from '@bongsu/protocol';
import type { FastifyInstance } from 'fastify';
import type { ZodTypeProvider } from 'fastify-type-provider-zod';
import { z } from 'zod';
import { uuidv5, uuidv7 } from '../platform/ids.js';
import type { Principal } from '../platform/principal.js';
import type { refusals } from '../platform/refusals.js';
import type { RightName } from '../platform/rights.js';
import type { Acceptor } from './accept.js';
import { navigate } from './navigate.js';
import { trigger } from './trigger.js';

const MAX_KEY_CHARACTERS = 255;

const IdempotencyHeaders = z.object({
  'idempotency-key': z
    .string()
    .min(1)
    .max(MAX_KEY_CHARACTERS)
    .refine(isStorable, 'must not contain NUL or a lone surrogate')
    .optional()
    .describe(
      'The id of the command; what is no UUID becomes one of sender and key. Without it, and without `id`, the server makes one.',
    ),
});

/** What every route says that sends something to a screen or a room. */
export function sendingSchema<Params extends z.ZodType>(
  tag: 'commands' | 'rooms',
  params: Params,
  notAccepted: ReturnType<typeof refusals>,
) {
  return {
    tags: [tag],
    params,
    headers: IdempotencyHeaders,
    description: 'INDETERMINATE: retry with the same id.',
    codes: notAccepted.codes,
    response: {
      202: AcceptedSchema.describe('Stored for good, or known from before (`duplicate`).'),
      ...notAccepted.responses,
    },
  };
}

interface Sending {
  /** The path of whoever gets it, with its `:id`. */
  path: string;
  right: RightName;
  schema: ReturnType<typeof sendingSchema<z.ZodType<{ id: string }>>>;
  summaries: { trigger: string; navigate: string };
  targetOf(id: string): Target;
}

/** `POST …/trigger` and `POST …/navigate`. */
export function mountSending(
  instance: FastifyInstance,
  acceptor: Acceptor,
  { path, right, schema, summaries, targetOf }: Sending,
): void {
  const app = instance.withTypeProvider<ZodTypeProvider>();
  const config = { right, limit: 'command' } as const;
  app.post(
    `${path}/trigger`,
    { config, schema: { ...schema, summary: summaries.trigger, body: TriggerBodySchema } },
    async ({ principal, params, headers, body }, reply) => {
      const id = commandId(principal, headers['idempotency-key'], body.id);
      const input = { ...body, id, target: targetOf(params.id) };
      return reply.status(202).send(await trigger(acceptor, { principal, counted: true }, input));
    },
  );
  app.post(
    `${path}/navigate`,
    { config, schema: { ...schema, summary: summaries.navigate, body: NavigateBodySchema } },
    async ({ principal, params, headers, body }, reply) => {
      const id = commandId(principal, headers['idempotency-key'], body.id);
      const input = { ...body, id, target: targetOf(params.id) };
      return reply.status(202).send(await navigate(acceptor, { principal, counted: true }, input));
    },
  );
}

/** @throws ValidationError when header and body name different ids */
export function commandId(principal: Principal, key: string | undefined, bodyId: string | undefined): string {
  if (key === undefined) return bodyId ?? uuidv7();
  const parsed = UuidSchema.safeParse(key);
  const sender = principal.kind === 'user' ? principal.userId : principal.screenId;
  const id = parsed.success ? parsed.data : uuidv5(key, sender);
  if (bodyId === undefined || bodyId === id) return id;
  throw new ValidationError([
    { path: 'id', message: 'must be the id that the Idempotency-Key header names' },
  ]);
}
