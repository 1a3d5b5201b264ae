import { describe, expect, it } from 'vitest';
import { entry, navigateEntry } from '../../test/support/entries.js';
import { Inbox, type InboxEffects } from './inbox.js';
import type { Receipt } from './receipts.js';

const EXECUTED: Receipt = { status: 'executed' };
const FAILED: Receipt = { status: 'failed', error: 'no', retryable: true, isGarbage: false };
const REJECTED: Receipt = { ...FAILED, retryable: false };

function recorded({ window = 1, maxRetries = 3, now = 0 } = {}) {
  const actions: string[] = [];
  const state = { now, mayDecide: true };
  const effects: InboxEffects = {
    now: () => state.now,
    mayDecide: () => state.mayDecide,
    read: (after, limit) => actions.push(`read>${after} ${limit}`),
    emit: ({ seq }, prev) => actions.push(`emit ${seq}${prev > 0 ? `/${prev}` : ''}`),
    forget: ({ seq }) => actions.push(`forget ${seq}`),
    settle: (acked, entries, ending, barrier) => {
      const name = ending.status === 'dead' ? ending.reason : ending.status;
      actions.push(`${name}[${entries.map(({ seq }) => seq)}]=${acked}${barrier ? '!' : ''}`);
    },
    retry: ({ seq, failed, nextAt, lastError }) =>
      actions.push(`retry ${seq} #${failed} @${nextAt} ${lastError}`),
    wakeAt: (time) => actions.push(`wake ${time}`),
    watch: (oldest) => actions.push(`watch ${oldest?.seq ?? '-'}`),
  };
  const inbox = new Inbox(effects, { window, maxRetries, dueAt: (failed) => state.now + failed * 1000 });
  const taken = (...without: string[]) =>
    actions.splice(0).filter((action) => !without.some((word) => action.startsWith(word)));
  /** Everything but what the silence clock is told, which has tests of its own. */
  const done = () => taken('watch');
  const opened = (acked = 0, head = 0, resumed = 0) => {
    inbox.start(acked, head, resumed);
    inbox.open();
    taken();
    return inbox;
  };
  return { inbox, state, taken, done, opened };
}

describe('the inbox of a connected screen', () => {
  it('[DL15] [DL16] reads what waits, sends one at a time and moves on by receipts', () => {
    const { inbox, done } = recorded();
    inbox.start(3, 5, 0);
    inbox.start(0, 9, 0);
    expect(done()).toEqual(['read>3 64']);
    inbox.page([entry(4), entry(5)]);
    inbox.open();
    inbox.open();
    expect(done()).toEqual(['emit 4']);
    expect(inbox.receipt(5, EXECUTED)).toBe(false);
    expect(inbox.receipt(4, EXECUTED)).toBe(true);
    expect(done()).toEqual(['executed[4]=4', 'emit 5']);
    expect(inbox.receipt(4, EXECUTED)).toBe(false);
  });

  it('[DL36] a hint across a gap is read, not sent', () => {
    const { inbox, done } = recorded();
    inbox.hint(entry(1));
    inbox.start(0, 0, 0);
    expect(done()).toEqual(['read>0 64']);
    inbox.open();
    inbox.hint(entry(3));
    inbox.page([entry(1), entry(2)]);
    expect(done()).toEqual(['emit 1', 'read>2 62']);
    inbox.hint(entry(2));
    inbox.page([entry(3)]);
    inbox.hint(entry(4));
    for (let seq = 1; seq < 5; seq += 1) inbox.receipt(seq, EXECUTED);
    expect(done().filter((action) => action.startsWith('emit'))).toEqual(['emit 2', 'emit 3', 'emit 4']);
  });

  it('[DL36] a page that was read too early does not hide what was told meanwhile', () => {
    const { inbox, done } = recorded();
    inbox.start(0, 0, 0);
    inbox.open();
    inbox.hint(entry(2));
    inbox.hint(entry(3));
    inbox.page([]);
    expect(done()).toEqual(['read>0 64', 'read>0 64']);
    inbox.page([]);
    expect(done()).toEqual([]);
    inbox.readFailed();
    inbox.headIs(4);
    expect(done()).toEqual(['read>0 64']);
  });

  it('[DL43] fills the window, each entry naming the one before it that is in flight', () => {
    const { opened, done } = recorded({ window: 3 });
    const inbox = opened();
    for (let seq = 1; seq <= 4; seq += 1) inbox.hint(entry(seq));
    expect(done()).toEqual(['emit 1', 'emit 2/1', 'emit 3/2']);
    inbox.receipt(1, EXECUTED);
    expect(done()).toEqual(['executed[1]=1', 'emit 4/3']);
    inbox.receipt(3, EXECUTED);
    inbox.hint(entry(5));
    expect(done()).toEqual(['executed[3]=1', 'emit 5/4']);
    inbox.receipt(2, EXECUTED);
    expect(done()).toEqual(['executed[2]=3']);
    expect(inbox.acked).toBe(3);
  });

  it('[DL44] after a failure all later ones leave flight and follow its next send', () => {
    const { opened, done, state } = recorded({ window: 4 });
    const inbox = opened();
    for (let seq = 1; seq <= 4; seq += 1) inbox.hint(entry(seq));
    inbox.receipt(3, EXECUTED);
    done();
    inbox.receipt(2, FAILED);
    expect(done()).toEqual(['forget 4', 'retry 2 #1 @1000 no', 'wake 1000']);
    expect(inbox.receipt(4, EXECUTED)).toBe(false);
    inbox.receipt(1, EXECUTED);
    expect(done()).toEqual(['executed[1]=1']);
    inbox.counted(2);
    expect(done()).toEqual([]);
    state.now = 1000;
    inbox.due();
    expect(done()).toEqual(['emit 2', 'emit 4/2']);
    inbox.receipt(2, EXECUTED);
    expect(done()).toEqual(['executed[2]=3']);
  });

  it('[DL45] what failed is not sent again before that is written, however long it takes', () => {
    const { opened, done, state } = recorded();
    const inbox = opened();
    inbox.hint(entry(1));
    inbox.receipt(1, FAILED);
    done();
    state.now = 5000;
    inbox.due();
    inbox.hint(entry(2));
    expect(done()).toEqual([]);
    inbox.counted(1);
    expect(done()).toEqual(['emit 1']);
  });

  it('[ND45] at rest sends nothing more, and says when what is in flight is answered', async () => {
    const { opened, done } = recorded({ window: 2 });
    const inbox = opened(0, 3);
    inbox.page([entry(1), entry(2), entry(3)]);
    let isResting = false;
    const rest = inbox.rest().then(() => {
      isResting = true;
    });
    inbox.receipt(1, EXECUTED);
    await Promise.resolve();
    expect(isResting).toBe(false);
    inbox.receipt(2, EXECUTED);
    await rest;
    expect(done().filter((action) => action.startsWith('emit'))).toEqual(['emit 1', 'emit 2/1']);
  });

  it('[ND45] an inbox that is closed is at rest, and so is one that was sent nothing', async () => {
    const { opened } = recorded();
    const inbox = opened(0, 1);
    await inbox.rest();
    inbox.page([entry(1)]);
    inbox.close(false);
    await inbox.rest();
  });

  it('[DL45] [STB1] four sends in all by default, then dead, and only after its COMMIT the next', () => {
    const { opened, done, state } = recorded();
    const inbox = opened();
    inbox.hint(entry(1));
    inbox.hint(entry(2));
    for (let n = 1; n <= 3; n += 1) {
      inbox.receipt(1, FAILED);
      inbox.counted(1);
      state.now += n * 1000;
      inbox.due();
    }
    expect(done().filter((action) => action === 'emit 1')).toHaveLength(4);
    inbox.receipt(1, FAILED);
    expect(done()).toEqual(['exhausted[1]=1!']);
    inbox.committed();
    expect(done()).toEqual(['emit 2']);
  });

  it("[DL45] a command's own number of retries counts, none included", () => {
    const { opened, done } = recorded();
    const inbox = opened();
    inbox.hint(entry(1, { retries: 0 }));
    inbox.receipt(1, FAILED);
    expect(done()).toEqual(['emit 1', 'exhausted[1]=1!']);
  });

  it('[DL46] what cannot be retried is dead at once', () => {
    const { opened, done } = recorded({ window: 2 });
    const inbox = opened();
    inbox.hint(entry(1));
    inbox.hint(entry(2));
    done();
    inbox.receipt(1, REJECTED);
    expect(done()).toEqual(['forget 2', 'rejected[1]=1!']);
    inbox.committed();
    expect(done()).toEqual(['emit 2']);
  });

  it('[DL45] what is not due yet when its screen connects is sent when it is', () => {
    const { inbox, done, state } = recorded();
    inbox.start(0, 2, 0);
    inbox.page([entry(1, { failed: 1, nextAt: 500 }), entry(2)]);
    inbox.open();
    inbox.hint(entry(3));
    expect(done()).toEqual(['read>0 64', 'wake 500']);
    state.now = 500;
    inbox.due();
    expect(done()).toEqual(['emit 1']);
  });

  it('[DL30] waits for the COMMIT of what expired, also of what waited for a retry', () => {
    const { opened, done, state } = recorded({ now: 100 });
    const inbox = opened(0, 4);
    inbox.page([
      entry(1, { expiresAt: 100 }),
      entry(2, { expiresAt: 99 }),
      entry(3, { expiresAt: 300, failed: 1, nextAt: 500 }),
      entry(4),
    ]);
    expect(done()).toEqual(['expired[1,2]=2!']);
    inbox.hint(entry(5));
    expect(done()).toEqual([]);
    inbox.committed();
    expect(done()).toEqual(['wake 300']);
    state.now = 300;
    inbox.due();
    expect(done()).toEqual(['expired[3]=3!']);
    inbox.committed();
    expect(done()).toEqual(['emit 4']);
  });

  it('[DL29] what a resume offset covers is executed without being sent, and what was terminal is passed over', () => {
    const { inbox, done } = recorded();
    inbox.start(0, 5, 2);
    expect(inbox.cancel(entry(2))).toBe('ended');
    inbox.page([
      entry(1),
      entry(2),
      entry(3, { settled: true }),
      entry(4, { settled: true }),
      entry(5, { settled: true, type: 'navigate' }),
    ]);
    inbox.open();
    expect(done()).toEqual(['read>0 64', 'executed[1,2]=2', 'executed[]=5']);
    expect(inbox.cancel(entry(2))).toBe('ended');
  });

  it('[DL47] of navigates to one display only the last is sent, if no trigger is between', () => {
    const { opened, done } = recorded();
    const inbox = opened(0, 6);
    inbox.page([
      navigateEntry(1),
      navigateEntry(2, 0),
      navigateEntry(3, 1),
      navigateEntry(4),
      entry(5),
      navigateEntry(6),
    ]);
    expect(done()).toEqual(['superseded[1,2]=2!']);
    inbox.committed();
    expect(done()).toEqual(['emit 3']);
    inbox.receipt(3, EXECUTED);
    expect(done()).toEqual(['executed[3]=3', 'emit 4']);
  });

  it('[DL47] an expired navigate supersedes nothing', () => {
    const { opened, done } = recorded({ now: 10 });
    const inbox = opened(0, 2);
    inbox.page([navigateEntry(1), { ...navigateEntry(2), expiresAt: 10 }]);
    expect(done()).toEqual(['emit 1']);
  });

  it('[DL47] a navigate that waits for its retry is superseded by one that comes meanwhile', () => {
    const { opened, done } = recorded({ window: 2 });
    const inbox = opened();
    inbox.hint(navigateEntry(1));
    inbox.receipt(1, FAILED);
    done();
    inbox.hint(navigateEntry(2));
    expect(done()).toEqual(['superseded[1]=1!']);
    inbox.committed();
    expect(done()).toEqual(['emit 2']);
  });

  it('[DL47] reads on before it sends a navigate that what follows may supersede', () => {
    const { opened, done } = recorded();
    const inbox = opened(0, 3);
    inbox.page([navigateEntry(1), navigateEntry(2, 1)]);
    expect(done()).toEqual(['read>2 62']);
    inbox.page([navigateEntry(3)]);
    expect(done()).toEqual(['superseded[1]=1!']);
    const none = recorded();
    const other = none.opened(0, 2);
    other.page([navigateEntry(1)]);
    other.page([]);
    expect(none.done()).toEqual(['read>1 63', 'emit 1']);
  });

  it('[DL47] does not wait for what finds no room', () => {
    const { opened, done } = recorded();
    const inbox = opened(0, 2);
    inbox.page([navigateEntry(1, 0, 200_000), navigateEntry(2, 0, 200_000)]);
    expect(done()).toEqual(['emit 1']);
    const full = recorded();
    const other = full.opened(0, 65);
    other.page(Array.from({ length: 64 }, (_, n) => navigateEntry(n + 1, n)));
    expect(full.done()).toEqual(['emit 1']);
  });

  it('[DL48] the silence clock is told of the oldest, at each send and when one becomes the oldest', () => {
    const { opened, taken, state } = recorded({ window: 2 });
    const inbox = opened();
    inbox.hint(entry(1));
    inbox.hint(entry(2));
    expect(taken()).toEqual(['emit 1', 'watch 1', 'emit 2/1']);
    inbox.receipt(1, FAILED);
    expect(taken('forget', 'retry', 'wake')).toEqual(['watch -']);
    inbox.counted(1);
    state.now = 1000;
    inbox.due();
    expect(taken()).toEqual(['emit 1', 'emit 2/1', 'watch 1']);
    inbox.receipt(1, EXECUTED);
    expect(taken()).toEqual(['executed[1]=1', 'watch 2']);
    inbox.receipt(2, EXECUTED);
    expect(taken()).toEqual(['executed[2]=2', 'watch -']);
  });

  it('[DL48] silence ends the oldest only, once, and lets the later ones follow', () => {
    const { opened, done } = recorded({ window: 2 });
    const inbox = opened();
    inbox.hint(entry(1));
    inbox.hint(entry(2));
    done();
    inbox.silent(2);
    inbox.silent(7);
    expect(done()).toEqual([]);
    inbox.silent(1);
    inbox.silent(1);
    expect(done()).toEqual(['forget 2', 'no-receipt[1]=1!']);
    inbox.committed();
    expect(done()).toEqual(['emit 2']);
  });

  it('[DL17] [DL49] tells what was the oldest in flight when it closes, counted, and does nothing more', () => {
    const { opened, done } = recorded({ window: 2 });
    const inbox = opened();
    inbox.hint(entry(1));
    inbox.hint(entry(2));
    done();
    expect(inbox.close(true)).toMatchObject({ entry: { seq: 1, lost: 1 }, isDead: false, acked: 0 });
    expect(inbox.close(true)).toBeUndefined();
    inbox.hint(entry(3));
    inbox.page([entry(3)]);
    inbox.committed();
    inbox.headIs(9);
    inbox.open();
    inbox.silent(1);
    expect(inbox.receipt(1, EXECUTED)).toBe(false);
    expect(inbox.cancel(entry(1))).toBe('closed');
    expect(done()).toEqual([]);
    const idle = recorded().opened();
    expect(idle.close(true)).toBeUndefined();
  });

  it('[DL49] ends what was the oldest for the tenth time with its connection, or at its turn', () => {
    const { opened } = recorded({ window: 2 });
    const inbox = opened();
    inbox.hint(entry(1, { lost: 9 }));
    inbox.hint(entry(2));
    inbox.receipt(2, EXECUTED);
    expect(inbox.close(true)).toMatchObject({ entry: { seq: 1, lost: 10 }, isDead: true, acked: 2 });
    const not = recorded();
    const other = not.opened();
    other.hint(entry(1, { lost: 9 }));
    expect(other.close(false)).toBeUndefined();
    const late = recorded();
    late.opened(0, 2).page([entry(1, { lost: 10 }), entry(2)]);
    expect(late.done()).toEqual(['lost[1]=1!']);
  });

  it('[DL50] cancels what waits, read or not, and nothing that is in flight or over', () => {
    const { opened, done } = recorded();
    const inbox = opened(0, 0);
    expect(recorded().inbox.cancel(entry(1))).toBe('closed');
    for (let seq = 1; seq <= 3; seq += 1) inbox.hint(entry(seq));
    done();
    expect(inbox.cancel(entry(1))).toBe('in-flight');
    expect(inbox.cancel(entry(2))).toBe('cancelled');
    expect(inbox.cancel(entry(2))).toBe('ended');
    expect(inbox.cancel(entry(5))).toBe('cancelled');
    expect(inbox.cancel(entry(5))).toBe('ended');
    expect(inbox.cancel(entry(6, { settled: true }))).toBe('ended');
    expect(done()).toEqual(['cancelled[2]=0!', 'cancelled[5]=0!']);
    inbox.receipt(1, EXECUTED);
    expect(done()).toEqual(['executed[1]=2']);
    inbox.committed();
    expect(done()).toEqual([]);
    inbox.committed();
    expect(done()).toEqual(['emit 3']);
    inbox.hint(entry(4));
    inbox.hint(entry(5));
    inbox.receipt(3, EXECUTED);
    inbox.receipt(4, EXECUTED);
    expect(done()).toEqual(['executed[3]=3', 'emit 4', 'executed[4]=4', 'executed[]=5']);
    expect(inbox.cancel(entry(5))).toBe('ended');
  });

  it('[DL50] what the ledger knows as over is not cancelled again', () => {
    const { inbox } = recorded();
    inbox.start(0, 9, 0);
    inbox.page([entry(1), entry(2, { settled: true }), entry(9)]);
    expect(inbox.cancel(entry(2))).toBe('ended');
    expect(inbox.cancel(entry(5))).toBe('ended');
  });

  it('[DL51] decides nothing while this process may not, and goes on when told', () => {
    const { opened, done, state } = recorded({ now: 5 });
    state.mayDecide = false;
    const inbox = opened();
    inbox.hint(entry(1, { expiresAt: 5 }));
    inbox.hint(entry(2));
    expect(done()).toEqual([]);
    state.mayDecide = true;
    inbox.advance();
    expect(done()).toEqual(['expired[1]=1!']);
  });

  it('[BEY7] knows how old the oldest is that has not ended', () => {
    const { opened } = recorded({ window: 2 });
    const inbox = opened();
    expect(inbox.oldestPendingAt).toBeUndefined();
    inbox.page([1, 2, 3, 4].map((seq) => entry(seq, { acceptedAt: seq * 10, settled: seq === 3 })));
    inbox.headIs(4);
    expect(inbox.oldestPendingAt).toBe(10);
    inbox.receipt(2, EXECUTED);
    expect(inbox.oldestPendingAt).toBe(10);
    inbox.receipt(1, EXECUTED);
    expect(inbox.oldestPendingAt).toBe(40);
  });

  it('[DL41] bounds what it keeps for a screen that does not answer', () => {
    for (const [window, entries, heavy] of [
      [1, 64, 16],
      [32, 256, 32],
    ] as const) {
      const many = recorded({ window }).opened();
      for (let seq = 1; seq <= 1000; seq += 1) many.hint(entry(seq));
      expect(many.buffered).toBe(entries);
      const bytes = recorded({ window }).opened();
      for (let seq = 1; seq <= 1000; seq += 1) bytes.hint(entry(seq, { bytes: 16_384 }));
      expect(bytes.buffered).toBe(heavy);
    }
  });
});
