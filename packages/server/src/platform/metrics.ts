import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';

let ofProcess: Registry | undefined;

/** There is one process, however many servers run in it, and what prom-client measures it with, a timer and an observer, never ends. */
function measureProcess(): Registry {
  if (ofProcess) return ofProcess;
  ofProcess = new Registry();
  collectDefaultMetrics({ register: ofProcess });
  return ofProcess;
}

/** The only user of prom-client. Names are Prometheus's, with units; labels never carry ids or personal data. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #tallies: Tally[] = [];

  constructor() {
    measureProcess();
  }

  /** One counter a name: domains that count the same thing under different labels share it. */
  counter<Label extends string = never>(name: string, help: string, labelNames: readonly Label[] = []) {
    const known = this.#registry.getSingleMetric(name);
    if (known instanceof Counter) return known as Counter<Label>;
    return new Counter<Label>({ name, help, labelNames, registers: [this.#registry] });
  }

  /**
   * Counts one set of labels on a hot path: in a plain field, handed to the counter at each scrape. `inc` itself checks and
   * joins its labels anew at each call.
   */
  tally<Label extends string>(
    counter: Counter<Label>,
    labels: Record<Label, string>,
  ): (count?: number) => void {
    const tally: Tally = { count: 0, handOver: (count) => counter.inc(labels, count) };
    this.#tallies.push(tally);
    return (count = 1) => {
      tally.count += count;
    };
  }

  /** `read` is called at each scrape. */
  gauge<Label extends string = never>(
    name: string,
    help: string,
    labelNames: readonly Label[] = [],
    read?: (gauge: Gauge<Label>) => void,
  ) {
    return new Gauge<Label>({
      name,
      help,
      labelNames,
      registers: [this.#registry],
      ...(read
        ? {
            collect() {
              read(this);
            },
          }
        : {}),
    });
  }

  histogram<Label extends string = never>(
    name: string,
    help: string,
    buckets: number[],
    labelNames: readonly Label[] = [],
  ) {
    return new Histogram<Label>({ name, help, labelNames, buckets, registers: [this.#registry] });
  }

  /** The Prometheus text. */
  text(): Promise<string> {
    for (const tally of this.#tallies) {
      tally.handOver(tally.count);
      tally.count = 0;
    }
    return Registry.merge([measureProcess(), this.#registry]).metrics();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }
}

interface Tally {
  count: number;
  handOver(count: number): void;
}

export interface CacheCounts {
  hit(): void;
  miss(): void;
}

/** What every cache counts: their ratio says whether it is worth its memory (docs/caching.md). */
export function countCache(metrics: Metrics, cache: string): CacheCounts {
  const hits = metrics.counter('bongsu_cache_hits_total', 'Look-ups that a cache answered', ['cache']);
  const misses = metrics.counter('bongsu_cache_misses_total', 'Look-ups that a cache could not answer', [
    'cache',
  ]);
  return { hit: metrics.tally(hits, { cache }), miss: metrics.tally(misses, { cache }) };
}
