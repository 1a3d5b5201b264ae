import { BongsuError, type CommandHookBody, type Target } from '@bongsu/protocol';
import type { Clock } from '../platform/clock.js';
import { type Bulkhead, createBulkhead } from '../platform/resilience/bulkhead.js';
import { type CircuitBreaker, retryAfterOf } from '../platform/resilience/circuit-breaker.js';
import { within } from '../platform/resilience/within.js';
import { type CommandHook, cleanMessage, type HookAnswer } from './hook.js';
import { HOOK_TIMEOUT_MS, HookFault, tookTooLong } from './hook-post.js';
import type { KnownCommand, Ledger, NewCommand } from './ledger.js';

export interface HookGateDeps {
  hook: CommandHook;
  ledger: Pick<Ledger, 'find'>;
  breaker: CircuitBreaker;
  clock: Clock;
  /** Aborted when a stopping server waits no longer. */
  signal: AbortSignal;
}

/** Calls at once, and how many may wait for one to end. */
const CALLS = 64;
const WAITING = 4096;
/** Each call ends within HOOK_TIMEOUT_MS, so nobody waits longer than both together. */
const PATIENCE_MS = 10_000;
const RETRY_MS = 1000;

/** Asks the hook about commands that are new. */
export class HookGate {
  readonly #deps: HookGateDeps;
  /** By sender, id and content: copies share one call. */
  readonly #asking = new Map<string, Promise<BongsuError | KnownCommand | undefined>>();
  readonly #bulkhead: Bulkhead;
  #stopped = false;

  constructor(deps: HookGateDeps) {
    this.#deps = deps;
    this.#bulkhead = createBulkhead({
      limit: CALLS,
      queue: WAITING,
      patienceMs: PATIENCE_MS,
      clock: deps.clock,
      refuse: () => new BongsuError('BUSY', { retryAfterMs: RETRY_MS }),
    });
  }

  /** Lets nothing in any more, whatever the hook answers: what waits for it would come too late to be stored. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Why the command is refused, or that it is known, and then nobody is asked; undefined lets it in.
   * @throws BongsuError BUSY, UNAVAILABLE @throws DatabaseError
   */
  pass(command: NewCommand, target: Target): Promise<BongsuError | KnownCommand | undefined> {
    const key = `${command.senderId}${command.id}${command.fingerprint}`;
    const asking = this.#asking.get(key);
    if (asking) return asking;
    const answer = this.#ask(command, target).finally(() => this.#asking.delete(key));
    this.#asking.set(key, answer);
    return answer;
  }

  async #ask(command: NewCommand, target: Target): Promise<BongsuError | KnownCommand | undefined> {
    const known = await this.#deps.ledger.find(command.senderId, command.id);
    if (known) return known;
    const answer = await this.#decide(toBody(command, target));
    if (this.#stopped) throw new BongsuError('UNAVAILABLE', { retryAfterMs: RETRY_MS });
    if (answer.allow) return undefined;
    const message = cleanMessage(answer.message);
    return new BongsuError('FORBIDDEN', message === undefined ? {} : { details: { message } });
  }

  async #decide(body: CommandHookBody): Promise<HookAnswer> {
    const { breaker, signal } = this.#deps;
    try {
      return await this.#bulkhead(() => breaker.execute(() => this.#call(body), signal));
    } catch (error) {
      if (error instanceof BongsuError) throw error;
      const retryAfterMs = retryAfterOf(error) ?? breaker.refusesForMs() ?? RETRY_MS;
      throw new BongsuError('UNAVAILABLE', { retryAfterMs, details: { cause: 'hook' }, cause: error });
    }
  }

  async #call(body: CommandHookBody): Promise<HookAnswer> {
    const { hook, clock, signal } = this.#deps;
    const limit = { clock, ms: HOOK_TIMEOUT_MS, tooLong: tookTooLong, signal };
    const answer: unknown = await within(limit, (limited) => hook(body, limited));
    if (!isAnswer(answer)) throw new HookFault('The hook answered neither allow: true nor allow: false');
    return answer;
  }
}

function isAnswer(answer: unknown): answer is HookAnswer {
  return (
    typeof answer === 'object' && answer !== null && 'allow' in answer && typeof answer.allow === 'boolean'
  );
}

function toBody({ id, type, senderId, username, fields }: NewCommand, target: Target): CommandHookBody {
  return { command: { id, type, target, from: { userId: senderId, username }, ...fields } };
}
