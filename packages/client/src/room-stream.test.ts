import type { Ready } from '@bongsu/protocol';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RoomStream } from './room-stream.js';
import type { RoomEvents } from './room-types.js';

interface Entry {
  id: string;
  seq: number;
  epoch: string;
}

type Arrival = { entry: Entry } | { joined: { lastSeq: number; resumed: boolean } };

const WHAT = [
  'other',
  'other',
  'own',
  'deliver',
  'deliver',
  'ack',
  'cut',
  'back',
  'dismiss',
  'join',
  'join',
] as const;

/** A room's stream on the server, one socket of ours, and what is on its way between them. */
class World {
  readonly log: (Entry & { own: boolean })[] = [];
  readonly told: number[] = [];
  readonly gaps: RoomEvents['gap'][] = [];
  readonly stream: RoomStream<Entry>;
  private unanswered = new Set<string>();
  private arrivals: Arrival[] = [];
  private acks: Entry[] = [];
  /** The link is there; the server sends it what comes; it has its seat; it never stopped since the handshake. */
  private on = { line: true, feed: true, seat: true, resumed: false };

  constructor() {
    this.stream = new RoomStream<Entry>({
      tell: ({ seq }) => this.told.push(seq),
      onGap: (gap) => this.gaps.push(gap),
      isUnanswered: (id) => this.unanswered.has(id),
    });
    this.stream.onJoined({ epoch: 'e1', lastSeq: 0, resumed: false });
  }

  other(): void {
    const entry = this.write(false);
    if (this.on.feed) this.arrivals.push({ entry });
  }

  /** What goes to a room waits for the seat. */
  own(): void {
    if (!this.on.seat || this.isJoining) return;
    const entry = this.write(true);
    this.unanswered.add(entry.id);
    this.acks.push(entry);
  }

  deliver(): void {
    const [arrival] = this.arrivals.splice(0, 1);
    if (!arrival) return;
    if ('entry' in arrival) this.stream.take(arrival.entry);
    else this.stream.onJoined({ epoch: 'e1', ...arrival.joined });
  }

  ack(): void {
    const [entry] = this.acks.splice(0, 1);
    if (!entry) return;
    this.unanswered.delete(entry.id);
    this.stream.onOwn(entry);
  }

  cut(): void {
    if (!this.on.line) return;
    this.on = { line: false, feed: false, seat: false, resumed: false };
    this.arrivals = [];
    this.acks = [];
    this.stream.lost();
  }

  back(): void {
    if (this.on.line) return;
    this.on = { line: true, feed: true, seat: false, resumed: true };
    const lastSeq = this.log.length;
    const missed = this.log.slice(this.stream.position);
    this.stream.onReady({ epoch: 'e1' } as Ready, { lastSeq, recovered: true });
    this.arrivals = missed.map((entry) => ({ entry }));
    // Asked again under the same id, what was accepted is answered.
    this.acks = this.log.filter(({ id }) => this.unanswered.has(id));
  }

  /** No seat was taken within the grace: the server sends nothing more, and not the rest of what was missed. */
  dismiss(): void {
    if (!this.on.feed || this.on.seat) return;
    this.on = { ...this.on, feed: false, resumed: false };
    this.arrivals.splice(Math.floor(this.arrivals.length / 2));
  }

  /** The answer may be overtaken by entries that follow it. */
  join(overtaking: number): void {
    if (!this.on.line || this.on.seat) return;
    const joined = { lastSeq: this.log.length, resumed: this.on.resumed };
    this.on = { ...this.on, feed: true, seat: true };
    for (let i = 0; i < overtaking; i += 1) this.other();
    this.arrivals.push({ joined });
  }

  end(): void {
    this.back();
    this.join(0);
    while (this.acks.length > 0) this.ack();
    while (this.arrivals.length > 0) this.deliver();
  }

  private get isJoining(): boolean {
    return this.arrivals.some((arrival) => 'joined' in arrival);
  }

  private write(own: boolean): Entry {
    const entry = { id: `${this.log.length + 1}`, seq: this.log.length + 1, epoch: 'e1', own };
    this.log.push(entry);
    return entry;
  }
}

const step = fc.record({ what: fc.constantFrom(...WHAT), overtaking: fc.nat({ max: 2 }) });

function play(what: readonly (typeof WHAT)[number][]): World {
  const world = new World();
  for (const each of what) world[each](0);
  world.end();
  return world;
}

it('[RM165] [RM173] [SCL3] every entry of others is told once and in order, or a gap says so', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const world = new World();
      for (const { what, overtaking } of steps) world[what](overtaking);
      world.end();
      const others = world.log.filter(({ own }) => !own).map(({ seq }) => seq);
      const isMissed = (seq: number) =>
        world.gaps.some(({ after, lastSeq }) => after < seq && seq <= lastSeq) && !world.told.includes(seq);
      expect(world.told).toEqual(others.filter((seq) => !isMissed(seq)));
      expect(world.stream.position).toBe(world.log.length);
      if (!steps.some(({ what }) => what === 'dismiss')) expect(world.gaps).toEqual([]);
    }),
    { numRuns: 5_000 },
  );
});

it('[RM173] a join that came too late for the stream to go on says what was missed', () => {
  const { told, gaps } = play([
    'other',
    'deliver',
    'cut',
    'back',
    'dismiss',
    'other',
    'other',
    'join',
    'other',
  ]);
  expect(gaps).toEqual([{ reason: 'absent', after: 1, lastSeq: 3 }]);
  expect(told).toEqual([1, 4]);
});

it('[RM173] an entry that overtakes the answer of such a join hides nothing', () => {
  const world = new World();
  for (const what of ['cut', 'back', 'dismiss', 'other'] as const) world[what]();
  world.join(1);
  world.end();
  expect(world.gaps).toEqual([{ reason: 'absent', after: 0, lastSeq: 1 }]);
  expect(world.told).toEqual([2]);
});
