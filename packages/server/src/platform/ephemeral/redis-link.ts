import type { Clock } from '../clock.js';
import type { Log } from '../log.js';
import type { Breakers } from '../resilience/breakers.js';
import type { CircuitBreaker } from '../resilience/circuit-breaker.js';
import { within } from '../resilience/within.js';
import { createRedisClient, type RedisClient } from './redis-client.js';
import {
  explainRefusedLogin,
  judgeRedis,
  RedisFault,
  RedisRefused,
  reasonOf,
  toRedisFault,
} from './redis-faults.js';
import { checkRedisFitness, explainRefusedWrite } from './redis-fitness.js';
import { RedisKeys } from './redis-keys.js';
import { type ScriptCommands, withScripts } from './redis-scripts.js';
import { describeRedis, type RedisConfig } from './redis-server.js';

export interface RedisLinkDeps {
  clock: Clock;
  log: Log;
  breakers: Pick<Breakers, 'create'>;
}

export type RedisCommands = RedisClient & ScriptCommands;

/** What an answer may take; what comes later is not waited for. */
const DEADLINE_MS = 1000;
/** An answer that takes longer is given all the same, but the circuit takes it for none. The home Redis is far away: it may take its time. */
const SLOW_MS = { here: 250, home: DEADLINE_MS };
const PAUSE_MS = 1000;
/** How long a start waits for an answer, before it goes on without. */
const START_MS = 3000;
/** How long health tells of a refusal of one command. */
const REFUSAL_NOTICE_MS = 60_000;

class LateAnswer extends RedisFault {
  constructor(
    readonly answer: unknown,
    slowMs: number,
  ) {
    super('connection', `It takes more than ${slowMs} ms`);
  }
}

/**
 * The connections to Redis: one for commands, behind a circuit breaker and a deadline for each call, and one that listens. Calls fail
 * quickly while Redis is away; nothing here repeats them.
 */
export class RedisLink {
  readonly keys: RedisKeys;
  readonly #commands: RedisCommands;
  readonly #listener: RedisClient;
  readonly #breaker: CircuitBreaker;
  readonly #where: string;
  readonly #setting: string;
  readonly #isHome: boolean;
  readonly #upListeners = new Set<() => void>();
  #onFrame: (frame: string) => void = () => {};
  #isClosed = false;
  #isListening: boolean;
  #lastError: string | undefined;
  #unfit: string[] = [];
  /** The last check has not ended. */
  #mustExamine = false;
  #refusal: { text: string; at: number } | undefined;

  constructor(
    private readonly deps: RedisLinkDeps,
    config: RedisConfig,
    { isHome = false } = {},
  ) {
    this.#isHome = isHome;
    // Who carries between regions listens there, and nobody else: each frame would come over the link once a node.
    this.#isListening = !isHome;
    this.#setting = config.setting ?? 'REDIS_URL';
    this.#where = describeRedis(config.server);
    this.keys = new RedisKeys(config.prefix);
    this.#commands = withScripts(createRedisClient(config));
    this.#listener = createRedisClient(config);
    this.#breaker = deps.breakers.create({
      name: isHome ? 'redis-home' : 'redis',
      judge: judgeRedis,
      pauseMs: PAUSE_MS,
      probe: () => this.#inTime((client) => Promise.all([client.ping(), client.get(this.keys.store)])),
    });
    this.#breaker.onChange(({ to }) => to === 'CLOSED' && this.#up());
  }

  /**
   * Resolves when Redis answers and this process is subscribed, or cannot be for now.
   * @throws RedisRefused
   */
  async open(onFrame: (frame: string) => void): Promise<void> {
    this.#onFrame = onFrame;
    for (const client of [this.#commands, this.#listener])
      client.on('error', (error: Error) => this.#noteError(error));
    this.#listener.on('message', (_channel: string, frame: string) => this.#onFrame(frame));
    try {
      await within(this.#limit(START_MS), async () => {
        await Promise.all([this.#commands.connect(), this.#listener.connect()]);
        // The driver goes on with database 0 where the one that was named is not there.
        this.#refuseLogin(this.#lastError);
        this.#noteFaults(await this.#checkFitness());
      });
    } catch (error) {
      this.#startWithout(error);
    }
    this.#commands.on('ready', () => this.#up());
    this.#listener.on('ready', () => {
      this.#subscribe();
      if (this.#mustExamine) this.#examine();
    });
    // Whatever became of the start: what is ready by now tells of it no more.
    if (this.#listener.status === 'ready') this.#subscribe();
  }

  get isUp(): boolean {
    return this.#breaker.state === 'CLOSED' && this.#commands.status === 'ready';
  }

  /** Called when Redis is there again; what it knew may be gone. */
  onUp(listener: () => void): void {
    this.#upListeners.add(listener);
  }

  /** @throws RedisFault, CircuitOpenError */
  async call<T>(work: (client: RedisCommands) => Promise<T>): Promise<T> {
    try {
      return await this.#breaker.execute(() => this.#inTime(work));
    } catch (error) {
      if (error instanceof LateAnswer) return error.answer as T;
      throw error;
    }
  }

  /** Whether what is published there comes here. */
  listen(isListening: boolean): void {
    if (isListening === this.#isListening) return;
    this.#isListening = isListening;
    if (this.#listener.status !== 'ready') return;
    if (isListening) this.#subscribe();
    else this.#listener.unsubscribe().catch((error: Error) => this.#noteError(error));
  }

  /** Makes the connection that listens anew: what it should hear does not come. */
  listenAnew(): void {
    this.#listener.disconnect(true);
  }

  /** What is wrong, in words. */
  fault(): string | undefined {
    if (!this.isUp)
      return this.#lastError === undefined ? 'It does not answer' : `It does not answer (${this.#lastError})`;
    if (this.#unfit.length > 0) return this.#unfit.join('. ');
    const { text, at } = this.#refusal ?? { at: Number.NEGATIVE_INFINITY };
    return this.deps.clock.monotonic() - at < REFUSAL_NOTICE_MS ? text : undefined;
  }

  close(): void {
    this.#isClosed = true;
    this.#upListeners.clear();
    for (const client of [this.#commands, this.#listener]) client.disconnect();
  }

  /** @throws RedisFault, a LateAnswer among them */
  async #inTime<T>(work: (client: RedisCommands) => Promise<T>): Promise<T> {
    const slowMs = SLOW_MS[this.#isHome ? 'home' : 'here'];
    let isLate = false;
    const beLate = () => {
      isLate = true;
    };
    // What has come while this process stood still is read before that.
    const cancel = this.deps.clock.after(slowMs, () => setImmediate(beLate));
    try {
      const answer = await within(this.#limit(DEADLINE_MS), () => work(this.#commands));
      if (isLate) throw new LateAnswer(answer, slowMs);
      return answer;
    } catch (error) {
      if (error instanceof LateAnswer) this.#lastError = error.message;
      const fault = toRedisFault(error);
      if (fault.kind === 'reply') this.#noteRefusal(fault);
      throw fault;
    } finally {
      cancel();
    }
  }

  #limit(ms: number) {
    const tooLong = () => new RedisFault('connection', `No answer within ${ms} ms`);
    return { clock: this.deps.clock, ms, tooLong };
  }

  #startWithout(error: unknown): void {
    const reason = this.#lastError ?? toRedisFault(error).message;
    try {
      if (error instanceof RedisRefused) throw error;
      this.#refuseLogin(reason);
    } catch (refused) {
      this.close();
      throw refused;
    }
    this.deps.log.warn(
      { redis: this.#where, reason },
      this.#isHome
        ? 'The home Redis cannot be reached: starting without, until it can'
        : 'Redis cannot be reached: starting without, until it can',
    );
  }

  #refuseLogin(message = ''): void {
    const login = explainRefusedLogin(message, this.#setting);
    if (login !== undefined) throw new RedisRefused(login);
  }

  #subscribe(): void {
    if (!this.#isListening) return;
    this.#listener.subscribe(this.keys.channel).catch((error: Error) => this.#noteError(error));
  }

  /** Redis is there: told when both the connection and the breaker say so. */
  #up(): void {
    if (!this.isUp || this.#isClosed) return;
    this.#lastError = undefined;
    for (const listener of this.#upListeners) listener();
    this.#examine();
  }

  /** Needs both connections: where the one that listens is not back yet, the check comes to no end, and is made again when it is. */
  #examine(): void {
    if (!this.isUp || this.#isClosed) return;
    this.#mustExamine = true;
    this.#checkFitness().then(
      (faults) => this.#noteFaults(faults),
      (error: Error) => error instanceof RedisRefused && this.#noteFaults([error.message]),
    );
  }

  #checkFitness(): Promise<string[]> {
    const { keys } = this;
    const commands = this.#commands;
    return within(this.#limit(START_MS), () =>
      checkRedisFitness(commands, {
        setting: this.#setting,
        write: () => commands.set(keys.trial, '1', 'PX', 1),
        publish: () => commands.bongsuPublish(keys.store, keys.channel, ''),
        subscribe: () => this.#trySubscribing(),
      }),
    );
  }

  /** Also where nothing is heard now: who is to carry between regions later must be allowed to. */
  async #trySubscribing(): Promise<void> {
    await this.#listener.subscribe(this.keys.channel);
    if (!this.#isListening) await this.#listener.unsubscribe();
  }

  #noteFaults(faults: string[]): void {
    this.#mustExamine = false;
    const isNews = faults.join() !== this.#unfit.join();
    this.#unfit = faults;
    if (isNews && faults.length > 0) this.deps.log.warn({ faults }, 'Redis is not as it should be');
  }

  #noteRefusal({ message }: RedisFault): void {
    const now = this.deps.clock.monotonic();
    const isNews = this.#refusal === undefined || now - this.#refusal.at >= REFUSAL_NOTICE_MS;
    this.#refusal = { text: explainRefusedWrite(message) ?? `It refuses: ${message}`, at: now };
    if (isNews) this.deps.log.warn({ reason: message }, 'Redis refuses what it is asked');
  }

  /** The driver tells the same of each try. */
  #noteError(error: Error): void {
    const reason = reasonOf(error);
    if (reason !== this.#lastError && !this.#isClosed)
      this.deps.log.debug({ reason }, 'A connection to Redis failed');
    this.#lastError = reason;
  }
}
