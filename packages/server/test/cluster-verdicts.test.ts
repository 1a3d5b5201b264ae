import { describe, expect, it } from 'vitest';
import {
  type JudgedReport,
  judgeChaos,
  judgeRecovery,
  judgeSuites,
  judgeWithoutRedis,
} from '../../../bench/proofs/cluster/verdicts.mjs';

const FAULTS = ['node-kill-screens', 'kill-after-accept', 'redis-outage', 'balancer-restart'];

/** Just good enough: 4 faults of the list with so many runs each. */
function report(runsOfEach: number, over: Partial<JudgedReport> = {}): JudgedReport {
  const figures = { runs: runsOfEach, settleMs: 5000, delayMs: 1000 };
  return {
    chosen: [...FAULTS, 'screen-twice'],
    violations: 0,
    runs: FAULTS.length * runsOfEach,
    faults: Object.fromEntries([...FAULTS, 'screen-twice'].map((name) => [name, { ...figures }])),
    crossing: { crossed: 40, stayed: 60, unknown: 100 },
    ...over,
  };
}

function changed(fault: string, over: object, runsOfEach: number): JudgedReport {
  const good = report(runsOfEach);
  const figures = good.faults[fault] as JudgedReport['faults'][string];
  return { ...good, faults: { ...good.faults, [fault]: { ...figures, ...over } } };
}

function without(fault: string, runsOfEach: number): JudgedReport {
  const { [fault]: _, ...faults } = report(runsOfEach).faults;
  return { ...report(runsOfEach), faults };
}

describe('[BEY3] the proof of several nodes', () => {
  it('[BEY3] passes what is just good enough', () => {
    expect(judgeSuites({ a: { passed: 9, failed: 0 }, b: { passed: 9, failed: 0 } })).toEqual([]);
    expect(judgeChaos({ a: report(25), b: report(25) })).toEqual([]);
    expect(judgeRecovery({ a: [report(1), report(1)], b: [report(1)] })).toEqual([]);
    expect(judgeWithoutRedis(report(1, { runs: 2 }))).toEqual([]);
  });

  it.each([
    ['nothing', {}, ['no site']],
    ['something lost or run twice', { a: report(50, { violations: 1 }) }, ['a: 1 violations']],
    ['39 %', { a: report(50, { crossing: { crossed: 39, stayed: 61, unknown: 0 } }) }, ['a: 39 % crossed']],
    [
      'only what nobody knows of',
      { a: report(50, { crossing: { crossed: 0, stayed: 0, unknown: 9 } }) },
      ['a: 0 % crossed'],
    ],
    ['199 runs', { a: changed('redis-outage', { runs: 49 }, 50) }, ['199 runs of the list count, of 200']],
    [
      'runs beyond the list instead',
      { a: { ...report(49), ...changed('screen-twice', { runs: 999 }, 49) } },
      ['196 runs of the list count, of 200'],
    ],
    [
      'a fault that counted nowhere',
      { a: without('redis-outage', 90), b: without('redis-outage', 90) },
      ['redis-outage never counted'],
    ],
  ])('[BEY3] fails chaos with %s', (_, reports, found) => {
    expect(judgeChaos(reports as Record<string, JudgedReport>)).toEqual(expect.arrayContaining(found));
  });

  it('[BEY3] is content with a fault that counted on one site of two', () => {
    expect(judgeChaos({ a: without('redis-outage', 90), b: report(90) })).toEqual([]);
  });

  it.each([
    ['nothing', {}, 'no site'],
    ['no session', { a: [] }, 'a: no session'],
    ['something lost or run twice', { a: [report(1, { violations: 2 })] }, 'a: 2 violations'],
    [
      '5,001 ms',
      { a: [changed('redis-outage', { settleMs: 5001 }, 1)] },
      'a: redis-outage: recovered after 5001 ms',
    ],
    [
      'a missing fault',
      { a: [report(1)], b: [report(1), without('redis-outage', 1)] },
      'b: redis-outage never counted',
    ],
    [
      'a fault that did not count',
      { a: [changed('redis-outage', { runs: 0 }, 1)] },
      'a: redis-outage never counted',
    ],
  ])('[BEY3] fails recovery with %s', (_, reports, found) => {
    expect(judgeRecovery(reports as Record<string, JudgedReport[]>)).toEqual([found]);
  });

  it.each([
    ['something lost or run twice', report(1, { runs: 2, violations: 1 }), '1 violations'],
    ['one outage', report(1, { runs: 1 }), '1 outages count, of 2'],
    ['39 %', report(1, { runs: 2, crossing: { crossed: 39, stayed: 61, unknown: 0 } }), '39 % crossed'],
    [
      '1,001 ms',
      { ...changed('redis-outage', { delayMs: 1001 }, 1), runs: 2 },
      'accepted to executed: 1001 ms',
    ],
    [
      'nothing accepted meanwhile',
      { ...changed('redis-outage', { delayMs: 0 }, 1), runs: 2 },
      'accepted to executed: 0 ms',
    ],
    [
      'an outage of which that is not known',
      { ...changed('redis-outage', { delayMs: null }, 1), runs: 2 },
      'accepted to executed: null ms',
    ],
    [
      'more that nobody knows of than is known',
      report(1, { runs: 2, crossing: { crossed: 40, stayed: 60, unknown: 101 } }),
      'of 101 deliveries nobody knows whether they crossed',
    ],
    ['no outage', { ...without('redis-outage', 1), runs: 2 }, 'accepted to executed: undefined ms'],
  ])('[BEY3] fails delivery without Redis with %s', (_, bad, found) => {
    expect(judgeWithoutRedis(bad)).toEqual([found]);
  });

  it.each([
    ['no site', {}, 'no site'],
    ['a failed test', { a: { passed: 9, failed: 1 } }, 'a: 1 tests failed'],
    ['no test', { a: { passed: 0, failed: 0 } }, 'a: no test passed'],
    [
      'fewer on one site',
      { a: { passed: 9, failed: 0 }, b: { passed: 8, failed: 0 } },
      'b: 8 tests passed, elsewhere 9',
    ],
  ])('[BEY3] fails the suites with %s', (_, suites, found) => {
    expect(judgeSuites(suites as Record<string, { passed: number; failed: number }>)).toEqual([found]);
  });
});
