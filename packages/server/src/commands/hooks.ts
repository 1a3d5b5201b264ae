import { setMaxListeners } from 'node:events';
import type { Clock, DatabaseClock } from '../platform/clock.js';
import type { Queryable } from '../platform/database/database.js';
import type { Log } from '../platform/log.js';
import type { Metrics } from '../platform/metrics.js';
import type { Breakers } from '../platform/resilience/breakers.js';
import { type CommandHook, createHookBreaker, httpHook, inProcessHook } from './hook.js';
import { HookGate } from './hook-gate.js';
import { HookOutbox } from './hook-outbox.js';
import { HookOutboxStore } from './hook-outbox-store.js';
import { createHookPost } from './hook-post.js';
import type { Ledger } from './ledger.js';

export interface HooksDeps {
  /** COMMAND_HOOK_URL and COMMAND_HOOK_SECRET. */
  hook: { url: string; secret: string } | undefined;
  /** Asked in place of the URL; events go to the URL all the same. */
  commandHook?: CommandHook | undefined;
  database: Queryable;
  ledger: Pick<Ledger, 'find'>;
  breakers: Breakers;
  clock: Clock;
  databaseClock: DatabaseClock;
  log: Log;
  metrics: Metrics;
  /** Aborted when a stopping server waits no longer. */
  signal: AbortSignal;
}

export interface Hooks {
  gate: HookGate | undefined;
  outbox: HookOutbox | undefined;
}

/** The parts of the hook that this server has: none without a setting or an override. */
export function createHooks(deps: HooksDeps): Hooks {
  const { hook, commandHook, breakers, signal } = deps;
  if (!hook && !commandHook) return { gate: undefined, outbox: undefined };
  // Each call under way listens to it.
  setMaxListeners(0, signal);
  const post = hook && createHookPost(hook, deps.databaseClock);
  const asked = commandHook ? inProcessHook(commandHook) : post && httpHook(post);
  return {
    gate:
      asked && new HookGate({ ...deps, hook: asked, breaker: createHookBreaker(breakers, 'hook', signal) }),
    outbox:
      post &&
      new HookOutbox({
        ...deps,
        post,
        breaker: createHookBreaker(breakers, 'hook-events', signal),
        store: new HookOutboxStore(deps.database),
      }),
  };
}
