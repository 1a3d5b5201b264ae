import { BongsuError } from '@bongsu/protocol';
import { PerfectPeer, type Wire } from './perfect-peer.js';
import { SignalNodes, type ToldByNode } from './signal-nodes.js';

export const CALL_STEPS = [
  ...['need', 'up', 'down', 'operation', 'gather', 'hear', 'answer'],
  ...['cut', 'notice', 'return', 'reload'],
] as const;
export const HARD_STEPS = [...CALL_STEPS, 'lose', 'kill', 'adopt', 'look'] as const;
export type CallStep = (typeof HARD_STEPS)[number];

interface Client {
  name: string;
  socketId: string;
  instanceId: string;
  isConnected: boolean;
  up: { to: string; wire: Wire }[];
  down: ToldByNode[];
  peers: Map<string, PerfectPeer>;
}

/** What one script may take to come to rest. */
const MAX_ROUNDS = 3000;
const NODES = 3;

/** People in one room of several processes, all calling each other, over connections that break and come back to whatever process. */
export class CallWorld {
  readonly clients: Client[] = [];
  readonly nodes: SignalNodes;
  #ids = 0;
  #pages = 0;

  constructor(people: number) {
    this.nodes = new SignalNodes(NODES, (socketId, told) => {
      const client = this.clients.find((it) => it.socketId === socketId);
      if (client?.isConnected) client.down.push(told);
    });
    for (let n = 0; n < people; n += 1) {
      const [name, instanceId] = [`p${n}`, this.#newPage()];
      const socketId = this.nodes.join(name, n, instanceId);
      this.clients.push({
        ...{ name, socketId, instanceId, isConnected: true, up: [], down: [], peers: new Map() },
      });
      this.nodes.arrived(name);
    }
    for (const client of this.clients) this.#openPage(client);
    this.#hearAll();
    for (const client of this.clients) client.down.length = 0;
  }

  async act(step: CallStep, who: number, whom: number): Promise<void> {
    const client = this.clients[who % this.clients.length] as Client;
    const others = [...client.peers.values()];
    this.#step(step, client, others[whom % others.length] as PerfectPeer, whom);
    await this.#letRun();
  }

  /** All come back, and everything arrives. @param heals whether every pair offers once more in the end */
  async settle(heals: boolean): Promise<void> {
    for (let on = 0; on < NODES; on += 1) this.nodes.adopt(on);
    for (const [n, client] of this.clients.entries()) if (!client.isConnected) this.#return(client, n);
    await this.#rest();
    for (let on = 0; on < NODES; on += 1) this.nodes.look(on);
    await this.#rest();
    if (!heals) return;
    for (const { peers } of this.clients) for (const peer of peers.values()) peer.recover();
    await this.#rest();
  }

  async #rest(): Promise<void> {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      await this.#letRun();
      let isAtRest = this.nodes.isQuiet;
      this.#hearAll();
      for (const client of this.clients) {
        isAtRest = isAtRest && client.up.length === 0 && client.down.length === 0;
        this.#up(client);
        this.#down(client);
        for (const peer of client.peers.values()) {
          isAtRest = isAtRest && peer.pc.isIdle && peer.pc.gathered.length === 0;
          peer.pc.step();
          await this.#letRun();
          peer.gather();
        }
      }
      if (isAtRest) return;
    }
    throw new Error('It never comes to rest');
  }

  #step(step: CallStep, client: Client, peer: PerfectPeer, which: number): void {
    const { nodes } = this;
    const actions: Record<CallStep, () => void> = {
      need: () => peer.need(),
      up: () => this.#up(client),
      down: () => this.#down(client),
      operation: () => peer.pc.step(),
      gather: () => peer.gather(),
      hear: () => nodes.bus.deliver(which),
      answer: () => nodes.answer(which),
      cut: () => this.#cut(client),
      notice: () => {
        if (!client.isConnected) nodes.notice(client.name, client.socketId);
      },
      return: () => {
        if (!client.isConnected) this.#return(client, which);
      },
      reload: () => this.#reload(client, which),
      lose: () => nodes.bus.deliver(which, true),
      kill: () => this.#kill(which),
      adopt: () => nodes.adopt(which),
      look: () => nodes.look(which),
    };
    actions[step]();
  }

  #newPage(): string {
    this.#pages += 1;
    return `page-${this.#pages}`;
  }

  #hearAll(): void {
    while (this.nodes.bus.waiting > 0) this.nodes.bus.deliver(0);
    for (let on = 0; on < NODES; on += 1) this.nodes.answer(on);
  }

  #openPage(client: Client): void {
    for (const [n, { name }] of this.clients.entries()) {
      if (name === client.name) continue;
      const peer = new PerfectPeer({
        polite: this.clients.indexOf(client) > n,
        careful: true,
        newId: () => {
          this.#ids += 1;
          return `n${this.#ids}`;
        },
        send: (wire) => {
          // What an earlier page still wants to say is never heard.
          if (client.peers.get(name) === peer) client.up.push({ to: name, wire });
        },
      });
      client.peers.set(name, peer);
    }
  }

  #up(client: Client): void {
    const sent = client.isConnected ? client.up.shift() : undefined;
    if (!sent) return;
    try {
      this.nodes.signal(client.name, sent.to, sent.wire.negotiationId, sent.wire.content);
    } catch (refusal) {
      if (!(refusal instanceof BongsuError && refusal.code === 'BUSY')) throw refusal;
    }
  }

  #down(client: Client): void {
    const told = client.down.shift();
    if (!told) return;
    if ('from' in told) client.peers.get(told.from)?.receive(told);
    else if (told.resumed) client.peers.get(told.returned)?.recover();
    else client.peers.get(told.returned)?.renew();
  }

  /** What is on its way is lost. */
  #cut(client: Client): void {
    client.isConnected = false;
    client.up.length = 0;
    client.down.length = 0;
  }

  #return(client: Client, on: number): void {
    client.isConnected = true;
    client.socketId = 'none';
    client.socketId = this.nodes.join(client.name, on, client.instanceId);
    this.nodes.arrived(client.name);
    for (const peer of client.peers.values()) peer.recover();
  }

  #reload(client: Client, on: number): void {
    this.#cut(client);
    client.instanceId = this.#newPage();
    this.#openPage(client);
    this.#return(client, on);
    for (const peer of client.peers.values()) peer.need();
  }

  #kill(on: number): void {
    const gone = this.nodes.kill(on);
    for (const client of this.clients) if (gone.has(client.socketId)) this.#cut(client);
  }

  /** What promises do by themselves; then those that want to negotiate begin. */
  async #letRun(): Promise<void> {
    for (let n = 0; n < 20; n += 1) await undefined;
    for (const { peers } of this.clients) for (const peer of peers.values()) peer.fire();
  }
}
