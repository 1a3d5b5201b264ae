import { describe, expect, it } from 'vitest';
import {
  atTheKill,
  check,
  type History,
  type HistoryRecord,
  violationsOf,
} from '../../../bench/proofs/kill/checker.mjs';

let clock = 0;
const at = () => {
  clock += 1;
  return clock;
};

function invoke(id: string, transmission = '1'): HistoryRecord {
  return { kind: 'invoke', id, screen: 's', transmission, at: at() };
}
function ok(id: string, seq: number, over: Record<string, unknown> = {}): HistoryRecord {
  const place = { seq, stream: 'screen:s', epoch: 'e', acceptedAt: 1000 + seq, duplicate: false };
  return { kind: 'ok', id, transmission: '1', ...place, at: at(), ...over };
}
function fail(id: string, retryable: boolean, transmission = '1'): HistoryRecord {
  return {
    kind: 'fail',
    id,
    transmission,
    code: retryable ? 'BUSY' : 'VALIDATION_ERROR',
    retryable,
    at: at(),
  };
}
function run(id: string, seq: number): HistoryRecord {
  return { kind: 'run', screen: 's', id, seq, stream: 'screen:s', at: at() };
}

/** Three commands accepted and executed in order, and one refused for good. */
function good(): Required<History> {
  return {
    controllers: [
      ...['a', 'b', 'c'].flatMap((id, place) => [invoke(id), ok(id, place + 1)]),
      invoke('x'),
      fail('x', false),
    ],
    screens: [[run('a', 1), run('b', 2), run('c', 3)]],
    said: ['a', 'b', 'c'].map((id) => ({ id, status: 'executed' })),
  };
}

describe('[MSG5] the checker of the kill proof', () => {
  it('finds nothing in a history that keeps the promise', () => {
    expect(violationsOf(check(good()))).toBe(0);
  });

  it('accepts an answer lost by a kill when the repeat is answered', () => {
    const history = good();
    history.controllers.push(
      invoke('d'),
      { kind: 'info', id: 'd' },
      invoke('d', '2'),
      ok('d', 4, { transmission: '2', duplicate: true }),
    );
    history.screens[0]?.push(run('d', 4));
    expect(violationsOf(check(history))).toBe(0);
  });

  it('finds a loss', () => {
    const history = good();
    history.screens = [[run('a', 1), run('b', 2)]];
    expect(check(history)).toMatchObject({ lost: ['c'], serverDisagrees: ['c'] });
  });

  it('finds a hole where the lost one was not the last', () => {
    const history = good();
    history.screens = [[run('a', 1), run('c', 3)]];
    expect(check(history)).toMatchObject({ lost: ['b'], gaps: ['s 2'] });
  });

  it('finds a double', () => {
    const history = good();
    history.screens[0]?.push(run('c', 3));
    expect(check(history)).toMatchObject({ doubled: ['c'], outOfOrder: ['c'] });
  });

  it('finds a double that got two places', () => {
    const history = good();
    history.screens[0]?.push(run('c', 4));
    expect(check(history)).toMatchObject({ doubled: ['c'], misplaced: ['c'], outOfOrder: [] });
  });

  it('finds a reorder', () => {
    const history = good();
    history.screens = [[run('b', 2), run('a', 1), run('c', 3)]];
    expect(check(history)).toMatchObject({ outOfOrder: ['a'], lost: [], doubled: [], gaps: [] });
  });

  it('finds the execution of what was definitely refused, and only of that', () => {
    const history = good();
    history.controllers.push(invoke('y'), invoke('y', '2'), fail('y', false, '2'));
    history.screens[0]?.push(run('x', 4), run('y', 5));
    expect(check(history).refusedButExecuted).toEqual(['x']);
  });

  it('finds the execution of what nobody sent', () => {
    const history = good();
    history.screens[0]?.push(run('ghost', 4));
    expect(check(history).unknown).toEqual(['ghost']);
  });

  it('finds a repeat with another answer, and a second first answer', () => {
    const moved = good();
    moved.controllers.push(invoke('a', '2'), ok('a', 7, { transmission: '2', duplicate: true }));
    expect(check(moved)).toMatchObject({ answersDiffer: ['a'], misplaced: ['a'] });
    const twice = good();
    twice.controllers.push(invoke('a', '2'), ok('a', 1, { transmission: '2' }));
    expect(check(twice).answersDiffer).toEqual(['a']);
  });

  it('finds a command that never got an answer', () => {
    const history = good();
    history.controllers.push(invoke('z'), fail('z', true));
    expect(check(history).unanswered).toEqual(['z']);
  });

  it('finds that the server says otherwise', () => {
    const history = good();
    history.said[1] = { id: 'b', status: 'accepted' };
    expect(check(history).serverDisagrees).toEqual(['b']);
  });

  it('counts what stood open at the moment of the kill', () => {
    const early = at();
    const history = good();
    const since = at();
    const controllers = [...history.controllers, invoke('d'), ok('d', 4), invoke('e')];
    const kill = at();
    const later = [...controllers, ok('e', 5)];
    const screens = [[...(history.screens[0] ?? []), run('d', 4)]];
    expect(atTheKill({ controllers: later, screens, since, at: kill })).toEqual({
      accepted: 1,
      unsettled: 1,
      unanswered: 1,
    });
    expect(atTheKill({ controllers: later, screens, since: early, at: kill }).accepted).toBe(4);
  });
});
