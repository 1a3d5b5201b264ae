import { setTimeout as pause } from 'node:timers/promises';
import { until } from '../lib/processes.mjs';

/** A balancer takes a node that is back within seconds. */
const SERVES_MS = 30_000;
const ASK_EVERY_MS = 100;

/** What happens to the cluster in a drill, told as it happens: who serves which version, and who is connected where. */
export class Course {
  /** [{at, what, connections: {node: count}}], `at` in seconds. */
  shares = [];
  faults = [];
  /** What each version accepted, and for how long, from the first command that a new node accepted to the end of the last old one. */
  beside = { seconds: 0, old: 0, new: 0 };
  /** How many came while there was a node more, the nodes that there were then, and how many of them came to the new one. */
  came = 0;
  nodes = 0;
  taken = 0;
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
    const [first, last] = [nodes[0], nodes.at(-1)];
    const pauseMs = this.#besideMs / Math.max(1, nodes.length - 1);
    let sides;
    for (const node of nodes) {
      if (node === last) this.beside = await sides();
      await this.#end(node);
      node.bin = this.#newBin;
      await node.start();
      sides ??= await besides(last, first);
      await this.#rooms.allOnline();
      if (node !== last) await pause(pauseMs);
      await this.#note(`${node.name} replaced`);
    }
    this.#cluster.bin = this.#newBin;
  }

  /** One more node, which new clients come to; then it goes again, and they come to the others. */
  async #grow() {
    const added = await this.#cluster.addNode();
    const { connections: before } = await this.#note(`${added.name} added`);
    await this.#rooms.come(this.#comers);
    const { connections } = await this.#note(`${this.#comers} more came`);
    this.came = this.#comers;
    this.nodes = this.#cluster.nodes.length;
    this.taken = connections[added.name] - before[added.name];
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

/** From the first command that the new node accepted: answers a question for {seconds, old, new}, what each accepted since. */
async function besides(old, newer) {
  await until(
    `${newer.name} accepts commands`,
    async () => (await acceptedBy(newer)) > 0,
    SERVES_MS,
    ASK_EVERY_MS,
  );
  const startedAt = performance.now();
  const before = await acceptedBy(old);
  return async () => ({
    seconds: Math.round((performance.now() - startedAt) / 1000),
    old: (await acceptedBy(old)) - before,
    new: await acceptedBy(newer),
  });
}

/** Commands, since it was started. */
async function acceptedBy({ url }) {
  const text = await (await fetch(`${url}/metrics`)).text();
  const counts = text.matchAll(/^bongsu_commands_total\{[^}]*outcome="accepted"[^}]*\} (\d+)/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}
