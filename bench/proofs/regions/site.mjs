import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startTcpProxy } from '../../../packages/server/dist/chaos/tcp-proxy.js';
import { serve } from '../../lib/bongsu.mjs';
import { startPostgres } from '../../lib/postgres.mjs';
import { freePort, stop } from '../../lib/processes.mjs';
import { startRedis } from '../../lib/redis.mjs';

/** What the link is made of: SQL, the home Redis, and what the primary sends the replica. */
export const PARTS = ['sql', 'redis', 'replication'];

/**
 * One node at home and two in a further region, a Redis each region, the primary at home and its replica in the other. What crosses goes
 * through proxies that delay it, each way; the home node reaches its primary through one without, so that it can be failed over.
 */
export class Site {
  #undo = [];
  #links = {};

  static async start({ delayMs, settings = {} }) {
    const site = new Site();
    try {
      await site.#start(delayMs, settings);
      return site;
    } catch (error) {
      await site.stop();
      throw error;
    }
  }

  async #start(delayMs, settings) {
    const folder = mkdtempSync(join(tmpdir(), 'bongsu-regions-'));
    this.folder = folder;
    this.#undo.push(() => rmSync(folder, { recursive: true, force: true }));
    this.primary = await this.#own(startPostgres());
    const redis = [await this.#own(startRedis()), await this.#own(startRedis())];
    const database = await this.primary.freshDatabase();
    this.database = database.name;
    let sqlPort = this.primary.port;
    this.#pointSqlTo = (port) => {
      sqlPort = port;
    };
    const near = await this.#proxy(() => sqlPort);
    const sql = await this.#proxy(() => sqlPort);
    const bridge = await this.#proxy(Number(new URL(redis[0].url).port));
    const replication = await this.#proxy(this.primary.port);
    this.replica = await this.#own(
      startPostgres({ replicaOf: replication.url(this.primary.url('postgres')) }),
    );
    this.#links = { sql, redis: bridge, replication };
    for (const proxy of Object.values(this.#links)) proxy.delay(delayMs);
    const shared = { DATA_DIR: join(folder, 'data'), ...settings };
    const far = {
      ...{ DATABASE_URL: sql.url(database.url), DATABASE_READ_URL: this.replica.url(database.name) },
      ...{ REDIS_URL: redis[1].url, BRIDGE_REDIS_URL: bridge.url(redis[0].url), REGION: 'far' },
    };
    const home = { DATABASE_URL: near.url(database.url), REDIS_URL: redis[0].url, REGION: 'home' };
    this.home = await this.#node('home-1', { ...shared, ...home });
    this.far = [
      await this.#node('far-1', { ...shared, ...far }),
      await this.#node('far-2', { ...shared, ...far }),
    ];
  }

  #pointSqlTo = () => {};

  cut(parts = PARTS) {
    for (const part of parts) {
      this.#links[part].accept(false);
      this.#links[part].cut();
    }
  }

  heal() {
    for (const part of PARTS) this.#links[part].accept(true);
  }

  /** The primary is gone for good, the replica takes its place, and what leads to SQL leads there. */
  async failOver() {
    await this.primary.crash();
    await this.replica.promote();
    this.#pointSqlTo(this.replica.port);
  }

  async stop() {
    for (let next = this.#undo.pop(); next; next = this.#undo.pop()) await next();
  }

  async #own(starting) {
    const started = await starting;
    this.#undo.push(() => started.stop());
    return started;
  }

  async #proxy(target) {
    const proxy = await startTcpProxy(target);
    this.#undo.push(() => proxy.close());
    return proxy;
  }

  async #node(name, settings) {
    const node = await serve({ ...settings, NODE_NAME: name, PORT: String(await freePort()) });
    this.#undo.push(() => stop(node.child, 'SIGKILL'));
    return node;
  }
}
