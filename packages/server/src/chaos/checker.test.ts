import { beforeEach, describe, expect, it } from 'vitest';
import type { LedgerFacts } from './check-ledger.js';
import { check, type History, INVARIANTS, type Invariant } from './checker.js';
import type { ControllerRecord, ScreenEvent, ScreenRecord } from './history.js';

const STREAM = 'screen:s';
const EPOCH = 'e1';
let clock = 0;
const at = () => {
  clock += 1;
  return clock;
};

const invoke = (
  id: string,
  transmission = '1',
  type: 'trigger' | 'navigate' = 'trigger',
  expect: 'accepted' | 'refused' = 'accepted',
): ControllerRecord => ({
  kind: 'invoke',
  id,
  screen: 's',
  transmission,
  type,
  display: 0,
  expect,
  at: at(),
});
const ok = (id: string, seq: number, over: object = {}): ControllerRecord => {
  const place = { stream: STREAM, seq, epoch: EPOCH, acceptedAt: 1000 + seq, duplicate: false };
  return { kind: 'ok', id, transmission: '1', ...place, ...over, at: at() };
};
const fail = (id: string, retryable: boolean): ControllerRecord => ({
  kind: 'fail',
  id,
  transmission: '1',
  code: retryable ? 'BUSY' : 'VALIDATION_ERROR',
  retryable,
  at: at(),
});
const screen = (event: ScreenEvent): ScreenRecord => ({ ...event, at: at() });
const boot = (policy: 'at-least-once' | 'at-most-once' = 'at-least-once') =>
  screen({ kind: 'boot', screen: 's', policy });
const open = (socket: string, over: Partial<Extract<ScreenEvent, { kind: 'open' }>> = {}) =>
  screen({ kind: 'open', screen: 's', socket, epoch: EPOCH, recovered: true, window: 1, ...over });
const got = (id: string, seq: number, over: { prev?: number; attempt?: number; socket?: string } = {}) =>
  screen({
    kind: 'got',
    screen: 's',
    socket: '1',
    id,
    stream: STREAM,
    seq,
    prev: 0,
    attempt: 1,
    epoch: EPOCH,
    ...over,
  });
const run = (id: string, seq: number) =>
  screen({ kind: 'run', screen: 's', id, stream: STREAM, seq, epoch: EPOCH, attempt: 1 });
const done = (id: string, seq: number) => screen({ kind: 'done', screen: 's', id, seq });
const answer = (id: string, seq: number, status: 'executed' | 'failed' = 'executed') =>
  screen({ kind: 'answer', screen: 's', socket: '1', id, stream: STREAM, seq, status, retryable: true });
const whole = (id: string, seq: number) => [got(id, seq), run(id, seq), done(id, seq), answer(id, seq)];
const facts = (over: Partial<LedgerFacts> = {}): LedgerFacts => ({
  at: at(),
  epoch: EPOCH,
  sessions: [{ screen: 's', fence: 2, acked: 3, lastSeq: 3 }],
  deadDeliveries: [],
  deadLetters: [],
  requeued: [],
  uncovered: [],
  ...over,
});

interface Open {
  controllers: ControllerRecord[];
  screens: ScreenRecord[];
  said: Map<string, string>;
  saidBefore: Map<string, string>;
  facts: LedgerFacts[];
}
let history: Open;
const judge = (requeued?: History['requeued']) =>
  check({ ...history, screens: [history.screens], ...(requeued ? { requeued } : {}) });
const broken = (requeued?: History['requeued']): Invariant[] => [
  ...new Set(judge(requeued).violations.map(({ invariant }) => invariant)),
];
const remove = (id: string) => {
  history.screens = history.screens.filter((record) => !('id' in record && record.id === id));
};

/** Three commands accepted and executed in order, and one refused for good. */
beforeEach(() => {
  history = {
    controllers: [
      ...['a', 'b', 'c'].flatMap((id, place) => [invoke(id), ok(id, place + 1)]),
      invoke('x', '1', 'trigger', 'refused'),
      fail('x', false),
    ],
    screens: [boot(), ...whole('a', 1), ...whole('b', 2), ...whole('c', 3)],
    said: new Map(['a', 'b', 'c'].map((id) => [id, 'executed'])),
    saidBefore: new Map(),
    facts: [facts()],
  };
});

/** Each breaks one promise and no other. */
const BREAKS: [Invariant, string, () => void][] = [
  [
    'lost',
    'an acknowledged command that never ends',
    () => {
      history.said.set('c', 'accepted');
      remove('c');
    },
  ],
  [
    'lost',
    'a place below acked_seq without an outcome',
    () => history.facts.push(facts({ uncovered: [{ screen: 's', seq: 2 }] })),
  ],
  [
    'changed',
    'an end that was told otherwise',
    () =>
      history.controllers.push({
        kind: 'told',
        id: 'a',
        screen: 's',
        status: 'expired',
        attempt: 0,
        at: at(),
      }),
  ],
  [
    'unanswered',
    'a command that nobody answered',
    () => history.controllers.push(invoke('z'), fail('z', true)),
  ],
  ['refusedButExecuted', 'the execution of what was refused', () => history.screens.push(run('x', 4))],
  ['refusedButExecuted', 'the execution of what nobody sent', () => history.screens.push(run('ghost', 4))],
  ['twice', 'an id that runs at two places', () => history.screens.push(run('c', 4))],
  [
    'twice',
    'a repeat after a crash under at-most-once',
    () => {
      history.controllers.push(invoke('d'), ok('d', 4));
      history.said.set('d', 'executed');
      history.screens.push(
        boot('at-most-once'),
        run('d', 4),
        boot('at-most-once'),
        run('d', 4),
        done('d', 4),
      );
    },
  ],
  [
    'outOfOrder',
    'a run before its turn',
    () => {
      history.screens = [boot(), ...whole('b', 2), ...whole('a', 1), ...whole('c', 3)];
    },
  ],
  [
    'holes',
    'a place that nobody was given',
    () => {
      history.controllers.push(invoke('d'), ok('d', 5));
      history.said.set('d', 'expired');
    },
  ],
  [
    'answersDiffer',
    'a repeat with another place',
    () => history.controllers.push(invoke('a', '2'), ok('a', 1, { acceptedAt: 7, duplicate: true })),
  ],
  [
    'answersDiffer',
    'a refusal of what was accepted',
    () => history.controllers.push(invoke('a', '2'), fail('a', false)),
  ],
  ['answersDiffer', 'two first answers', () => history.controllers.push(invoke('a', '2'), ok('a', 1))],
  [
    'answersDiffer',
    'other content that is accepted under the same id',
    () => history.controllers.push({ kind: 'conflict', id: 'a', code: 'accepted', at: at() }),
  ],
  [
    'changed',
    'an end that was another one before',
    () => history.saidBefore.set('c', 'dead').set('b', 'executed').set('a', 'accepted'),
  ],
  [
    'changed',
    'an execution though its cancellation was answered 200',
    () => history.controllers.push({ kind: 'cancel', id: 'b', outcome: '200', at: at() }),
  ],
  [
    'disagrees',
    'what was cancelled and came and ran all the same',
    () => {
      history.controllers.push(invoke('d'), ok('d', 4), {
        kind: 'cancel',
        id: 'd',
        outcome: '200',
        at: at(),
      });
      history.screens.push(...whole('d', 4));
      history.said.set('d', 'cancelled');
    },
  ],
  [
    'misjudged',
    'a good command that is refused for good',
    () => history.controllers.push(invoke('y'), fail('y', false)),
  ],
  [
    'misjudged',
    'a command that must be refused and is accepted',
    () => {
      history.controllers.push(invoke('y', '1', 'trigger', 'refused'), ok('y', 4));
      history.said.set('y', 'expired');
    },
  ],
  ['disagrees', 'executed, and no screen ran it', () => remove('b')],
  [
    'disagrees',
    'executed, and its screen only began it',
    () => {
      history.screens = history.screens.filter(
        (record) => !('id' in record && record.id === 'c') || ['got', 'run'].includes(record.kind),
      );
    },
  ],
  [
    'disagrees',
    'executed, and its screen only answered so',
    () => {
      history.screens = history.screens.filter(
        (record) => !('id' in record && record.id === 'c') || ['got', 'answer'].includes(record.kind),
      );
    },
  ],
  [
    'disagrees',
    'dead, and its letter, though the receipt came in its turn',
    () => {
      history.said.set('a', 'dead');
      const place = { screen: 's', commandId: 'a' };
      const dead = {
        deadDeliveries: [{ ...place, seq: 1 }],
        deadLetters: [{ ...place, reason: 'rejected' }],
      };
      history.facts.push(facts(dead));
    },
  ],
  ['disagrees', 'expired, though the receipt came in its turn', () => history.said.set('a', 'expired')],
  [
    'wrongSuccession',
    'superseded with a trigger before the next page',
    () => {
      history.controllers.push(invoke('n', '1', 'navigate'), ok('n', 4), invoke('t'), ok('t', 5));
      history.controllers.push(invoke('m', '1', 'navigate'), ok('m', 6));
      history.said.set('n', 'superseded').set('t', 'expired').set('m', 'expired');
    },
  ],
  ['sentAgain', 'a second send of what was answered', () => history.screens.push(got('c', 3))],
  [
    'sentAgain',
    'a second send into the silence',
    () =>
      history.screens.push(
        screen({ kind: 'shut', screen: 's', socket: '1' }),
        got('d', 4, { socket: '2' }),
        got('d', 4, { socket: '2' }),
      ),
  ],
  [
    'sentAgain',
    'what its resume offset says that the screen has',
    () => history.screens.push(open('2', { resumeEpoch: EPOCH, resumeSeq: 3 }), got('c', 3, { socket: '2' })),
  ],
  [
    'window',
    'a second entry before the first is answered',
    () => history.screens.push(got('d', 4), got('e', 5)),
  ],
  [
    'wrongPrev',
    'prev of an earlier connection',
    () => history.screens.push(got('d', 4, { socket: '2', prev: 3 })),
  ],
  [
    'attempts',
    'a count of attempts that begins anew',
    () => history.screens.push(got('d', 4, { attempt: 2, socket: '2' }), got('d', 4, { socket: '3' })),
  ],
  [
    'fell',
    'a fence that falls',
    () => history.facts.push(facts({ sessions: [{ screen: 's', fence: 1, acked: 3, lastSeq: 3 }] })),
  ],
  [
    'fell',
    'an acked_seq that falls',
    () => history.facts.push(facts({ sessions: [{ screen: 's', fence: 2, acked: 2, lastSeq: 3 }] })),
  ],
  [
    'deadLetters',
    'a dead delivery without a letter',
    () => history.facts.push(facts({ deadDeliveries: [{ screen: 's', seq: 1, commandId: 'a' }] })),
  ],
  [
    'deadLetters',
    'a letter without a dead delivery',
    () => history.facts.push(facts({ deadLetters: [{ screen: 's', commandId: 'a', reason: 'lost' }] })),
  ],
  [
    'deadLetters',
    'a letter that two commands replaced',
    () =>
      history.controllers.push(
        { kind: 'requeue', id: 'a', letter: 'l', at: at() },
        { kind: 'requeue', id: 'b', letter: 'l', at: at() },
      ),
  ],
  [
    'epoch',
    'recovered from another epoch',
    () => history.screens.push(open('2', { epoch: 'e2', resumeEpoch: EPOCH })),
  ],
];

describe('[MSG5] the checker of the chaos proof', () => {
  it('finds nothing in a history that keeps every promise', () => {
    expect(judge()).toEqual({ violations: [], interruptedAndRepeated: 0 });
  });

  it.each(BREAKS)('finds %s: %s', (invariant, _, breakIt) => {
    breakIt();
    expect(broken()).toEqual([invariant]);
  });

  it('has a breaking history for every invariant that a history can break', () => {
    const shown = new Set(BREAKS.map(([invariant]) => invariant));
    // `bounds` is measured by the harness itself.
    expect(
      Object.keys(INVARIANTS).filter((name) => name !== 'bounds' && !shown.has(name as Invariant)),
    ).toEqual([]);
  });

  it('accepts an answer that a kill swallowed when the repeat is answered', () => {
    history.controllers.push(invoke('d'), { kind: 'info', id: 'd', at: at() }, invoke('d', '2'));
    history.controllers.push(ok('d', 4, { transmission: '2', duplicate: true }));
    history.screens.push(...whole('d', 4));
    history.said.set('d', 'executed');
    expect(broken()).toEqual([]);
  });

  it('counts a repeat after the screen’s own death apart', () => {
    history.controllers.push(invoke('d'), ok('d', 4));
    history.said.set('d', 'executed');
    history.screens.push(
      got('d', 4),
      run('d', 4),
      boot(),
      got('d', 4, { socket: '2' }),
      run('d', 4),
      done('d', 4),
    );
    expect(judge()).toEqual({ violations: [], interruptedAndRepeated: 1 });
  });

  it('accepts go-back-N: what came behind a failed one comes again', () => {
    history.controllers.push(invoke('d'), ok('d', 4), invoke('f'), ok('f', 5));
    history.said.set('d', 'executed').set('f', 'executed');
    history.screens.push(got('d', 4), answer('d', 4, 'failed'), got('f', 5, { prev: 4 }));
    history.screens.push(got('d', 4, { attempt: 2 }), run('d', 4), answer('d', 4));
    history.screens.push(got('f', 5, { prev: 4 }), run('f', 5), answer('f', 5));
    expect(broken()).toEqual([]);
  });

  it('accepts that a requeued command was run under its first id, and finds it run under both', () => {
    history.controllers.push(invoke('r'), ok('r', 4));
    history.said.set('r', 'executed');
    const requeued = new Map([['r', 'c']]);
    expect(broken(requeued)).toEqual([]);
    history.screens.push(run('r', 4));
    expect(broken(requeued)).toEqual(['twice']);
  });

  it('finds two runs in one chain of requeues, whichever of it was run', () => {
    history.controllers.push(invoke('r1'), ok('r1', 4), invoke('r2'), ok('r2', 5));
    history.said.set('r1', 'dead').set('r2', 'executed');
    history.screens.push(got('r1', 4), run('r1', 4), done('r1', 4));
    history.screens.push(got('r2', 5, { socket: '2' }), run('r2', 5), done('r2', 5));
    const requeued = new Map([
      ['r1', 'z'],
      ['r2', 'z'],
    ]);
    expect(broken(requeued)).toEqual(['twice']);
  });

  it('accepts that a receipt which came late finds its entry dead', () => {
    history.said.set('a', 'dead');
    clock += 1000;
    history.screens = [boot(), got('a', 1), run('a', 1), done('a', 1)];
    clock += 1000;
    history.screens.push(answer('a', 1), ...whole('b', 2), ...whole('c', 3));
    expect(broken()).toEqual([]);
  });

  it('accepts executed by the resume offset of a process that died before it could say so', () => {
    history.controllers.push(invoke('d'), ok('d', 4));
    history.said.set('d', 'executed');
    history.screens.push(got('d', 4), run('d', 4), boot());
    expect(broken()).toEqual(['disagrees']);
    history.screens.push(open('2', { resumeEpoch: EPOCH, resumeSeq: 4 }));
    expect(broken()).toEqual([]);
  });

  it('accepts that what its screen had in hand runs after it was cancelled', () => {
    history.controllers.push(invoke('d'), ok('d', 4));
    history.said.set('d', 'cancelled');
    history.screens.push(got('d', 4));
    history.controllers.push({ kind: 'cancel', id: 'd', outcome: '200', at: at() });
    history.screens.push(run('d', 4), done('d', 4), screen({ kind: 'shut', screen: 's', socket: '1' }));
    expect(broken()).toEqual([]);
  });

  it('hears of two connections of one screen in turn, and knows what each of them brought', () => {
    history.screens = [boot(), ...whole('a', 1), ...whole('b', 2), got('c', 3, { socket: '2' })];
    history.screens.push(got('c', 3, { prev: 2 }), run('c', 3), done('c', 3), answer('c', 3));
    expect(broken()).toEqual([]);
    history.screens.push(got('a', 1, { socket: '1' }));
    expect(broken()).toEqual(['sentAgain']);
  });
});
