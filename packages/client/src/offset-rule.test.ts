import type { TriggerEntry } from '@bongsu/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  newRecord,
  onEntry,
  onFailed,
  onFinished,
  onReady,
  type Policy,
  type StreamRecord,
} from './offset-rule.js';

function entry(seq: number, extra: Partial<TriggerEntry> = {}): TriggerEntry {
  return {
    type: 'trigger',
    action: 'go',
    id: `id-${seq}`,
    stream: 'screen:s',
    seq,
    prev: 0,
    epoch: 'e0',
    attempt: 1,
    acceptedAt: 0,
    from: { userId: 'u', username: 'U' },
    ...extra,
  };
}

function record(extra: Partial<StreamRecord> = {}): StreamRecord {
  return { ...newRecord('e0'), ...extra };
}

describe('the offset rule', () => {
  it('[CL1] answers what is at or before `done` without running it', () => {
    expect(onEntry(record({ done: 5 }), entry(5), 'at-least-once')).toEqual({ action: 'answer' });
  });

  it('[CL1] drops an entry whose predecessor in flight is not done', () => {
    expect(onEntry(record({ done: 5 }), entry(8, { prev: 7 }), 'at-least-once').action).toBe('drop');
    expect(onEntry(record({ done: 7 }), entry(8, { prev: 7 }), 'at-least-once').action).toBe('run');
  });

  it('[CL2] after a crash runs the begun entry again at-least-once, refuses it at-most-once', () => {
    const begun = onEntry(record(), entry(1), 'at-most-once');
    if (begun.action !== 'run') throw new Error(begun.action);
    expect(onEntry(begun.record, entry(1), 'at-least-once').action).toBe('run');
    expect(onEntry(begun.record, entry(1), 'at-most-once').action).toBe('refuse');
    // In another epoch its number may differ; its sender and id do not.
    const moved = onReady(begun.record, 'e1', { lastSeq: 9, acked: 3, recovered: false });
    expect(onEntry(moved, entry(4, { epoch: 'e1', id: 'id-1' }), 'at-most-once').action).toBe('refuse');
    expect(onEntry(onFailed(begun.record), entry(1), 'at-most-once').action).toBe('run');
  });

  it('[CL3] after recovered:false takes the server’s place and knows repeats by sender and id', () => {
    const done = onFinished(record(), entry(1));
    const moved = onReady(done, 'e1', { lastSeq: 4, acked: 2, recovered: false });
    expect(moved.done).toBe(2);
    const repeat = entry(3, { epoch: 'e1', id: 'id-1' });
    expect(onEntry(moved, repeat, 'at-least-once')).toMatchObject({ action: 'answer', record: { done: 3 } });
    const stranger = { ...repeat, from: { userId: 'v', username: 'V' } };
    expect(onEntry(moved, stranger, 'at-least-once').action).toBe('run');
  });

  it('[CL3] treats an entry of another epoch as that epoch’s first', () => {
    const decision = onEntry(record({ done: 9 }), entry(3, { epoch: 'e1' }), 'at-least-once');
    expect(decision).toMatchObject({ action: 'run', record: { epoch: 'e1', done: 0 } });
  });

  it('[CL4] answers a requeued entry whose chain was executed here', () => {
    const second = entry(2, { id: 'id-b', requeueOf: 'id-1' });
    expect(onEntry(onFinished(record(), entry(1)), second, 'at-least-once').action).toBe('answer');
    // The third of the chain names the first, which this screen knows only through the second.
    const afterSecond = onFinished(record({ done: 1 }), second);
    expect(onEntry(afterSecond, entry(3, { id: 'id-c', requeueOf: 'id-1' }), 'at-least-once').action).toBe(
      'answer',
    );
  });

  it('[CL1] lets a sender use an id again in the same epoch: the server decides what is a repeat', () => {
    const done = onFinished(record(), entry(1));
    expect(onEntry(done, entry(2, { id: 'id-1' }), 'at-least-once').action).toBe('run');
  });

  it('[CL3] keeps the last 1,000 keys', () => {
    let place = record();
    for (let seq = 1; seq <= 1200; seq += 1) place = onFinished(place, entry(seq));
    expect(place.executed).toHaveLength(1000);
    expect(onReady(place, 'e1', undefined).earlier).toHaveLength(1000);
  });
});

const FATES = [
  'ok',
  'crash-before',
  'crash-begun',
  'crash-ran',
  'crash-done',
  'lost-ack',
  'throws',
  'epoch',
] as const;
type Fate = (typeof FATES)[number];

/** A server with one inbox and window 1, and a screen whose memory is only what it stored. */
class World {
  readonly runs = new Map<string, number>();
  readonly mayRepeat = new Map<string, number>();
  readonly ended = new Map<string, string>();
  readonly order: number[] = [];
  private place: StreamRecord | undefined;
  private epoch = 0;
  private acked = 0;

  constructor(
    private readonly policy: Policy,
    private readonly count: number,
  ) {}

  get settled(): boolean {
    return this.acked >= this.count;
  }

  step(fate: Fate, setBack: number): void {
    if (fate === 'epoch') {
      this.epoch += 1;
      this.acked = Math.max(0, this.acked - setBack);
    }
    this.connect();
    if (this.settled) return;
    const n = this.acked + 1;
    // Numbers begin anew in each epoch; the id stays.
    const sent = entry(n + this.shift(), { id: `id-${n}`, epoch: `e${this.epoch}` });
    const place = this.place ?? newRecord(sent.epoch);
    if (fate === 'crash-before') return;
    const decision = onEntry(place, sent, this.policy);
    if (decision.action === 'drop') throw new Error('nothing may be dropped with one in flight');
    if (decision.action === 'refuse') this.settle(n, 'interrupted');
    else if (decision.action === 'answer') {
      this.place = decision.record ?? place;
      if (fate !== 'lost-ack') this.settle(n, 'executed');
    } else this.run(decision.record, sent, n, fate);
  }

  private run(begun: StreamRecord, sent: TriggerEntry, n: number, fate: Fate): void {
    this.place = begun;
    if (fate === 'crash-begun') return;
    if (fate === 'throws') {
      this.place = onFailed(begun);
      return;
    }
    this.runs.set(sent.id, (this.runs.get(sent.id) ?? 0) + 1);
    this.order.push(n);
    if (fate === 'crash-ran') {
      this.mayRepeat.set(sent.id, (this.mayRepeat.get(sent.id) ?? 0) + 1);
      return;
    }
    this.place = onFinished(begun, sent);
    if (fate !== 'crash-done' && fate !== 'lost-ack') this.settle(n, 'executed');
  }

  private shift(): number {
    return this.epoch * 10;
  }

  private connect(): void {
    const epoch = `e${this.epoch}`;
    if (!this.place) return;
    const recovered = this.place.epoch === epoch;
    if (recovered) {
      for (let n = this.acked + 1; n + this.shift() <= this.place.done; n += 1) this.settle(n, 'executed');
    }
    const acked = this.acked === 0 ? 0 : this.acked + this.shift();
    this.place = onReady(this.place, epoch, { lastSeq: this.count + this.shift(), acked, recovered });
  }

  private settle(n: number, how: string): void {
    this.acked = n;
    this.ended.set(`id-${n}`, how);
  }
}

describe('the offset rule under any sequence of crashes', () => {
  const script = fc.array(fc.tuple(fc.constantFrom(...FATES), fc.nat({ max: 3 })), {
    maxLength: 60,
    size: 'max',
  });

  for (const policy of ['at-least-once', 'at-most-once'] as const) {
    it(`[CL2] ${policy}: each runs once, but for crashes between begin and end`, () => {
      fc.assert(
        fc.property(script, (steps) => {
          const world = new World(policy, 8);
          for (const [fate, setBack] of steps) world.step(fate, setBack);
          for (let rest = 0; rest < 20 && !world.settled; rest += 1) world.step('ok', 0);
          expect(world.settled).toBe(true);
          for (let n = 1; n <= 8; n += 1) {
            const runs = world.runs.get(`id-${n}`) ?? 0;
            const allowed = policy === 'at-most-once' ? 1 : 1 + (world.mayRepeat.get(`id-${n}`) ?? 0);
            expect(runs).toBeLessThanOrEqual(allowed);
            if (world.ended.get(`id-${n}`) === 'executed') expect(runs).toBeGreaterThanOrEqual(1);
          }
          const firsts = world.order.filter((n, at) => world.order.indexOf(n) === at);
          expect(firsts).toEqual([...firsts].sort((a, b) => a - b));
        }),
        { numRuns: 1000 },
      );
    });
  }
});
