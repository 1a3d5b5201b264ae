import { setTimeout as pause } from 'node:timers/promises';

/** What happens to the cluster in a drill, told as it happens: who serves which version, and who is connected where. */
export class Course {
  /** [{at, what, connections: {node: count}}], `at` in seconds. */
  shares = [];
  faults = [];
  #cluster;
  #rooms;
  #newBin;
  #besideMs;
  #comers;
  #log;
  #startedAt = performance.now();

  constructor({ cluster, rooms, newBin, besideMs, comers, log }) {
    this.#cluster = cluster;
    this.#rooms = rooms;
    this.#newBin = newBin;
    this.#besideMs = besideMs;
    this.#comers = comers;
    this.#log = log;
  }

  async run() {
    await this.#note('before');
    await this.#upgrade();
    await this.#grow();
  }

  /** Node after node, so slowly that old and new ones serve beside each other for long enough. */
  async #upgrade() {
    const nodes = [...this.#cluster.nodes];
    const pauseMs = this.#besideMs / Math.max(1, nodes.length - 1);
    let firstAt;
    for (const node of nodes) {
      await this.#end(node);
      this.besideSeconds = firstAt === undefined ? 0 : (performance.now() - firstAt) / 1000;
      node.bin = this.#newBin;
      await node.start();
      firstAt ??= performance.now();
      await this.#rooms.allOnline();
      if (node !== nodes.at(-1)) await pause(pauseMs);
      await this.#note(`${node.name} replaced`);
    }
    this.#cluster.bin = this.#newBin;
  }

  /** One more node, which new clients come to; then it goes again, and they come to the others. */
  async #grow() {
    const added = await this.#cluster.addNode();
    await this.#note(`${added.name} added`);
    await this.#rooms.come(this.#comers);
    const { connections } = await this.#note(`${this.#comers} more came`);
    this.taken = connections[added.name];
    const { child } = added;
    await this.#cluster.removeNode(added);
    this.#check(added.name, child);
    await this.#rooms.allOnline();
    await this.#note(`${added.name} taken away`);
  }

  async #end(node) {
    const { child } = node;
    await node.stop();
    this.#check(node.name, child);
  }

  #check(name, { exitCode, signalCode }) {
    if (exitCode !== 0) this.faults.push(`${name} ended with ${exitCode ?? signalCode}`);
  }

  async #note(what) {
    const counts = await Promise.all(
      this.#cluster.nodes.map(async (node) => [node.name, await connectionsOf(node)]),
    );
    const share = {
      at: Math.round((performance.now() - this.#startedAt) / 1000),
      what,
      connections: Object.fromEntries(counts),
    };
    this.shares.push(share);
    this.#log(`${what}: ${counts.map(([name, count]) => `${name} ${count}`).join(', ')}`);
    return share;
  }
}

const connectionsOf = async ({ url }) => (await (await fetch(`${url}/health`)).json()).connections;
