import assert from 'node:assert/strict';
import type { Entry, Receipt, TriggerEntry } from '@bongsu/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Link } from './connection.js';
import { EntryRunner } from './entry-runner.js';
import type { Policy } from './offset-rule.js';
import { memoryStore, type ScreenStore } from './screen-store.js';

const STREAM = 'screen:s';
const COUNT = 12;
/**
 * `emit`: the server fills its window. `receive`: the next entry reaches the screen. `store`: a write ends.
 * `finish`, `throw`: the running handler does. `receipt`: the next receipt reaches the server. `retry`: a pause ends.
 * `silence`: the server gives the oldest in flight up. `expire`: it ends the next one while the screen is away.
 * `epoch`: its data go back.
 */
const EVENTS = [
  ...['emit', 'emit', 'receive', 'receive', 'receive', 'store', 'store', 'store', 'finish', 'finish'],
  ...['receipt', 'receipt', 'throw', 'retry', 'silence', 'cut', 'cut', 'expire', 'crash', 'epoch'],
] as const;
type Event = (typeof EVENTS)[number];

interface Frame {
  entry: TriggerEntry;
  /** Undefined once the server deleted the callback. */
  callback: { live: boolean };
}

type End = 'executed' | 'interrupted' | 'given-up' | 'expired';

/** One connection: what is on its way each way. */
interface Wire {
  link: { connected: boolean };
  down: Frame[];
  up: { frame: Frame; receipt: Receipt }[];
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 30; turn += 1) await Promise.resolve();
}

/** The server's side of the rule: a window, `prev`, go-back-N, and an end for each entry before the next begins. */
class Server {
  acked = 0;
  epoch = 0;
  readonly ends = new Map<number, End>();
  readonly everEnded = new Set<number>();
  private flight: Frame[] = [];
  private attempts = 0;
  private pausing = false;

  constructor(private readonly window: number) {}

  /** Begins a connection; a resume offset of this epoch is a receipt. */
  connect(resume: { epoch: string; streams: Record<string, number> } | undefined) {
    this.flight = [];
    this.pausing = false;
    const done = resume?.streams[STREAM] ?? 0;
    const recovered = resume === undefined || (resume.epoch === this.name() && done <= this.base() + COUNT);
    if (resume && recovered) while (this.base() + this.acked < done) this.end(this.acked + 1, 'executed');
    const acked = this.acked === 0 ? 0 : this.base() + this.acked;
    return { epoch: this.name(), state: { lastSeq: this.base() + COUNT, acked, recovered } };
  }

  emit(wire: Wire, all: boolean): void {
    if (this.pausing && !all) return;
    this.pausing = false;
    while (this.flight.length < this.window && this.acked + this.flight.length < COUNT) {
      const n = this.acked + this.flight.length + 1;
      const prev = this.flight.at(-1)?.entry.seq ?? 0;
      const frame = { entry: this.entry(n, prev), callback: { live: true } };
      this.flight.push(frame);
      wire.down.push(frame);
    }
  }

  onReceipt(frame: Frame, receipt: Receipt): void {
    if (!frame.callback.live) return;
    if (receipt.seq !== frame.entry.seq) throw new Error('a receipt for another entry');
    const n = frame.entry.seq - this.base();
    if (frame !== this.flight[0]) throw new Error('a receipt before those of earlier ones');
    if (receipt.status === 'executed') {
      this.flight.shift();
      frame.callback.live = false;
      this.end(n, 'executed');
    } else if (receipt.retryable === false || this.attempts >= 2) {
      this.goBack();
      this.end(n, receipt.error === 'interrupted' ? 'interrupted' : 'given-up');
    } else {
      this.goBack();
      this.attempts += 1;
      this.pausing = true;
    }
  }

  silence(): void {
    if (!this.flight[0]) return;
    this.goBack();
    this.end(this.acked + 1, 'given-up');
  }

  expire(): void {
    if (this.acked < COUNT) this.end(this.acked + 1, 'expired');
  }

  back(by: number): void {
    this.epoch += 1;
    this.acked = Math.max(0, this.acked - by);
    for (const n of this.ends.keys()) if (n > this.acked) this.ends.delete(n);
    this.flight = [];
  }

  private goBack(): void {
    for (const { callback } of this.flight) callback.live = false;
    this.flight = [];
  }

  private end(n: number, how: End): void {
    this.acked = n;
    this.attempts = 0;
    this.ends.set(n, how);
    this.everEnded.add(n);
  }

  /** A number means something else in each epoch. */
  private base(): number {
    return (this.epoch % 2) * 3;
  }

  private name(): string {
    return `e${this.epoch}`;
  }

  private entry(n: number, prev: number): TriggerEntry {
    const place = {
      stream: STREAM,
      seq: this.base() + n,
      prev,
      epoch: this.name(),
      attempt: 1,
      acceptedAt: 0,
    };
    return { type: 'trigger', action: 'go', id: `id-${n}`, from: { userId: 'u', username: 'U' }, ...place };
  }
}

class World {
  readonly server: Server;
  /** How often each was begun and finished, and begun by a process that died then or while its end was stored. */
  readonly begun: number[] = [];
  readonly failed = new Map<number, number>();
  readonly crashedIn = new Map<number, number>();
  readonly running = new Set<number>();
  readonly finished = new Set<number>();
  readonly faults: string[] = [];
  crashes = 0;
  mostAtOnce = 0;
  private readonly values = memoryStore();
  private runner!: EntryRunner;
  private wire: Wire | undefined;
  private pendingWrites: (() => void)[] = [];
  private handler: { n: number; resolve: () => void; reject: (error: Error) => void } | undefined;
  /** Begun, and its end not stored yet. */
  private current: number | undefined;
  private alive = { yes: true };

  constructor(
    private readonly policy: Policy,
    window: number,
  ) {
    this.server = new Server(window);
  }

  async start(): Promise<void> {
    const alive = { yes: true };
    this.alive = alive;
    const store: ScreenStore = {
      ...this.values,
      set: (key, value) =>
        new Promise((resolve) => {
          const write = () => {
            void this.values.set(key, value).then(() => {
              if (this.handler === undefined) this.current = undefined;
              resolve();
            });
          };
          if (alive.yes) this.pendingWrites.push(write);
        }),
    };
    this.runner = new EntryRunner({
      store,
      stream: STREAM,
      policy: this.policy,
      handle: (entry) => this.run(entry),
      onReceipt: () => {},
      onStoreFault: (error) => {
        throw error;
      },
    });
    await this.runner.load();
  }

  async step(event: Event): Promise<void> {
    if (event === 'crash') await this.crash();
    else if (event === 'cut' || event === 'epoch') this.cut(event);
    else if (event === 'expire') this.wire ?? this.server.expire();
    else this.live(event);
    await settle();
  }

  async converge(): Promise<void> {
    for (let round = 0; round < 600 && this.server.acked < COUNT; round += 1) {
      for (const event of ['retry', 'emit', 'receive', 'store', 'finish', 'store', 'receipt'] as const)
        await this.step(event);
      // A dropped entry is sent again on a new link only, when nothing else brings it.
      if (round % 50 === 49) await this.step('cut');
    }
  }

  private live(event: Event): void {
    const wire = this.wire ?? this.connect();
    if (event === 'emit') this.server.emit(wire, false);
    else if (event === 'retry') this.server.emit(wire, true);
    else if (event === 'receive') this.receive(wire);
    else if (event === 'store') this.pendingWrites.shift()?.();
    else if (event === 'finish') this.handler?.resolve();
    else if (event === 'throw') this.handler?.reject(new Error('no'));
    else if (event === 'silence') this.server.silence();
    else {
      const next = wire.up.shift();
      if (next) this.server.onReceipt(next.frame, next.receipt);
    }
  }

  private connect(): Wire {
    const wire: Wire = { link: { connected: true }, down: [], up: [] };
    const { epoch, state } = this.server.connect(this.runner.resume);
    this.wire = wire;
    const ready = {
      protocol: 1 as const,
      epoch,
      serverTime: 0,
      sessionId: 's',
      streams: { [STREAM]: state },
    };
    this.runner.begin(wire.link as Link, ready);
    return wire;
  }

  private receive(wire: Wire): void {
    const frame = wire.down.shift();
    if (!frame) return;
    this.runner.take(wire.link as Link, frame.entry, (receipt) => {
      if (!wire.link.connected) throw new Error('an answer over an ended link');
      wire.up.push({ frame, receipt });
    });
  }

  private cut(event: Event): void {
    if (this.wire) this.wire.link.connected = false;
    this.wire = undefined;
    if (event === 'epoch') this.server.back(2);
  }

  private async crash(): Promise<void> {
    this.cut('cut');
    this.alive.yes = false;
    this.crashes += 1;
    this.pendingWrites = [];
    if (this.current !== undefined) bump(this.crashedIn, this.current);
    this.current = undefined;
    this.handler = undefined;
    this.running.clear();
    await this.start();
  }

  private run(entry: Entry): Promise<void> {
    const n = Number(entry.id.slice(3));
    if (this.server.ends.get(n) === 'expired') this.faults.push(`${n} ran though it had expired`);
    for (let m = 1; m < n; m += 1) {
      if (!this.finished.has(m) && !this.server.ends.has(m))
        this.faults.push(`${n} ran before ${m} was over`);
    }
    this.begun.push(n);
    this.running.add(n);
    this.mostAtOnce = Math.max(this.mostAtOnce, this.running.size);
    this.current = n;
    return new Promise((resolve, reject) => {
      const end = (report: () => void) => () => {
        this.handler = undefined;
        this.running.delete(n);
        report();
      };
      const onError = (error: Error) => end(() => reject(error))();
      this.handler = {
        n,
        resolve: end(() => {
          this.finished.add(n);
          resolve();
        }),
        reject: (error) => {
          bump(this.failed, n);
          onError(error);
        },
      };
    });
  }
}

function bump(map: Map<number, number>, n: number): void {
  map.set(n, (map.get(n) ?? 0) + 1);
}

describe('a screen with a window under any sequence of faults', () => {
  const script = fc.array(fc.constantFrom(...EVENTS), { maxLength: 120, size: 'max' });
  for (const policy of ['at-least-once', 'at-most-once'] as const) {
    it(`[CL18] ${policy}: each runs once and in order, but for handlers that threw and crashes while it ran`, async () => {
      await fc.assert(
        fc.asyncProperty(script, fc.constantFrom(1, 2, 5, 32), async (events, window) => {
          const world = new World(policy, window);
          await world.start();
          for (const event of events) await world.step(event);
          await world.converge();
          expect(world.server.acked).toBe(COUNT);
          expect(world.faults).toEqual([]);
          if (world.crashes === 0) expect([...world.server.ends.values()]).not.toContain('interrupted');
          expect(world.mostAtOnce).toBeLessThanOrEqual(1);
          for (let n = 1; n <= COUNT; n += 1) {
            const runs = world.begun.filter((other) => other === n).length;
            const excused = policy === 'at-least-once' ? (world.crashedIn.get(n) ?? 0) : 0;
            assert.ok(runs <= 1 + (world.failed.get(n) ?? 0) + excused, `runs of ${n}`);
            if (world.server.ends.get(n) === 'executed') assert.ok(runs >= 1, `runs of ${n}`);
          }
        }),
        { numRuns: 1_000 },
      );
    });
  }
});
