import { type Accepted, BongsuError, FRESHNESS_MS, type Notify, type Target } from '@bongsu/protocol';
import type { DatabaseClock } from '../platform/clock.js';
import { DatabaseError } from '../platform/database/database.js';
import type { Principal, UserPrincipal } from '../platform/principal.js';
import type { BatchProcessor } from '../platform/resilience/batch-processor.js';
import { retryAfterOf } from '../platform/resilience/circuit-breaker.js';
import type { ScreenGrant } from '../screens/index.js';
import { type CommandContent, writeContent } from './fingerprint.js';
import type { HookGate } from './hook-gate.js';
import type { AcceptOutcome, KnownCommand, Ledger, NewCommand } from './ledger.js';
import { RoomGrant } from './room-grant.js';
import { SCREENS_LANE, SocketOrder } from './socket-order.js';
import type { Turn, Turns } from './turns.js';

/** What a verb makes of its input. */
export interface CommandRequest {
  id: string;
  /** Milliseconds; absent over HTTP, where the server's receipt is the time. */
  timestamp: number | undefined;
  target: Target;
  content: CommandContent;
  ttlMs: number | undefined;
  retries: number | undefined;
  notify: Notify;
  nonce: string | undefined;
}

export interface Caller {
  principal: Principal;
  /** The socket, whose commands keep their order. */
  socketId?: string;
  /** True when the surface has counted this call already. */
  counted?: boolean;
}

export interface AcceptorDeps {
  retentionMs: number;
  ledger: Pick<Ledger, 'find'>;
  batcher: Pick<BatchProcessor<NewCommand, AcceptOutcome>, 'add'>;
  roomBatcher: Pick<BatchProcessor<NewCommand, AcceptOutcome>, 'add'>;
  turns: Turns;
  databaseClock: DatabaseClock;
  authorize(
    principal: Principal,
    screenId: string,
  ): ScreenGrant | undefined | Promise<ScreenGrant | undefined>;
  /** Without it there are no rooms. Undefined for who is no member of a room that is open. @throws ROOM_CLOSED to whose it was */
  authorizeRoom?(
    principal: Principal,
    roomId: string,
    toCommand: boolean,
  ): RoomGrant | undefined | Promise<RoomGrant | undefined>;
  /** Counts one command of a user, in memory and at once. */
  limit(userId: string): { allowed: boolean; retryAfterMs?: number };
  /** False when the nonce was used with another command. */
  registerNonce(userId: string, nonce: string, commandId: string): boolean | Promise<boolean>;
  hook: Pick<HookGate, 'pass'> | undefined;
  /** Milliseconds for which nothing can be stored; undefined when it can. */
  refusesForMs(): number | undefined;
  count(type: string, outcome: string): void;
}

/** Why a command is refused, or its record when it is known; undefined lets it on. */
type Gate = BongsuError | KnownCommand | undefined;

interface Waiting {
  fingerprint: string;
  answer: Promise<Accepted>;
}

export const DEFAULT_TTL_MS = 24 * 3_600_000;
const RETRY_MS = 1000;

/**
 * The one way into the ledger, for every surface: rate limit → authorisation → freshness and nonce → hook → ledger. A refusal
 * first looks whether the command is known: then its stored answer counts, whatever has changed since.
 */
export class Acceptor {
  readonly #deps: AcceptorDeps;
  /**
   * By sender and id. No Map: thousands come and go in a second, and every table that a Map outgrows stays linked to the next one,
   * so that the collector carries along what all of them held (docs/decisions/0034).
   */
  readonly #waiting: Record<string, Waiting> = Object.create(null);
  readonly #order = new SocketOrder();
  #stopped = false;

  constructor(deps: AcceptorDeps) {
    this.#deps = deps;
  }

  /** From now on nothing is accepted; what waits is answered. */
  stop(): void {
    this.#stopped = true;
  }

  /**
   * Synchronous up to the batcher when no gate has to wait. The way of such a command has few promises and no async functions:
   * each of them costs as much as a gate.
   * @throws BongsuError
   */
  accept(caller: Caller, request: CommandRequest): Promise<Accepted> {
    const { type } = request.content;
    const refuse = (thrown: unknown): never => {
      const error = toRefusal(thrown);
      this.#deps.count(type, error.code);
      throw error;
    };
    try {
      return this.#accept(caller, request).then((answer) => {
        this.#deps.count(type, answer.duplicate ? 'duplicate' : 'accepted');
        return answer;
      }, refuse);
    } catch (thrown) {
      return Promise.reject(thrown).catch(refuse);
    }
  }

  #accept(caller: Caller, request: CommandRequest): Promise<Accepted> {
    const { principal } = caller;
    if (principal.kind !== 'user') throw new BongsuError('FORBIDDEN');
    if (this.#stopped) throw new BongsuError('UNAVAILABLE', { retryAfterMs: RETRY_MS });
    const retryAfterMs = this.#deps.refusesForMs();
    if (retryAfterMs !== undefined) throw new BongsuError('UNAVAILABLE', { retryAfterMs });
    const ttlMs = this.#ttlOf(request.ttlMs);
    if (!caller.counted) this.checkLimit(principal.userId);
    const { payload, fingerprint } = writeContent(request.content, request.target);
    const { type, ...fields } = request.content;
    const command: NewCommand = {
      streamId: 0,
      generation: undefined,
      stream: '',
      socketId: caller.socketId,
      senderId: principal.userId,
      username: principal.username,
      id: request.id,
      type,
      fingerprint,
      payload,
      fields,
      ttlMs,
      retries: request.retries,
      notify: request.notify,
    };
    return this.#inTurn(principal, request, command);
  }

  #inTurn(principal: UserPrincipal, request: CommandRequest, command: NewCommand): Promise<Accepted> {
    const gates = this.#passGates(principal, request, command);
    const { turns } = this.#deps;
    const { socketId } = command;
    if (!(gates instanceof Promise) && (socketId === undefined || turns.isFree(socketId))) {
      if (gates) return this.#endAtGate(command, gates);
      if (socketId === undefined || this.#order.admits(socketId, laneOf(command))) {
        const answer = this.#enter(command);
        if (answer) return answer;
      }
    }
    return this.#wait(socketId === undefined ? undefined : turns.take(socketId), gates, command);
  }

  /**
   * For a gate, for earlier commands of the socket, for the outcome of another content under the same id, or, between rooms and
   * screens, for the commit of what the socket sent before.
   */
  async #wait(turn: Turn | undefined, gates: Gate | Promise<Gate>, command: NewCommand): Promise<Accepted> {
    let answer: Promise<Accepted>;
    try {
      const end = await gates;
      if (end) {
        answer = this.#endAtGate(command, end);
      } else {
        if (turn && !turn.isFirst) await turn.first();
        const { socketId } = command;
        if (socketId !== undefined && !this.#order.admits(socketId, laneOf(command)))
          await this.#order.clear(socketId);
        let entered = this.#enter(command);
        while (!entered) {
          await this.#waiting[keyOf(command)]?.answer.catch(() => undefined);
          entered = this.#enter(command);
        }
        answer = entered;
      }
    } finally {
      turn?.end();
    }
    return answer;
  }

  #ttlOf(ttlMs: number | undefined): number {
    const { retentionMs } = this.#deps;
    if (ttlMs === undefined) return Math.min(DEFAULT_TTL_MS, retentionMs);
    if (ttlMs <= retentionMs) return ttlMs;
    throw new BongsuError('VALIDATION_ERROR', {
      details: [{ path: 'ttlMs', message: `must be at most ${retentionMs}` }],
    });
  }

  /** @throws RATE_LIMIT */
  checkLimit(userId: string): void {
    const { allowed, retryAfterMs = 0 } = this.#deps.limit(userId);
    if (!allowed) throw new BongsuError('RATE_LIMIT', { retryAfterMs: Math.max(1, Math.ceil(retryAfterMs)) });
  }

  /** Why the command is refused, if it is; sets its stream. */
  #passGates(principal: UserPrincipal, request: CommandRequest, command: NewCommand): Gate | Promise<Gate> {
    const { target } = request;
    const grant =
      'screenId' in target
        ? this.#deps.authorize(principal, target.screenId)
        : this.#deps.authorizeRoom?.(principal, target.roomId, command.type !== 'message');
    return grant instanceof Promise
      ? grant.then((granted) => this.#passGranted(granted, principal, request, command))
      : this.#passGranted(grant, principal, request, command);
  }

  #passGranted(
    grant: ScreenGrant | RoomGrant | undefined,
    { userId }: UserPrincipal,
    { id, timestamp, nonce, target }: CommandRequest,
    command: NewCommand,
  ): Gate | Promise<Gate> {
    if (!grant) return new BongsuError('screenId' in target ? 'SCREEN_NOT_FOUND' : 'ROOM_NOT_FOUND');
    if (!address(command, grant)) return new BongsuError('FORBIDDEN');
    const serverTime = this.#deps.databaseClock();
    if (timestamp !== undefined && Math.abs(timestamp - serverTime) > FRESHNESS_MS) {
      return new BongsuError('REQUEST_EXPIRED', { details: { serverTime } });
    }
    const fresh = nonce === undefined || this.#deps.registerNonce(userId, nonce, id);
    const goOn = (isFresh: boolean) =>
      isFresh ? this.#passHook(command, target) : new BongsuError('REPLAY_DETECTED');
    return fresh instanceof Promise ? fresh.then(goOn) : goOn(fresh);
  }

  #passHook(command: NewCommand, target: Target): Gate | Promise<Gate> {
    const { hook } = this.#deps;
    // What waits under the same content has passed it.
    if (!hook || this.#waiting[keyOf(command)]?.fingerprint === command.fingerprint) return undefined;
    return hook.pass(command, target);
  }

  /** Undefined when the same id waits with other content: its outcome decides whether this one is a conflict. */
  #enter(command: NewCommand): Promise<Accepted> | undefined {
    const key = keyOf(command);
    const waiting = this.#waiting[key];
    if (waiting)
      return waiting.fingerprint === command.fingerprint ? this.#join(command, waiting) : undefined;
    const { batcher, roomBatcher } = this.#deps;
    const answer = (command.generation === undefined ? batcher : roomBatcher).add(command).then(
      (outcome) => {
        this.#left(key, command);
        return this.#answer(command, outcome);
      },
      (error: unknown) => {
        this.#left(key, command);
        throw error;
      },
    );
    this.#waiting[key] = { fingerprint: command.fingerprint, answer };
    if (command.socketId !== undefined) this.#order.enter(command.socketId, laneOf(command));
    return answer;
  }

  #left(key: string, { socketId }: NewCommand): void {
    delete this.#waiting[key];
    if (socketId !== undefined) this.#order.leave(socketId);
  }

  /** The same command is on its way already, perhaps by another socket. What this one sends next comes after it too. */
  #join(command: NewCommand, { answer }: Waiting): Promise<Accepted> {
    const { socketId } = command;
    if (socketId === undefined) return asDuplicate(answer);
    this.#order.enter(socketId, laneOf(command));
    return asDuplicate(answer).finally(() => this.#order.leave(socketId));
  }

  #answer(command: NewCommand, outcome: AcceptOutcome): Accepted | Promise<Accepted> {
    switch (outcome.kind) {
      case 'accepted':
        return {
          id: command.id,
          status: 'accepted',
          stream: command.stream,
          seq: outcome.seq,
          epoch: outcome.epoch,
          acceptedAt: outcome.acceptedAt,
          duplicate: false,
          ...(outcome.members ? { screens: outcome.members.length } : {}),
        };
      case 'known':
        return storedAnswer(command, outcome);
      case 'deleted':
        return this.#refuse(
          command,
          new BongsuError(command.generation === undefined ? 'SCREEN_NOT_FOUND' : 'ROOM_CLOSED'),
        );
      case 'full':
        throw new BongsuError('BUSY', { retryAfterMs: RETRY_MS });
      case 'unstorable':
        throw new BongsuError('INTERNAL_ERROR', { cause: outcome.cause });
      case 'refused':
        throw outcome.error;
    }
  }

  #endAtGate(command: NewCommand, end: BongsuError | KnownCommand): Promise<Accepted> {
    if (end instanceof BongsuError) return this.#refuse(command, end);
    return Promise.resolve(storedAnswer(command, end));
  }

  async #refuse(command: NewCommand, refusal: BongsuError): Promise<Accepted> {
    const waiting = this.#waiting[keyOf(command)];
    if (waiting?.fingerprint === command.fingerprint) return asDuplicate(waiting.answer);
    await waiting?.answer.catch(() => undefined);
    const stored = await this.#deps.ledger.find(command.senderId, command.id);
    if (!stored) throw refusal;
    return storedAnswer(command, stored);
  }
}

/** Sets where the command goes. False when the sender may not send such a one there. */
function address(command: NewCommand, grant: ScreenGrant | RoomGrant): boolean {
  if (!(grant instanceof RoomGrant)) {
    command.streamId = grant.streamId;
    command.stream = `screen:${grant.screenId}`;
    return true;
  }
  const { roomId, streamId, generation, mayCommand } = RoomGrant.rightsOf(grant);
  command.streamId = streamId;
  command.stream = `room:${roomId}`;
  command.generation = generation;
  return mayCommand || command.type === 'message';
}

function laneOf({ generation, streamId }: NewCommand): number {
  return generation === undefined ? SCREENS_LANE : streamId;
}

function keyOf({ senderId, id }: NewCommand): string {
  return senderId + id;
}

/** Only gates and look-ups let errors of the database out: nothing was stored by them. */
function toRefusal(thrown: unknown): BongsuError {
  if (thrown instanceof BongsuError) return thrown;
  return thrown instanceof DatabaseError
    ? new BongsuError('UNAVAILABLE', { retryAfterMs: retryAfterOf(thrown) ?? RETRY_MS, cause: thrown })
    : new BongsuError('INTERNAL_ERROR', { cause: thrown });
}

async function asDuplicate(answer: Promise<Accepted>): Promise<Accepted> {
  return { ...(await answer), duplicate: true };
}

function storedAnswer({ id, fingerprint }: NewCommand, stored: KnownCommand): Accepted {
  if (stored.fingerprint !== fingerprint) throw new BongsuError('IDEMPOTENCY_CONFLICT');
  const { stream, seq, epoch, acceptedAt } = stored;
  const screens = stored.members?.length ?? stored.screens ?? undefined;
  return {
    id,
    status: 'accepted',
    stream,
    seq,
    epoch,
    acceptedAt,
    duplicate: true,
    ...(screens === undefined ? {} : { screens }),
  };
}
