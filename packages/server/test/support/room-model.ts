import type { Joined } from '@bongsu/protocol';
import { expect } from 'vitest';
import type { UserPrincipal } from '../../src/platform/principal.js';
import type { RoomNode, RoomSite, RoomSocket } from './room-site.js';

export const ROOM_STEPS = [
  'join',
  'join again',
  'leave',
  'disconnect',
  'return',
  'take over',
  'kick',
  'admit',
  'lock',
  'unlock',
  'time',
  'look',
  'deaf',
  'hear',
  'crash',
] as const;
export type RoomStep = (typeof ROOM_STEPS)[number];
type Work = () => Promise<unknown>;

const MAX_USERS = 4;
const PEOPLE = 6;
const ROOM = { roomId: 'standup' };

/** People who come and go over two processes that die now and then, seen by the owner, who is connected to a third. */
export class RoomModel {
  readonly #people: UserPrincipal[];
  readonly #seats = new Map<RoomSocket, string>();
  /** Participants by who had them. */
  readonly #known: { user: UserPrincipal; participantId: string }[] = [];
  readonly #ended = new Set<RoomSocket>();
  #sockets: RoomSocket[] = [];
  #nodes: RoomNode[] = [];

  private constructor(
    private readonly site: RoomSite,
    private readonly stable: RoomNode,
    private readonly host: RoomSocket,
  ) {
    this.#people = Array.from({ length: PEOPLE }, () => site.person());
  }

  static async begin(site: RoomSite): Promise<RoomModel> {
    const stable = await site.node();
    const host = stable.connect(site.person());
    await host.send('create-room', { ...ROOM, name: 'Stand-up', maxUsers: MAX_USERS });
    const model = new RoomModel(site, stable, host);
    model.#nodes = [await site.node(), await site.node()];
    return model;
  }

  /** Steps that happen at once. */
  async act(steps: readonly (readonly [RoomStep, number])[]): Promise<void> {
    const alone = steps.find(([step]) => step === 'crash' || step === 'time');
    const works = (alone ? [alone] : steps).map(([step, chance]) => this.#work(step, chance));
    const outcomes = await Promise.allSettled(works.map((work) => work()));
    for (const outcome of outcomes) if (outcome.status === 'rejected') expectRefusal(outcome.reason);
    await this.site.quiet();
    expect(await this.#taken()).toBeLessThanOrEqual(MAX_USERS);
  }

  /** Everybody goes. @returns why participants left */
  async finish(): Promise<Set<string>> {
    this.site.bus.isDeaf = false;
    await this.#pass(5_000);
    await this.#expectSockets();
    await this.#expectHeard();
    await Promise.all([...this.#sockets].map((socket) => this.#end(socket)));
    for (let n = 0; n < 3; n += 1) await this.#pass(20_000);
    const reasons = await this.#expectPaired();
    await this.host.end();
    for (let n = 0; n < 3; n += 1) await this.#pass(60_000);
    expect(await this.site.seatRows()).toEqual([]);
    expect(await this.site.database.query("select * from rooms where status = 'open'")).toEqual([]);
    expect(this.site.sockets.groups).toEqual([]);
    for (const node of [this.stable, ...this.#nodes]) expect([...node.attached]).toEqual([]);
    return reasons;
  }

  #work(step: RoomStep, chance: number): Work {
    const node = this.#nodes[chance % this.#nodes.length] as RoomNode;
    const user = this.#people[chance % PEOPLE] as UserPrincipal;
    const socket = this.#sockets[chance % Math.max(1, this.#sockets.length)];
    const own = this.#known.filter((known) => known.user === user);
    const seat = own[chance % Math.max(1, own.length)]?.participantId;
    const anybody = this.#known[chance % Math.max(1, this.#known.length)]?.participantId;
    const works: Record<RoomStep, Work> = {
      join: () => this.#join(node.connect(user)),
      'join again': async () => socket && this.#join(socket),
      leave: async () => socket?.send('leave-room', ROOM),
      disconnect: async () => socket && this.#end(socket),
      return: async () => seat && this.#join(node.connect(user), seat),
      'take over': async () => {
        const held = socket && this.#seats.get(socket);
        if (held) await this.#join(node.connect(socket.user), held);
      },
      kick: async () => anybody && this.host.send('kick', { ...ROOM, participantId: anybody }),
      admit: async () => anybody && this.host.send('admit', { ...ROOM, participantId: anybody }),
      lock: () => this.host.send('lock-room', ROOM),
      unlock: () => this.host.send('unlock-room', ROOM),
      time: () => this.#pass(1_000 + chance * 20),
      look: () => node.rooms.look(),
      deaf: async () => {
        this.site.bus.isDeaf = true;
      },
      hear: async () => {
        this.site.bus.isDeaf = false;
      },
      crash: () => this.#crash(node),
    };
    return works[step];
  }

  async #join(socket: RoomSocket, participantId?: string): Promise<void> {
    if (this.#ended.has(socket)) return;
    if (!this.#sockets.includes(socket)) this.#sockets.push(socket);
    const joined = await socket
      .send<Joined>('join-room', { ...ROOM, participantId })
      .catch((error: { code?: string }) => {
        // Nobody hears the answer of a socket that went meanwhile.
        if (!this.#ended.has(socket)) throw error;
      });
    if (!joined) return;
    this.#seats.set(socket, joined.participantId);
    if (!this.#known.some((known) => known.participantId === joined.participantId))
      this.#known.push({ user: socket.user, participantId: joined.participantId });
  }

  async #end(socket: RoomSocket): Promise<void> {
    this.#ended.add(socket);
    this.#sockets = this.#sockets.filter((one) => one !== socket);
    await socket.end();
  }

  async #crash(node: RoomNode): Promise<void> {
    this.#sockets = this.#sockets.filter((socket) => socket.node !== node);
    await node.crash();
    this.#nodes = [...this.#nodes.filter((one) => one !== node), await this.site.node()];
  }

  async #pass(ms: number): Promise<void> {
    await this.site.pass(ms);
    // What was found by the first look may be due at the next.
    await this.site.pass(5_000);
    if (!this.site.bus.isDeaf) await this.#expectHeard();
  }

  async #taken(): Promise<number> {
    return (await this.site.seatRows()).filter(({ state }) => state !== 'waiting').length;
  }

  /** Exactly the sockets whose rows say so have the room. */
  async #expectSockets(): Promise<void> {
    const rows = (await this.site.seatRows()).filter(({ state }) => state === 'joined');
    for (const node of [this.stable, ...this.#nodes]) {
      const held = rows.filter((row) => row.incarnation === node.incarnation);
      expect([...node.attached].sort()).toEqual(held.map((row) => `${row.id} ${row.socket_id}`).sort());
      for (const row of held)
        expect(node.seats.seatOf(row.socket_id, ROOM.roomId)).toMatchObject({ participantId: row.id });
    }
  }

  /** By what the owner has heard, those are there who are. */
  async #expectHeard(): Promise<void> {
    const states = new Map<string, string>();
    for (const { event, payload } of this.host.told) {
      const participantId = String(payload.participantId);
      if (event === 'user-left') states.delete(participantId);
      else if (event === 'user-reconnecting') states.set(participantId, 'reconnecting');
      else if (event.startsWith('user-')) states.set(participantId, 'joined');
    }
    const rows = (await this.site.seatRows()).filter((row) => row.socket_id !== this.host.id);
    expect([...states].sort()).toEqual(rows.map(({ id, state }) => [id, state]).sort());
  }

  /** Of each participant of whom the owner heard at all, one coming and then one leaving. */
  async #expectPaired(): Promise<Set<string>> {
    const rows = await this.site.database.query<{ id: string; left_at: number | null; joined_at: number }>(
      'select id, left_at, joined_at from room_participants where socket_id <> $1 order by id',
      [this.host.id],
    );
    const reasons = new Set<string>();
    const lives = new Map<string, string[]>();
    for (const { event, payload } of this.host.told) {
      if (!event.startsWith('user-')) continue;
      const { participantId } = payload as { participantId: string };
      lives.set(participantId, [...(lives.get(participantId) ?? []), event]);
      if (event === 'user-left') reasons.add(String(payload.reason));
    }
    // Who came and went while hints were lost is nobody to the owner.
    expect(rows.map(({ id }) => id)).toEqual(expect.arrayContaining([...lives.keys()]));
    for (const life of lives.values()) {
      expect(life.join(' ')).toMatch(/^user-joined( user-(reconnecting|returned))* user-left$/);
    }
    for (const row of rows) expect(row.left_at).toBeGreaterThanOrEqual(row.joined_at);
    return reasons;
  }
}

const REFUSALS = ['ROOM_FULL', 'ROOM_LOCKED', 'FORBIDDEN', 'PARTICIPANT_NOT_FOUND'];

function expectRefusal(error: { code?: string }): void {
  if (!REFUSALS.includes(error.code ?? '')) throw error;
}
