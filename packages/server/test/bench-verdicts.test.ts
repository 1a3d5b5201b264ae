import { describe, expect, it } from 'vitest';
import { judgeHearing, type Member } from '../../../bench/drill/hearing.mjs';
import { type Drilled, judgeDrill } from '../../../bench/drill/verdict.mjs';
import { type Clients, paceOf, waitsOf } from '../../../bench/drill/waits.mjs';
import { judgeRun } from '../../../bench/lib/verdict.mjs';

const wait = (most = 100) => ({ count: 1, p99: most, most });

function good(): Drilled {
  return {
    report: { examples: [], ended: { executed: 400, superseded: 3 } },
    talk: { faults: [], unanswered: 0, missing: 0, twice: 0, outOfOrder: 0, gaps: 0 },
    course: {
      faults: [],
      beside: { seconds: 30, old: 100, new: 100 },
      came: 40,
      nodes: 5,
      taken: 4,
    },
    waits: {
      ...{ answered: wait(3000), executed: wait(), away: wait() },
      ...{ awayInRooms: wait(), said: wait(), heard: wait() },
    },
    pace: 450,
    rate: 500,
    migrations: ['0026', '0027'],
    migrates: true,
  };
}

/** Each is one thing that a drill must not pass with. */
const FAILURES: [string, (drill: Drilled) => void][] = [
  [
    'lost: c1: acknowledged, and gone',
    ({ report }) =>
      report.examples.push({ invariant: 'lost', subject: 'c1', detail: 'acknowledged, and gone' }),
  ],
  [
    'sentAgain: c1: 3 came twice',
    ({ report }) => report.examples.push({ invariant: 'sentAgain', subject: 'c1', detail: '3 came twice' }),
  ],
  ['2 commands ended as dead', ({ report }) => Object.assign(report.ended, { dead: 2 })],
  ['1 messages of rooms were never answered', ({ talk }) => Object.assign(talk, { unanswered: 1 })],
  ['1 messages of rooms were missed', ({ talk }) => Object.assign(talk, { missing: 1 })],
  ['1 messages of rooms came twice', ({ talk }) => Object.assign(talk, { twice: 1 })],
  ['1 messages of rooms came out of order', ({ talk }) => Object.assign(talk, { outOfOrder: 1 })],
  ['a seat was refused: FORBIDDEN', ({ talk }) => talk.faults.push('a seat was refused: FORBIDDEN')],
  ['node-1 ended with SIGKILL', ({ course }) => course.faults.push('node-1 ended with SIGKILL')],
  [
    'nothing was migrated: 0026 before and after',
    (drill) => Object.assign(drill, { migrations: ['0026', '0026'] }),
  ],
  [
    'while both versions served, the old one accepted nothing',
    ({ course }) => Object.assign(course.beside, { old: 0 }),
  ],
  [
    'while both versions served, the new one accepted nothing',
    ({ course }) => Object.assign(course.beside, { new: 0 }),
  ],
  [
    'the node that was added got 3 of 40 who came, where 8 are its share',
    ({ course }) => Object.assign(course, { taken: 3 }),
  ],
  ['heard: nothing was timed', ({ waits }) => Object.assign(waits.heard, { count: 0 })],
];
const SLOW: [string, (drill: Drilled) => void][] = [
  ['answered: somebody waited 3001 ms', ({ waits }) => Object.assign(waits.answered, { most: 3001 })],
  ['awayInRooms: somebody waited 3001 ms', ({ waits }) => Object.assign(waits.awayInRooms, { most: 3001 })],
  ['1 times somebody in a room was away for too long', ({ talk }) => Object.assign(talk, { gaps: 1 })],
  ['449.9 commands/s were accepted, and 500 asked for', (drill) => Object.assign(drill, { pace: 449.9 })],
];

describe('the verdict of the upgrade drill', () => {
  it('[ND81] passes what is within all bounds', () => {
    expect(judgeDrill(good())).toEqual({ failures: [], slow: [] });
  });

  it.each(FAILURES)('[ND81] fails: %s', (sentence, spoil) => {
    const drill = good();
    spoil(drill);
    expect(judgeDrill(drill)).toEqual({ failures: [sentence], slow: [] });
  });

  it.each(SLOW)('[ND81] is too slow: %s', (sentence, spoil) => {
    const drill = good();
    spoil(drill);
    expect(judgeDrill(drill)).toEqual({ failures: [], slow: [sentence] });
  });

  it('[ND81] asks for a migration only where it chose the versions itself', () => {
    const drill = { ...good(), migrations: ['0026', '0026'], migrates: false };
    expect(judgeDrill(drill).failures).toEqual([]);
  });

  it('[ND81] does not judge what did not finish, and fails it', () => {
    const drill = good();
    drill.report.unfinished = 'upgrade: everybody is online: not within 30000 ms';
    drill.talk.missing = 1;
    expect(judgeDrill(drill).failures).toEqual([`not finished: ${drill.report.unfinished}`]);
  });
});

describe('what a drill measures', () => {
  const clients = (): Clients => ({
    controllers: [
      { kind: 'wanted', id: 'a', dueAt: 1000, at: 1000 },
      // Its process stood still when it was due.
      { kind: 'wanted', id: 'b', dueAt: 2000, at: 6000 },
      { kind: 'ok', id: 'a', at: 1100 },
      { kind: 'ok', id: 'b', at: 6100 },
      { kind: 'ok', id: 'b', at: 6200 },
      { kind: 'away', who: 'c1', at: 7000 },
      { kind: 'ready', who: 'c1', at: 7300 },
    ],
    screens: [
      [
        { kind: 'run', id: 'a', at: 1150 },
        { kind: 'run', id: 'b', at: 6150 },
      ],
    ],
  });

  it('[ND81] waits count from the moment at which a command was due', () => {
    expect(waitsOf(clients())).toEqual({
      answered: { count: 2, p99: 4100, most: 4100 },
      executed: { count: 2, p99: 50, most: 50 },
      away: { count: 1, p99: 300, most: 300 },
    });
  });

  it('[ND81] the pace counts what was accepted until the load ended, once', () => {
    expect(paceOf(clients(), 11_000)).toBe(0.2);
    expect(paceOf(clients(), 3000)).toBe(0.5);
    expect(paceOf({ controllers: [], screens: [] }, 6000)).toBe(0);
  });

  it('[ND81] hears what came twice, late or not at all, but for what somebody was told they missed', () => {
    const speaker: Member = { heard: [], gaps: [] };
    const hearing = (heard: number[], gaps: Member['gaps'] = []) => {
      const said = new Map([1, 2, 3].map((seq) => [seq, speaker] as const));
      return judgeHearing([{ members: [speaker, { heard, gaps }], said }], 2);
    };
    const good = { said: 3, unanswered: 2, missing: 0, twice: 0, outOfOrder: 0, gaps: 0 };
    expect(hearing([1, 2, 3])).toEqual(good);
    expect(hearing([1, 2, 2, 3])).toEqual({ ...good, twice: 1 });
    expect(hearing([1, 3, 2])).toEqual({ ...good, outOfOrder: 1 });
    expect(hearing([1, 3])).toEqual({ ...good, missing: 1 });
    expect(hearing([3], [{ after: 0, lastSeq: 2 }])).toEqual({ ...good, gaps: 1 });
  });
});

describe('the verdict of a bench', () => {
  const run = { of: 'screens, 1000', lost: 0, twice: 0, refusals: {} };

  it('[ND81] counts what was complete', () => {
    expect(judgeRun({ ...run, counts: { 'seats were not kept': 0 } })).toEqual([]);
  });

  it.each([
    ['screens, 1000: 1 commands were lost', { lost: 1 }],
    ['screens, 1000: 2 commands came twice', { twice: 2 }],
    ['screens, 1000: 3 refusals: {"BUSY":3}', { refusals: { BUSY: 3 } }],
    ['screens, 1000: 4 seats were not kept', { counts: { 'seats were not kept': 4 } }],
  ])('[ND81] is void: %s', (sentence, over) => {
    expect(judgeRun({ ...run, ...over })).toEqual([sentence]);
  });
});
