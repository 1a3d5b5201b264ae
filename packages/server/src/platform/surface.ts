import type { z } from 'zod';
import type { Origin, Principal } from './principal.js';
import type { RightName } from './rights.js';

// What a domain declares and the gateway mounts. HTTP routes carry `config: {right, limit}`; socket events are EventDefinitions.
// Authentication, rights, validation, limits, error mapping and metrics attach once, at mounting.

/**
 * Which rate limit counts a route: RATE_LIMIT_PER_MINUTE per user or address, COMMAND_RATE_PER_MINUTE, that one for a call that makes
 * up to 1,000 commands (`bulk`), or none. Of an event `command` says that its verb counts it, at once or in its turn.
 */
export type LimitScope = 'general' | 'refresh' | 'command' | 'bulk' | 'none';

export interface EventContext {
  readonly socketId: string;
  /** As it is now: `auth-refresh` replaces it. */
  readonly principal: Principal;
  readonly origin: Origin;
  /** Of the client object, when its handshake named one. */
  readonly instanceId: string | undefined;
  /** Aborted when the socket closes. */
  readonly signal: AbortSignal;
  replacePrincipal(principal: Principal): void;
}

/**
 * One client → server event. `handle` is called in the order of arrival and synchronously, so that a verb can take its
 * turn in a queue before it first awaits; what it resolves to becomes the ack `{success:true, …}`.
 */
export interface EventDefinition<Schema extends z.ZodType = z.ZodType> {
  right: Exclude<RightName, 'public'>;
  limit: LimitScope;
  schema: Schema;
  handle(context: EventContext, input: z.output<Schema>): Promise<object>;
}

export type Events = Record<string, EventDefinition>;

/** Keeps the schema's type inside `handle`. */
export function defineEvent<Schema extends z.ZodType>(event: EventDefinition<Schema>): EventDefinition {
  return event as unknown as EventDefinition;
}
