import type { CommandHook } from './commands/index.js';
import type { Config } from './config.js';
import type { Argon2Cost, Identity } from './identity/index.js';
import { Lifecycle } from './lifecycle.js';
import { type Boot, openCore } from './open-core.js';
import { type Clock, systemClock } from './platform/clock.js';
import { type Log, silentLog } from './platform/log.js';
import { startDomains } from './start-domains.js';
import { type Surface, startGateway } from './start-gateway.js';

/** What tests and the command line may replace. */
export interface Overrides {
  clock?: Clock;
  log?: Log;
  /** Asked before each command is accepted, in place of COMMAND_HOOK_URL. */
  commandHook?: CommandHook;
  /** Of a hash of a password; OWASP's otherwise. */
  passwordCost?: Argon2Cost;
}

export interface App {
  /** Opens storage, migrates, listens. @throws whatever kept it from starting; what was started is undone then */
  start(): Promise<void>;
  /** Graceful, in reverse order, bounded by DRAIN_SECONDS; one promise for all callers. @throws StopError */
  stop(reason?: string): Promise<void>;
  /** Where it listens, once started. */
  readonly url: string;
  /** Settles when somebody on this machine asked the server to move its sockets and end. */
  readonly drainAsked: Promise<void>;
  /** Settles with the reason when the process can no longer do its work and should end with code 1. */
  readonly fatal: Promise<unknown>;
  /** Everything that answers, with the right that it asks for; once started. */
  readonly surface: Surface;
  /** The one-time link that makes the first administrator; undefined when there is one. */
  setupLink(): Promise<string | undefined>;
}

/** @example const app = createApp(config); await app.start(); … await app.stop() */
export function createApp(config: Config, overrides: Overrides = {}): App {
  return new BongsuApp(config, overrides);
}

class BongsuApp implements App {
  readonly #boot: Boot;
  readonly #commandHook: CommandHook | undefined;
  readonly #passwordCost: Argon2Cost | undefined;
  readonly fatal: Promise<unknown>;
  readonly drainAsked: Promise<void>;
  #askDrain: () => void = () => undefined;
  #url: string | undefined;
  #surface: Surface = { routes: [], events: [] };
  #identity: Identity | undefined;

  constructor(
    config: Config,
    { clock = systemClock, log = silentLog, commandHook, passwordCost }: Overrides,
  ) {
    let fail: Boot['fail'] = () => undefined;
    this.fatal = new Promise((resolve) => {
      fail = resolve;
    });
    this.#boot = { config, clock, log, lifecycle: new Lifecycle({ clock, log }), fail };
    this.#commandHook = commandHook;
    this.#passwordCost = passwordCost;
    this.drainAsked = new Promise((resolve) => {
      this.#askDrain = resolve;
    });
  }

  get url(): string {
    if (this.#url === undefined) throw new Error('The server has not started.');
    return this.#url;
  }

  get surface(): Surface {
    return this.#surface;
  }

  async start(): Promise<void> {
    try {
      await this.#start();
    } catch (error) {
      await this.#boot.lifecycle.stop(this.#deadlineMs).catch(() => undefined);
      throw error;
    }
  }

  async stop(reason = 'asked to'): Promise<void> {
    this.#boot.log.info({ reason }, 'Stopping');
    await this.#boot.lifecycle.stop(this.#deadlineMs);
    this.#boot.log.info({}, 'Stopped');
  }

  async setupLink(): Promise<string | undefined> {
    const token = await this.#identity?.setupToken();
    return token === undefined ? undefined : `${this.#publicUrl}/setup#token=${token}`;
  }

  get #publicUrl(): string {
    return this.#boot.config.PUBLIC_URL ?? this.url;
  }

  get #deadlineMs(): number {
    return this.#boot.config.DRAIN_SECONDS * 1000;
  }

  /** Top to bottom is the order of the start; the stop goes from the bottom up. */
  async #start(): Promise<void> {
    const boot = this.#boot;
    const core = await openCore(boot);
    const domains = await startDomains(boot, core, {
      commandHook: this.#commandHook,
      passwordCost: this.#passwordCost,
      publicUrl: () => this.#publicUrl,
    });
    this.#identity = domains.identity;
    this.#surface = await startGateway(boot, core, domains, {
      askDrain: this.#askDrain,
      onListening: (url) => {
        this.#url = url;
      },
    });
    this.#boot.log.info({ url: this.#url, name: core.node.name, database: core.database.kind }, 'Ready');
  }
}
