import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { InboxEntry } from './hints.js';
import { Inbox, type InboxEffects } from './inbox.js';

function entry(seq: number, fields: Partial<InboxEntry> = {}): InboxEntry {
  return {
    stream: 'screen:scr_a',
    seq,
    id: `id-${seq}`,
    type: 'trigger',
    fields: {},
    bytes: 10,
    acceptedAt: 0,
    expiresAt: Number.MAX_SAFE_INTEGER,
    sender: { userId: 'u', username: 'Ada' },
    notify: 'all',
    settled: false,
    failed: 0,
    lost: 0,
    ...fields,
  };
}

function recorded(now = 0) {
  const actions: string[] = [];
  const effects: InboxEffects = {
    now: () => now,
    read: (after) => actions.push(`read>${after}`),
    emit: ({ seq }) => actions.push(`emit ${seq}`),
    settle: (acked, entries, status, barrier) =>
      actions.push(`${status}[${entries.map(({ seq }) => seq)}]=${acked}${barrier ? '!' : ''}`),
    fail: ({ seq }, error) => actions.push(`fail ${seq} ${error}`),
  };
  const inbox = new Inbox(effects);
  const taken = () => actions.splice(0);
  return { inbox, taken };
}

describe('the inbox of a connected screen', () => {
  it('[DL15] [DL16] reads what waits, sends one at a time and moves on by receipts', () => {
    const { inbox, taken } = recorded();
    inbox.start(3, 5, 0);
    expect(taken()).toEqual(['read>3']);
    inbox.page([entry(4), entry(5)]);
    expect(taken()).toEqual([]);
    inbox.open();
    expect(taken()).toEqual(['emit 4']);
    expect(inbox.receipt(5, { status: 'executed' })).toBe(false);
    expect(inbox.receipt(4, { status: 'executed' })).toBe(true);
    expect(taken()).toEqual(['executed[4]=4', 'emit 5']);
    expect(inbox.receipt(4, { status: 'executed' })).toBe(false);
  });

  it('[DL36] a hint across a gap is read, not sent', () => {
    const { inbox, taken } = recorded();
    inbox.hint(entry(1));
    inbox.start(0, 0, 0);
    expect(taken()).toEqual(['read>0']);
    inbox.open();
    inbox.hint(entry(3));
    inbox.page([entry(1), entry(2)]);
    expect(taken()).toEqual(['emit 1', 'read>2']);
    inbox.hint(entry(2));
    inbox.page([entry(3)]);
    inbox.hint(entry(4));
    for (let seq = 1; seq < 5; seq += 1) inbox.receipt(seq, { status: 'executed' });
    expect(taken().filter((action) => action.startsWith('emit'))).toEqual(['emit 2', 'emit 3', 'emit 4']);
  });

  it('[DL36] a page that was read too early does not hide what was told meanwhile', () => {
    const { inbox, taken } = recorded();
    inbox.start(0, 0, 0);
    inbox.open();
    inbox.hint(entry(2));
    inbox.hint(entry(3));
    inbox.page([]);
    expect(taken()).toEqual(['read>0', 'read>0']);
    inbox.page([]);
    expect(taken()).toEqual([]);
  });

  it('[DL19] stands at a failed entry', () => {
    const { inbox, taken } = recorded();
    inbox.start(0, 0, 0);
    inbox.open();
    inbox.hint(entry(1));
    inbox.receipt(1, { status: 'failed', error: 'no' });
    inbox.hint(entry(2));
    expect(taken()).toEqual(['emit 1', 'fail 1 no']);
    expect(inbox.decided).toBe(0);
  });

  it('[DL30] waits for the COMMIT of what expired', () => {
    const { inbox, taken } = recorded(100);
    inbox.start(0, 3, 0);
    inbox.open();
    inbox.page([entry(1, { expiresAt: 100 }), entry(2, { expiresAt: 99 }), entry(3, { expiresAt: 101 })]);
    expect(taken()).toEqual(['read>0', 'expired[1,2]=2!']);
    inbox.committed();
    expect(taken()).toEqual(['emit 3']);
  });

  it('[DL29] what a resume offset covers is executed without being sent, and what was terminal is passed over', () => {
    const { inbox, taken } = recorded();
    inbox.start(0, 4, 2);
    inbox.page([entry(1), entry(2), entry(3, { settled: true }), entry(4)]);
    inbox.open();
    expect(taken()).toEqual(['read>0', 'executed[1,2]=2', 'executed[]=3', 'emit 4']);
  });

  it('[DL17] tells what was in flight when it closes, and does nothing more', () => {
    const { inbox, taken } = recorded();
    inbox.start(0, 0, 0);
    inbox.open();
    inbox.hint(entry(1));
    expect(inbox.close()?.seq).toBe(1);
    taken();
    inbox.hint(entry(2));
    inbox.page([entry(2)]);
    inbox.committed();
    inbox.headIs(9);
    expect(inbox.receipt(1, { status: 'executed' })).toBe(false);
    expect(taken()).toEqual([]);
  });

  it('[DL41] bounds what it keeps for a screen that does not answer', () => {
    const { inbox } = recorded();
    inbox.start(0, 0, 0);
    inbox.open();
    for (let seq = 1; seq <= 1000; seq += 1) inbox.hint(entry(seq));
    expect(inbox.buffered).toBeLessThanOrEqual(64);
    const heavy = recorded().inbox;
    heavy.start(0, 0, 0);
    heavy.open();
    for (let seq = 1; seq <= 1000; seq += 1) heavy.hint(entry(seq, { bytes: 16_384 }));
    expect(heavy.buffered).toBeLessThanOrEqual(17);
  });

  it('[DL15] [DL16] whatever comes in whatever order: each entry ends once, in order, one in flight', () => {
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.constant('accept' as const) },
      { weight: 2, arbitrary: fc.constant('accept-untold' as const) },
      { weight: 3, arbitrary: fc.constant('page' as const) },
      { weight: 1, arbitrary: fc.constant('read-fails' as const) },
      { weight: 3, arbitrary: fc.constant('receipt' as const) },
      { weight: 2, arbitrary: fc.constant('commit' as const) },
      { weight: 1, arbitrary: fc.constant('heads' as const) },
      { weight: 1, arbitrary: fc.constant('tick' as const) },
    );
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 200 }),
        fc.nat(5),
        fc.nat(5),
        fc.nat(3),
        (steps, before, more, pages) => {
          const model = new Model(before, before + more);
          const act = (name: (typeof steps)[number]) => model.act(name, 1 + pages);
          for (const name of steps) act(name);
          // In the end everything is answered: nothing may be left.
          for (let i = 0; i < 4 * model.log.length + 20; i += 1) {
            for (const name of ['heads', 'page', 'commit', 'receipt'] as const) act(name);
          }
          expect(model.ended).toEqual(model.log.slice(before).map(({ seq }) => seq));
        },
      ),
      { numRuns: 300 },
    );
  });
});

/** A ledger and a screen in memory, which check as they go. */
class Model {
  readonly log: InboxEntry[] = [];
  readonly ended: number[] = [];
  readonly #inbox: Inbox;
  #now = 0;
  #reading: number | undefined;
  #inFlight: number | undefined;
  #uncommitted = false;

  constructor(acked: number, head: number) {
    for (let i = 0; i < head; i += 1) this.#append();
    this.#inbox = new Inbox({
      now: () => this.#now,
      read: (after) => {
        expect(this.#reading).toBeUndefined();
        this.#reading = after;
      },
      emit: ({ seq, expiresAt }) => {
        expect(this.#inFlight).toBeUndefined();
        expect(this.#uncommitted).toBe(false);
        expect(expiresAt).toBeGreaterThan(this.#now);
        this.#inFlight = seq;
      },
      settle: (through, entries, _status, barrier) => {
        for (const { seq } of entries) this.ended.push(seq);
        expect(through).toBe(acked + this.ended.length);
        this.#uncommitted = barrier;
      },
      fail: () => expect.unreachable(),
    });
    this.#inbox.start(acked, head, 0);
    this.#inbox.open();
  }

  act(name: string, pageSize: number): void {
    if (name === 'accept') this.#inbox.hint(this.#append());
    if (name === 'accept-untold') this.#append();
    if (name === 'page' && this.#reading !== undefined) {
      const after = this.#reading;
      this.#reading = undefined;
      this.#inbox.page(this.log.slice(after, after + pageSize));
    }
    if (name === 'read-fails' && this.#reading !== undefined) {
      this.#reading = undefined;
      this.#inbox.readFailed();
    }
    if (name === 'receipt' && this.#inFlight !== undefined) {
      const seq = this.#inFlight;
      this.#inFlight = undefined;
      this.#inbox.receipt(seq, { status: 'executed' });
    }
    if (name === 'commit' && this.#uncommitted) {
      this.#uncommitted = false;
      this.#inbox.committed();
    }
    if (name === 'heads') this.#inbox.headIs(this.log.length);
    if (name === 'tick') this.#now += 1;
    expect(this.#inbox.buffered).toBeLessThanOrEqual(64);
  }

  #append(): InboxEntry {
    const seq = this.log.length + 1;
    const added = entry(seq, { expiresAt: seq % 3 === 0 ? this.#now + 1 : Number.MAX_SAFE_INTEGER });
    this.log.push(added);
    return added;
  }
}
