import { join } from 'node:path';
import { askLedger } from './ask-ledger.js';
import type { LedgerFacts } from './check-ledger.js';
import { type Hands, localFaults, type PostgresControl } from './local-faults.js';
import { freePort, until } from './processes.js';
import { ServerNode } from './server-node.js';
import type { Fault, Site } from './site.js';
import { startTcpProxy, startTcpProxyTo } from './tcp-proxy.js';

export interface LocalSiteOptions {
  folder: string;
  /** Absent: embedded. */
  postgres?: PostgresControl;
  /** Of what the server sees, PATH and HOME at least. */
  environment: Readonly<Record<string, string>>;
  packageFolder?: string;
}

const MENDED_MS = 30_000;
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
    const database = postgres && (await startTcpProxyTo(postgres.url, 5432));
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
    return askLedger(this.#node);
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
