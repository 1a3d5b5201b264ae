import { BongsuError, type ErrorCode } from '@bongsu/protocol';
import { type Clock, sleep } from '../clock.js';
import { uuidv7 } from '../ids.js';
import type { Log } from '../log.js';
import type { Bus } from './ephemeral.js';

/** JSON goes in and comes out. */
type Handler = (payload: unknown) => unknown;

export interface NodeAnswers<Answer> {
  /** By incarnation. */
  answers: ReadonlyMap<string, Answer>;
  /** Those that said nothing in time, or that they could not. */
  missing: readonly string[];
}

export interface NodeCallsDeps {
  bus: Bus;
  node: { incarnation: string };
  clock: Clock;
  log: Log;
}

type Reply = { value: unknown } | { code: ErrorCode };
type Message =
  | { id: string; from: string; to: readonly string[]; kind: string; payload: unknown }
  | { id: string; from: string; reply: Reply };

/** One that waits for its answers. */
interface Question {
  readonly waitingFor: Set<string>;
  readonly answers: Map<string, unknown>;
  done(): void;
}

const CHANNEL = 'node-calls';
const PATIENCE_MS = 2000;
const MAX_QUESTIONS = 1000;

/**
 * Questions between nodes: one message on the bus to all that are asked, one for each answer. What is lost shows as a node that did
 * not answer in time. Nodes are named by their incarnations.
 */
export class NodeCalls {
  readonly #deps: NodeCallsDeps;
  readonly #handlers = new Map<string, Handler>();
  readonly #questions = new Map<string, Question>();
  readonly #unsubscribe: () => void;

  constructor(deps: NodeCallsDeps) {
    this.#deps = deps;
    const { bus } = deps;
    this.#unsubscribe = bus.subscribe(CHANNEL, (event) => {
      if (event.type === 'message' && event.publisher !== bus.publisher)
        this.#onMessage(event.message as Message);
    });
  }

  /** Whoever still waits hears that the rest did not answer. */
  stop(): void {
    this.#unsubscribe();
    for (const question of this.#questions.values()) question.done();
  }

  serve(kind: string, handler: Handler): void {
    this.#handlers.set(kind, handler);
  }

  /**
   * Asks each of `nodes`, this one without the bus. Resolves when all have answered, or the time is over; while the bus is away nobody
   * waits for the others. @throws BUSY
   * @example const { answers, missing } = await calls.ask<number>('count', {}, incarnations)
   */
  async ask<Answer>(
    kind: string,
    payload: unknown,
    nodes: readonly string[],
    timeoutMs = PATIENCE_MS,
  ): Promise<NodeAnswers<Answer>> {
    if (this.#questions.size >= MAX_QUESTIONS) throw new BongsuError('BUSY', { retryAfterMs: timeoutMs });
    const { bus, node, clock } = this.#deps;
    const reachable = bus.isUp ? nodes : nodes.filter((each) => each === node.incarnation);
    const id = uuidv7();
    const over = new AbortController();
    const question: Question = {
      waitingFor: new Set(reachable),
      answers: new Map(),
      done: () => over.abort(),
    };
    this.#questions.set(id, question);
    this.#put(id, kind, payload, reachable);
    if (reachable.length > 0) await sleep(clock, timeoutMs, over.signal).catch(() => undefined);
    this.#questions.delete(id);
    const { answers } = question;
    return {
      answers: answers as Map<string, Answer>,
      missing: nodes.filter((each) => !answers.has(each)),
    };
  }

  #put(id: string, kind: string, payload: unknown, nodes: readonly string[]): void {
    const from = this.#deps.node.incarnation;
    const to = nodes.filter((node) => node !== from);
    if (to.length < nodes.length)
      void this.#answer(kind, payload).then((reply) => this.#onReply(id, from, reply));
    if (to.length > 0) this.#deps.bus.publish(CHANNEL, { id, from, to, kind, payload } satisfies Message);
  }

  #onMessage(message: Message): void {
    const { incarnation: from } = this.#deps.node;
    if ('reply' in message) {
      this.#onReply(message.id, message.from, message.reply);
      return;
    }
    const { id, to, kind, payload } = message;
    if (!to.includes(from)) return;
    void this.#answer(kind, payload).then((reply) =>
      this.#deps.bus.publish(CHANNEL, { id, from, reply } satisfies Message),
    );
  }

  #onReply(id: string, from: string, reply: Reply): void {
    const question = this.#questions.get(id);
    if (!question?.waitingFor.delete(from)) return;
    if ('value' in reply) question.answers.set(from, reply.value);
    else this.#deps.log.warn({ otherNode: from, code: reply.code }, 'another node could not answer');
    if (question.waitingFor.size === 0) question.done();
  }

  /** Never rejects. A kind that is not known here is of a newer version. */
  async #answer(kind: string, payload: unknown): Promise<Reply> {
    const handler = this.#handlers.get(kind);
    if (!handler) return { code: 'NOT_FOUND' };
    try {
      return { value: (await handler(payload)) ?? null };
    } catch (err) {
      this.#deps.log.warn({ err, kind }, 'a question between nodes failed');
      return { code: err instanceof BongsuError ? err.code : 'INTERNAL_ERROR' };
    }
  }
}
