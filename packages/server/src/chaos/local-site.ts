import { join } from 'node:path';
import type { LedgerFacts } from './check-ledger.js';
import { monotonicMs } from './history.js';
import { type Hands, localFaults, type PostgresControl } from './local-faults.js';
import { freePort, until } from './processes.js';
import { ServerNode } from './server-node.js';
import type { Fault, Site } from './site.js';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.js';

export interface LocalSiteOptions {
  folder: string;
  /** Absent: embedded. */
  postgres?: PostgresControl;
  /** Of what the server sees, PATH and HOME at least. */
  environment: Readonly<Record<string, string>>;
  packageFolder?: string;
}

const MENDED_MS = 30_000;
/** Entries of the last run; older ones were looked at then. */
const RECENT_MS = 120_000;

const FACTS = `
select current_epoch() as epoch,
  (select coalesce(json_agg(json_build_object('screen', s.name, 'fence', h.fence, 'acked', h.acked_seq, 'lastSeq', s.last_seq)), '[]')
   from screen_sessions h join streams s on s.id = h.stream_id) as sessions,
  (select coalesce(json_agg(json_build_object('screen', s.name, 'seq', d.seq, 'commandId', c.id)), '[]')
   from deliveries d join streams s on s.id = d.stream_id join commands c on c.stream_id = d.stream_id and c.seq = d.seq
   where d.status = 'dead') as "deadDeliveries",
  (select coalesce(json_agg(json_build_object('screen', l.screen_id, 'commandId', l.command_id, 'reason', l.reason)), '[]')
   from dead_letters l) as "deadLetters",
  (select coalesce(json_agg(json_build_object('id', c.id, 'stream', s.kind || ':' || s.name, 'seq', c.seq, 'acceptedAt', c.accepted_at)), '[]')
   from commands c join streams s on s.id = c.stream_id where c.requeue_of is not null) as requeued,
  (select coalesce(json_agg(json_build_object('screen', s.name, 'seq', c.seq)), '[]')
   from commands c join streams s on s.id = c.stream_id join screen_sessions h on h.stream_id = c.stream_id
   where c.seq <= h.acked_seq and c.accepted_at > extract(epoch from clock_timestamp()) * 1000 - ${RECENT_MS}
     and not exists (select 1 from deliveries d where d.stream_id = c.stream_id and d.seq = c.seq)) as uncovered`;

/** A server of our own with a database of its own, behind links that can be cut. */
export class LocalSite implements Site {
  readonly faults: readonly Fault[];
  readonly #node: ServerNode;
  readonly #links: Hands['links'];
  readonly #postgres: PostgresControl | undefined;
  #clockMs = 0;

  private constructor(node: ServerNode, links: Hands['links'], postgres: PostgresControl | undefined) {
    this.#node = node;
    this.#links = links;
    this.#postgres = postgres;
    this.faults = localFaults({
      node,
      links,
      ...(postgres ? { postgres } : {}),
      skew: (clockMs) => {
        this.#clockMs = clockMs;
      },
    });
  }

  static async open(options: LocalSiteOptions): Promise<LocalSite> {
    const site = await LocalSite.prepare(options);
    try {
      await site.start();
      return site;
    } catch (error) {
      await site.close();
      throw error;
    }
  }

  /** Nothing runs yet; it knows its faults. */
  static async prepare({
    folder,
    postgres,
    environment,
    packageFolder,
  }: LocalSiteOptions): Promise<LocalSite> {
    const port = await freePort();
    const database = postgres && (await proxyOf(postgres.url, 5432));
    const settings = {
      DATA_DIR: join(folder, 'data'),
      ...(database && postgres ? { DATABASE_URL: database.url(postgres.url) } : {}),
    };
    const node = new ServerNode({ port, settings, environment, ...(packageFolder ? { packageFolder } : {}) });
    const links = {
      controllers: await startTcpProxy(port),
      screens: await startTcpProxy(port),
      ...(database ? { database } : {}),
    };
    return new LocalSite(node, links, postgres);
  }

  start(): Promise<void> {
    return this.#node.start();
  }

  get url(): string {
    return this.#node.url;
  }

  get controllersUrl(): string {
    return `http://127.0.0.1:${this.#links.controllers.port}`;
  }

  get screensUrl(): string {
    return `http://127.0.0.1:${this.#links.screens.port}`;
  }

  screenClockMs(): number {
    return -this.#clockMs;
  }

  async heal(): Promise<void> {
    for (const link of Object.values(this.#links)) link.heal();
    this.#postgres?.thaw?.();
    await this.#postgres?.restart?.();
    this.#node.thaw();
    await until('the server works again', () => this.#works(), { timeoutMs: MENDED_MS, everyMs: 20 });
  }

  async facts(): Promise<LedgerFacts> {
    const [row] = await this.#node.sql<Omit<LedgerFacts, 'at'>>(FACTS);
    if (!row) throw new Error('The ledger answered nothing');
    return { ...row, at: monotonicMs() };
  }

  residentMiB(): Promise<number | undefined> {
    return this.#node.residentMiB();
  }

  output(): string {
    return this.#node.output;
  }

  async close(): Promise<void> {
    this.#node.thaw();
    await this.#node.kill();
    await Promise.all(Object.values(this.#links).map((link) => link.close()));
  }

  /** A server that ended, by our hand or because its database died too often, is started again. */
  async #works(): Promise<boolean> {
    if (!this.#node.alive) await this.#node.start(this.#clockMs);
    return this.#node.sql('select 1').then(
      () => true,
      () => false,
    );
  }
}

function proxyOf(url: string, defaultPort: number): Promise<TcpProxy> {
  const { hostname, port } = new URL(url);
  return startTcpProxy(Number(port || defaultPort), hostname);
}
