import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startBalancer } from './balancer.mjs';
import { serve } from './bongsu.mjs';
import { startPostgres } from './postgres.mjs';
import { freePort, isAlive, stop } from './processes.mjs';
import { startRedis } from './redis.mjs';

/**
 * Nodes on one PostgreSQL and one Redis behind a balancer, all on the loopback and in one temporary folder, all processes of ours.
 * What is hurt stays so until it is started again; `stop` ends all of it and removes the folder.
 */
export class Cluster {
  nodes = [];
  #made = 0;

  /**
   * @param options.settings of every node, over what balancers need
   * @param options.lifted as of `serve`
   * @param options.bin of the servers, this tree's by default
   * @param options.port of the balancer
   * @param options.signal of somebody who no longer wants it; @throws its reason then, when what was begun is undone
   */
  static async start({
    nodes = 2,
    balancer = 'haproxy',
    port,
    settings = {},
    lifted = true,
    sticky,
    bin,
    signal,
  } = {}) {
    const cluster = new Cluster();
    try {
      await cluster.#start({ nodes, balancer, port, settings, lifted, sticky, bin, signal });
      return cluster;
    } catch (error) {
      await cluster.stop();
      throw error;
    }
  }

  async #start({ nodes, balancer: engine, port, settings, lifted, sticky, bin, signal }) {
    this.folder = mkdtempSync(join(tmpdir(), 'bongsu-cluster-'));
    await this.#startStores();
    signal?.throwIfAborted();
    const database = await this.postgres.freshDatabase();
    const balancerPort = port ?? (await freePort());
    this.lifted = lifted;
    this.bin = bin;
    this.settings = {
      // One for all: what the first start makes there is the same everywhere.
      DATA_DIR: join(this.folder, 'data'),
      DATABASE_URL: database.url,
      REDIS_URL: this.redis.url,
      PUBLIC_URL: `http://127.0.0.1:${balancerPort}`,
      TRUST_PROXY: 'loopback',
      // It has http and https, and nobody to be protected.
      FORCE_HTTPS: 'false',
      ...settings,
    };
    this.nodes.push(await this.#makeNode());
    // The first one makes the secrets and the tables.
    await this.nodes[0].start();
    signal?.throwIfAborted();
    while (this.nodes.length < nodes) this.nodes.push(await this.#makeNode());
    await Promise.all(this.nodes.slice(1).map((node) => node.start()));
    this.balancer = await startBalancer({ engine, port: balancerPort, ports: this.#ports(), sticky });
    this.url = this.balancer.url;
  }

  /** Starts one more, which then takes new connections. @param settings over those of all */
  async addNode(settings = {}) {
    const node = await this.#makeNode(settings);
    await node.start();
    this.nodes.push(node);
    await this.balancer.use(this.#ports());
    return node;
  }

  /** Takes it from the balancer, and stops it as a deployment would. */
  async removeNode(node) {
    this.nodes = this.nodes.filter((each) => each !== node);
    await this.balancer.use(this.#ports());
    await node.stop();
  }

  async stop() {
    await this.balancer?.stop();
    await Promise.all(this.nodes.map((node) => node.kill()));
    await this.redis?.stop();
    await this.postgres?.stop();
    if (this.folder) rmSync(this.folder, { recursive: true, force: true });
  }

  /** Each to its end, also when the other one fails: what runs can be stopped. */
  async #startStores() {
    const [postgres, redis] = await Promise.allSettled([startPostgres(), startRedis()]);
    this.postgres = postgres.value;
    this.redis = redis.value;
    for (const { status, reason } of [postgres, redis]) if (status === 'rejected') throw reason;
  }

  #ports() {
    return this.nodes.map(({ port }) => port);
  }

  async #makeNode(own = {}) {
    this.#made += 1;
    const name = `node-${this.#made}`;
    const port = await freePort();
    const settings = { ...this.settings, ...own, NODE_NAME: name, HOST: '127.0.0.1', PORT: String(port) };
    return new Node({ name, port, settings, lifted: this.lifted, bin: this.bin });
  }
}

/** One node; it keeps its name and port over its lives, of which each may be of another `bin`. */
class Node {
  #served;

  constructor(options) {
    Object.assign(this, options, { url: `http://127.0.0.1:${options.port}` });
  }

  get alive() {
    return this.#served !== undefined && isAlive(this.#served.child);
  }

  get child() {
    return this.#served?.child;
  }

  get output() {
    return this.#served?.output() ?? '';
  }

  /** Resolves when it is ready. @param settings over its own, from now on */
  async start(settings = {}) {
    this.settings = { ...this.settings, ...settings };
    this.#served = await serve(this.settings, {
      lifted: this.lifted,
      ...(this.bin ? { bin: this.bin } : {}),
    });
  }

  async kill() {
    if (this.#served) await stop(this.#served.child, 'SIGKILL');
  }

  /** As a deployment does: its sockets are told to move. Resolves when it has ended. */
  async stop() {
    if (this.#served) await stop(this.#served.child, 'SIGTERM');
  }

  freeze() {
    this.#served.child.kill('SIGSTOP');
  }

  thaw() {
    this.#served.child.kill('SIGCONT');
  }
}
