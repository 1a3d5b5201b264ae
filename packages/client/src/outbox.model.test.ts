import assert from 'node:assert/strict';
import { type Accepted, type Answer, BongsuError, type ErrorCode } from '@bongsu/protocol';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../test/support/fake-clock.js';
import { CommandQueue } from './command-queue.js';
import type { CommandError } from './errors.js';
import { Outbox, type Remains } from './outbox.js';
import { memoryStore, type ScreenStore } from './screen-store.js';

const TARGETS = ['scr_1', 'scr_2'];
const REFUSALS = ['BUSY', 'RATE_LIMIT', 'UNAVAILABLE', 'REQUEST_EXPIRED', 'TOKEN_EXPIRED'] as const;
/** What becomes of the transmission that the server looks at next. */
const FATES = ['accept', 'accept', 'lose-ack', 'never-arrive', ...REFUSALS, 'FORBIDDEN'] as const;
const EVENTS = ['call', 'call', 'call', 'link', 'cut', 'crash', 'long', 'second', 'cancel'] as const;

type Step = { turns?: number } & ({ fate: string } | { event: string; target: number });

function steps(fates: readonly string[]): fc.Arbitrary<Step[]> {
  const turns = fc.nat({ max: 12 });
  const fate = fc.record({ fate: fc.constantFrom(...fates), turns });
  const event = fc.record({ event: fc.constantFrom(...EVENTS), target: fc.nat({ max: 1 }), turns });
  return fc.array(fc.oneof({ weight: 2, arbitrary: fate }, { weight: 3, arbitrary: event }), {
    maxLength: 60,
    size: 'max',
  });
}

interface Sent {
  payload: { id: string; timestamp: number; n: number; target: { screenId: string } };
  answer: (answer: Answer<Accepted>) => void;
}

interface Process {
  outbox: Outbox;
  queue: CommandQueue | undefined;
  dead: boolean;
}

/** Lets promises that wait for nothing else have so many turns: few leave writes under way. */
async function settle(turns = 20): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await Promise.resolve();
}

/** A server that knows ids, a link that may break, and processes that die; only the store outlives them. */
class World {
  readonly clock = new FakeClock();
  /** The number of the call that each id was first accepted with, in order. */
  readonly accepted = new Map<string, number>();
  readonly outcomes = new Map<number, 'accepted' | CommandError>();
  /** Ids that each call was ever sent under. */
  readonly ids = new Map<number, Set<string>>();
  /** What taking a command back left to do, by its id. */
  readonly remains = new Map<string, Remains>();
  calls = 0;
  private readonly targets = new Map<number, string>();
  private readonly values = memoryStore();
  private process: Process | undefined;
  private wire: Sent[] = [];
  private online = false;
  /** As the server holds a limit: what comes behind a refused one is refused with it, and at once, until time goes on. */
  private hold: { at: number; code: string; screenId?: string } | undefined;

  constructor(private readonly persisted: boolean) {
    this.start();
  }

  async step(given: Step): Promise<void> {
    if ('fate' in given) this.serve(given.fate);
    else if (given.event === 'call') this.call(TARGETS[given.target] as string);
    else if (given.event === 'link') this.link();
    else if (given.event === 'cut') this.cut();
    else if (given.event === 'crash' && this.persisted) this.crash();
    else if (given.event === 'cancel') this.cancel();
    else if (given.event === 'long') this.clock.advance(100_000);
    else this.clock.advance(1_000);
    await settle(given.turns);
  }

  /** All that still waits is taken, in the end. */
  async converge(): Promise<void> {
    for (let round = 0; round < 200; round += 1) {
      this.link();
      await settle();
      if (this.wire.length > 0) this.serve('accept');
      else this.clock.advance(1_000);
      await settle();
    }
  }

  /** Of acceptance, by the numbers of the calls. */
  orderOf(screenId?: string): number[] {
    const all = [...this.accepted.values()];
    return all.filter((n) => screenId === undefined || this.targets.get(n) === screenId);
  }

  waiting(): number {
    return this.process?.outbox.stored().length ?? 0;
  }

  private start(): void {
    const mine = { dead: false } as Process;
    const store: ScreenStore = {
      ...this.values,
      set: (key, value) => (mine.dead ? new Promise(() => {}) : this.values.set(key, value)),
    };
    mine.outbox = new Outbox({
      clock: this.clock,
      random: () => 0.5,
      serverNow: () => this.clock.now(),
      correctClock: () => {},
      isOnline: () => this.online && !mine.dead,
      transmit: (_event, payload, answer) => {
        if (mine.dead) return;
        const sent = payload as unknown as Sent['payload'];
        this.ids.set(sent.n, (this.ids.get(sent.n) ?? new Set()).add(sent.id));
        const told: Sent['answer'] = (given) => !mine.dead && answer(given);
        const { hold } = this;
        if (hold && this.isHeld(sent)) void Promise.resolve().then(() => this.judge(sent, told, hold.code));
        else this.wire.push({ payload: sent, answer: told });
      },
      renewToken: async () => true,
      onFirstTransmission: () => {},
      maxQueued: 1_000,
      maxQueuedBytes: 1e6,
      retentionMs: 24 * 3_600_000,
    });
    if (this.persisted) {
      mine.queue = new CommandQueue({
        store,
        clock: this.clock,
        outbox: mine.outbox,
        onFault: (error) => {
          throw error;
        },
        onRestored: ({ waiting }) => {
          for (const { body, accepted } of waiting)
            this.watch((JSON.parse(body) as { n: number }).n, accepted, mine);
        },
      });
    }
    this.process = mine;
  }

  private call(screenId: string): void {
    const n = ++this.calls;
    this.targets.set(n, screenId);
    const draft = { target: { screenId }, n };
    const queueTtlMs = 90_000;
    const mine = this.process as Process;
    this.watch(n, mine.outbox.send('trigger', draft, { queueTtlMs }), mine);
  }

  private watch(n: number, accepted: Promise<Accepted>, teller: Process): void {
    // A dead process tells nobody anything.
    const note = (outcome: 'accepted' | CommandError) => teller.dead || this.outcomes.set(n, outcome);
    accepted.then(() => note('accepted'), note);
  }

  private link(): void {
    if (this.online) return;
    this.online = true;
    this.process?.queue?.onUser('u');
    this.process?.outbox.flush();
  }

  private cut(): void {
    this.online = false;
    this.wire = [];
    this.process?.outbox.lost();
  }

  /** Takes back the latest that has an id. */
  private cancel(): void {
    const mine = this.process as Process;
    const id = mine.outbox.stored().findLast((stored) => stored.id !== undefined)?.id;
    if (id === undefined) return;
    void mine.outbox.takeBack(id).then((remains) => mine.dead || this.remains.set(id, remains));
  }

  private crash(): void {
    if (this.process) this.process.dead = true;
    this.online = false;
    this.wire = [];
    this.start();
  }

  unanswered(): number {
    return this.wire.length;
  }

  private serve(fate: string): void {
    const sent = this.wire.shift();
    if (!sent) return;
    const { payload, answer } = sent;
    if (fate === 'never-arrive') return;
    if (fate.startsWith('hold-')) {
      const code = fate.slice(5);
      const { screenId } = payload.target;
      this.hold = { at: this.clock.now(), code, ...(code === 'RATE_LIMIT' ? {} : { screenId }) };
      const refused = [sent, ...this.wire].filter((other) => this.isHeld(other.payload));
      this.wire = this.wire.filter((other) => !refused.includes(other));
      for (const { answer: tell, payload: one } of refused) this.judge(one, tell, code);
      return;
    }
    this.judge(payload, answer, fate);
  }

  private isHeld({ target }: Sent['payload']): boolean {
    const { hold } = this;
    if (hold?.at !== this.clock.now()) return false;
    return hold.screenId === undefined || hold.screenId === target.screenId;
  }

  private judge(payload: Sent['payload'], answer: Sent['answer'], fate: string): void {
    const known = this.accepted.has(payload.id);
    // What is known is answered from the record, whatever else would be said.
    if (known || fate === 'accept' || fate === 'lose-ack') {
      if (!known) this.accepted.set(payload.id, payload.n);
      const { id } = payload;
      const stream = 's';
      const ack = {
        id,
        status: 'accepted' as const,
        stream,
        seq: 1,
        epoch: 'e',
        acceptedAt: 1,
        duplicate: known,
      };
      if (fate !== 'lose-ack') answer({ success: true, ...ack });
      return;
    }
    const { retryable } = new BongsuError(fate as ErrorCode);
    answer({ success: false, error: { code: fate, message: '', retryable } as never });
  }
}

describe('the outbox under any sequence of drops, refusals, reconnects and restarts', () => {
  for (const persisted of [false, true]) {
    it(`[CL12] accepts each call once, under one id, and never what it called definite (${persisted ? 'persisted' : 'memory'})`, async () => {
      await fc.assert(
        fc.asyncProperty(steps(FATES), async (script) => {
          const world = new World(persisted);
          await settle();
          for (const given of script) await world.step(given);
          await world.converge();
          expect(world.waiting()).toBe(0);
          const acceptedCalls = [...world.accepted.values()];
          expect(new Set(acceptedCalls).size).toBe(acceptedCalls.length);
          for (const [n, ids] of world.ids) expect(ids.size, `call ${n}`).toBe(1);
          for (const [n, outcome] of world.outcomes) {
            if (outcome === 'accepted') expect(acceptedCalls).toContain(n);
            else if (outcome.definite) expect(acceptedCalls).not.toContain(n);
          }
          for (const [id, remains] of world.remains) {
            if (remains === 'unsent') expect([...world.accepted.keys()]).not.toContain(id);
            if (remains === 'accepted') expect([...world.accepted.keys()]).toContain(id);
          }
          // With a store a call may die before it was written, but not once it was sent.
          for (const n of world.ids.keys()) assert.ok(acceptedCalls.includes(n) || world.outcomes.has(n));
          if (!persisted) expect(world.outcomes.size).toBe(world.calls);
        }),
        { numRuns: 1_000 },
      );
    });
  }

  it('[CL15] without refusals the order of call is the order of acceptance, over cuts, crashes and lost acks', async () => {
    await fc.assert(
      fc.asyncProperty(steps(['accept', 'lose-ack']), async (script) => {
        const world = new World(true);
        await settle();
        for (const given of script) await world.step(given);
        await world.converge();
        const order = [...world.accepted.values()];
        expect(order).toEqual([...order].sort((a, b) => a - b));
      }),
      { numRuns: 1_000 },
    );
  });

  for (const [limit, scope] of [
    ['RATE_LIMIT', 'all commands'],
    ['BUSY', 'those for one target'],
  ] as const) {
    it(`[CL15] the order of ${scope} holds over ${limit}, cuts, crashes and lost acks`, async () => {
      const fates = ['accept', 'accept', 'lose-ack', `hold-${limit}`];
      await fc.assert(
        fc.asyncProperty(steps(fates), async (script) => {
          const world = new World(true);
          await settle();
          for (const given of script) await world.step(given);
          await world.converge();
          const orders = limit === 'BUSY' ? TARGETS.map((name) => world.orderOf(name)) : [world.orderOf()];
          for (const order of orders)
            assert.deepEqual(
              order,
              [...order].sort((a, b) => a - b),
            );
        }),
        { numRuns: 1_000 },
      );
    });
  }

  it('[CL15] few are under way at once, and fewer after a RATE_LIMIT, which lets nothing out before all are answered', async () => {
    const world = new World(false);
    await world.step({ event: 'link', target: 0 });
    for (let n = 0; n < 100; n += 1) await world.step({ event: 'call', target: n % 2 });
    expect(world.unanswered()).toBe(16);
    await world.step({ fate: 'RATE_LIMIT' });
    await world.step({ event: 'second', target: 0 });
    expect(world.unanswered()).toBe(15);
    for (let n = 0; n < 14; n += 1) await world.step({ fate: 'RATE_LIMIT' });
    await world.step({ event: 'second', target: 0 });
    expect(world.unanswered()).toBe(1);
    await world.step({ fate: 'RATE_LIMIT' });
    expect(world.unanswered()).toBe(0);
    await world.step({ event: 'second', target: 0 });
    expect(world.unanswered()).toBe(4);
    await world.converge();
    expect(world.orderOf()).toEqual(Array.from({ length: 100 }, (_, at) => at + 1));
  });

  it('[CL15] once one was refused for now, those of its target that were not under way stay behind it', async () => {
    const world = new World(false);
    await world.step({ event: 'link', target: 0 });
    await world.step({ event: 'call', target: 0 });
    await world.step({ fate: 'UNAVAILABLE' });
    for (let n = 0; n < 3; n += 1) await world.step({ event: 'call', target: 0 });
    await world.converge();
    expect([...world.accepted.values()]).toEqual([1, 2, 3, 4]);
    expect(world.outcomes.get(1)).toBe('accepted');
  });
});
