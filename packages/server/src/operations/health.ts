import type { Health } from '@bongsu/protocol';
import type { Clock, DatabaseClock } from '../platform/clock.js';
import type { Database } from '../platform/database/database.js';
import type { Ephemeral } from '../platform/ephemeral/ephemeral.js';
import type { Breakers } from '../platform/resilience/breakers.js';
import { checkClock } from './clock-watch.js';
import type { NodeState } from './nodes.js';

type Check = Health['checks'][string];
type HealthStatus = Health['status'];

/** A check that takes longer counts as failed: a probe must answer while the database hangs. */
const CHECK_TIMEOUT_MS = 1500;

/** Ready from the start's end until the stop begins. */
export type Phase = 'starting' | 'ready' | 'draining';

export interface HealthDeps {
  database: Pick<Database, 'ping'>;
  ephemeral: Pick<Ephemeral, 'health'>;
  breakers: Pick<Breakers, 'list'>;
  /** Of the bridge to the home region, where this node is of a further one. */
  bridge?(): Check | undefined;
  /** Of the replica that pages are read from, where there is one. */
  replica?(): Check | undefined;
  clock: Pick<Clock, 'now'>;
  databaseClock: DatabaseClock;
  version: string;
  /** Its name. */
  node: string;
  connections(): number;
  /** Seconds since the start. */
  uptimeSeconds(): number;
}

/**
 * Answers for /health and its probes. Without SQL that can be written nothing can be accepted: unavailable. Without
 * Redis, with an open circuit or a wrong clock: degraded.
 */
export class HealthReporter {
  readonly #deps: HealthDeps;
  #phase: Phase = 'starting';

  constructor(deps: HealthDeps) {
    this.#deps = deps;
  }

  enter(phase: Phase): void {
    this.#phase = phase;
  }

  get phase(): Phase {
    return this.#phase;
  }

  /** For other nodes, without a look at the database. */
  state(): NodeState {
    const uptime = this.#deps.uptimeSeconds();
    return {
      connections: this.#deps.connections(),
      version: this.#deps.version,
      startedAt: Math.round(this.#deps.databaseClock() - uptime * 1000),
      uptime,
      ready: this.#phase === 'ready',
      draining: this.#phase === 'draining',
    };
  }

  async report(): Promise<Health> {
    const checks: Health['checks'] = {
      database: await this.#database(),
      ephemeral: this.#deps.ephemeral.health(),
      ...present({ bridge: this.#deps.bridge?.(), replica: this.#deps.replica?.() }),
      clock: checkClock(this.#deps),
      ...this.#breakers(),
    };
    const { rss, heapUsed } = process.memoryUsage();
    return {
      status: worst(Object.values(checks).map((check) => check.status)),
      version: this.#deps.version,
      node: this.#deps.node,
      uptime: this.#deps.uptimeSeconds(),
      memory: { rss, heapUsed },
      connections: this.#deps.connections(),
      checks,
    };
  }

  /** "breaker.hook", and so on. What an open circuit means for the whole is said by the check of what is behind it. */
  #breakers(): Health['checks'] {
    const checks = this.#deps.breakers
      .list()
      .map(({ name, state }): [string, Check] => [
        `breaker.${name}`,
        state === 'CLOSED' ? { status: 'ok' } : { status: 'degraded', message: `The circuit is ${state}.` },
      ]);
    return Object.fromEntries(checks);
  }

  async #database(): Promise<Check> {
    try {
      const { isReadOnly } = await this.#deps.database.ping({
        timeoutMs: CHECK_TIMEOUT_MS,
        signal: AbortSignal.timeout(CHECK_TIMEOUT_MS),
      });
      return isReadOnly
        ? { status: 'unavailable', message: 'The database is read-only (a standby?).' }
        : { status: 'ok' };
    } catch {
      return { status: 'unavailable', message: 'The database does not answer.' };
    }
  }
}

function present(checks: Record<string, Check | undefined>): Health['checks'] {
  return Object.fromEntries(
    Object.entries(checks).flatMap(([name, check]) => (check ? [[name, check]] : [])),
  );
}

function worst(statuses: HealthStatus[]): HealthStatus {
  if (statuses.includes('unavailable')) return 'unavailable';
  return statuses.includes('degraded') ? 'degraded' : 'ok';
}
