import { BongsuError } from '@bongsu/protocol';
import type { Metrics } from '../../src/platform/metrics.js';
import { isPolite, type Seat } from '../../src/rooms/seat.js';
import { AliveNegotiations } from './alive-negotiations.js';
import { PerfectPeer, type Wire } from './perfect-peer.js';
import { SignalRoom } from './signal-room.js';

export const CALM_STEPS = ['need', 'up', 'down', 'operation', 'gather'] as const;
export const STEPS = [...CALM_STEPS, 'cut', 'notice', 'return', 'reload'] as const;
export const RESTART_STEPS = [...STEPS, 'restart'] as const;
export type Step = (typeof RESTART_STEPS)[number];

type Told = { from: string; wire: Wire } | { returned: string; resumed: boolean };

interface Client {
  seat: Seat;
  isConnected: boolean;
  /** On their way to the server, or kept by the client until it is back. */
  up: { to: string; wire: Wire }[];
  down: Told[];
  peers: Map<string, PerfectPeer>;
}

/** What one script may take to come to rest. */
const MAX_ROUNDS = 2000;

/** People in one room, all calling each other through the real relay, over connections that break and pages that reload. */
export class SignalWorld {
  readonly room: SignalRoom;
  readonly clients: Client[] = [];
  readonly #alive = new Map<string, AliveNegotiations>();
  #ids = 0;
  #isRestarted = false;

  constructor(
    people: number,
    private readonly careful: boolean,
    metrics: Metrics,
  ) {
    this.room = new SignalRoom(0, metrics);
    for (let n = 0; n < people; n += 1) {
      const seat = this.room.join(`p${n}`);
      this.clients.push({ seat, isConnected: true, up: [], down: [], peers: new Map() });
    }
    for (const client of this.clients) this.#openPage(client);
  }

  async act(step: Step, who: number, whom: number): Promise<void> {
    const { clients } = this;
    const client = clients[who % clients.length] as Client;
    const other = clients[(who + 1 + (whom % (clients.length - 1))) % clients.length] as Client;
    const peer = client.peers.get(other.seat.participantId) as PerfectPeer;
    this.#step(step, client, peer);
    await this.#letRun();
  }

  /** Everybody comes back, and everything arrives. */
  async settle(): Promise<void> {
    for (const client of this.clients) if (!client.isConnected) this.#return(client);
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      await this.#letRun();
      let isAtRest = true;
      for (const client of this.clients) {
        isAtRest = isAtRest && client.up.length === 0 && client.down.length === 0;
        this.#step('up', client);
        this.#step('down', client);
        for (const peer of client.peers.values()) {
          isAtRest = isAtRest && peer.pc.isIdle && peer.pc.gathered.length === 0;
          this.#step('operation', client, peer);
          // Promises before tasks: a description is sent before its candidates are told.
          await this.#letRun();
          this.#step('gather', client, peer);
        }
      }
      if (isAtRest) return;
    }
    throw new Error('It never comes to rest');
  }

  #step(step: Step, client: Client, peer?: PerfectPeer): void {
    const actions: Record<Step, () => void> = {
      need: () => peer?.need(),
      up: () => this.#up(client),
      down: () => this.#down(client),
      operation: () => peer?.pc.step(),
      gather: () => peer?.gather(),
      cut: () => this.#cut(client),
      notice: () => {
        if (!client.isConnected && client.seat.state === 'joined') this.room.away(client.seat);
      },
      return: () => {
        if (!client.isConnected) this.#return(client);
      },
      reload: () => this.#reload(client),
      restart: () => this.#restart(),
    };
    actions[step]();
  }

  #openPage(client: Client): void {
    const { seat } = client;
    for (const { seat: other } of this.clients) {
      if (other === seat) continue;
      const peer = new PerfectPeer({
        polite: isPolite(seat, other),
        careful: this.careful,
        newId: () => {
          this.#ids += 1;
          return `n${this.#ids}`;
        },
        send: (wire) => {
          // What an earlier page still wants to say is never heard.
          if (client.peers.get(other.participantId) === peer)
            client.up.push({ to: other.participantId, wire });
        },
      });
      client.peers.set(other.participantId, peer);
    }
  }

  #up(client: Client): void {
    if (!client.isConnected) return;
    const sent = client.up.shift();
    if (!sent) return;
    const { to, wire } = sent;
    const target = this.room.seats.get(to) as Seat;
    const whileAway = target.state === 'reconnecting';
    try {
      const { stale } = this.room.signal(client.seat, target, wire.negotiationId, wire.content);
      const from = client.seat.participantId;
      const isAlive = this.#pair(from, to).admits(from, wire.negotiationId, wire.content, whileAway);
      if ((stale === undefined) !== isAlive) throw new Error(`${from} to ${to}: ${JSON.stringify(wire)}`);
    } catch (refusal) {
      if (!(refusal instanceof BongsuError && refusal.code === 'BUSY' && whileAway)) throw refusal;
    }
    this.#carry();
  }

  #down(client: Client): void {
    const told = client.down.shift();
    if (!told) return;
    if ('wire' in told) client.peers.get(told.from)?.receive(told.wire);
    else if (told.resumed) client.peers.get(told.returned)?.recover();
    else client.peers.get(told.returned)?.renew();
  }

  /** What is on its way is lost. */
  #cut(client: Client): void {
    if (!client.isConnected) return;
    client.isConnected = false;
    client.up.length = 0;
    client.down.length = 0;
  }

  /** What clients have not sent yet they send when they are back. */
  #restart(): void {
    for (const client of this.clients) {
      client.isConnected = false;
      client.down.length = 0;
    }
    this.room.restart();
    this.#isRestarted = true;
    for (const pair of this.#alive.values()) pair.inherit();
  }

  #return(client: Client): void {
    client.isConnected = true;
    this.#tellReturned(client, true);
    for (const peer of client.peers.values()) peer.recover();
  }

  #reload(client: Client): void {
    this.#cut(client);
    client.up.length = 0;
    client.isConnected = true;
    this.#openPage(client);
    for (const [name, peer] of client.peers) {
      peer.need();
      this.#pair(client.seat.participantId, name).begin(client.seat.participantId);
    }
    this.#tellReturned(client, false);
  }

  #tellReturned(client: Client, resumed: boolean): void {
    const returned = client.seat.participantId;
    for (const other of this.clients)
      if (other !== client && other.isConnected) other.down.push({ returned, resumed });
    this.room.back(client.seat, resumed);
    this.#carry();
    for (const name of client.peers.keys()) this.#pair(returned, name).returned(returned);
  }

  /** What the relay emitted: nothing of it is over, and it is on its way if anybody is there to get it. */
  #carry(): void {
    for (const client of this.clients) {
      for (const { payload } of this.room.heard(client.seat)) {
        const { from, negotiationId, ...content } = payload;
        if (!this.#pair(from, client.seat.participantId).isAlive(negotiationId))
          throw new Error(`${negotiationId} of ${from} is over`);
        const wire = { negotiationId, content: content as unknown as Wire['content'] };
        if (client.isConnected) client.down.push({ from, wire });
      }
    }
  }

  #pair(one: string, other: string): AliveNegotiations {
    const key = [one, other].sort().join();
    const pair = this.#alive.get(key) ?? new AliveNegotiations(this.#isRestarted);
    this.#alive.set(key, pair);
    return pair;
  }

  /** What promises do by themselves; then those that want to negotiate begin. */
  async #letRun(): Promise<void> {
    for (let n = 0; n < 10; n += 1) await undefined;
    for (const { peers } of this.clients) for (const peer of peers.values()) peer.fire();
  }
}
