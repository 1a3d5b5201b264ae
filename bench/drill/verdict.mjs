const LONGEST_WAIT_MS = 3000;
/** Of what was asked for; one in 33 commands is made to be refused. */
const LEAST_PACE = 0.9;
/** Of an even share of those who came. */
const LEAST_TAKEN = 0.5;
/** Nothing of the load fails, expires or is taken back by itself. */
const GOOD_ENDS = ['executed', 'superseded'];
const OF_ROOMS = {
  unanswered: 'were never answered',
  missing: 'were missed',
  twice: 'came twice',
  outOfOrder: 'came out of order',
};
const ALWAYS_TIMED = ['answered', 'executed', 'said', 'heard'];

/** Why a drill failed, a sentence each; empty when it passed. `slow` is what a busy machine may be to blame for. */
export function judgeDrill(drill) {
  const { report, course } = drill;
  // What was not asked for to the end is not judged.
  if (report.unfinished)
    return { failures: [`not finished: ${report.unfinished}`, ...course.faults], slow: [] };
  return { failures: [...ofCommands(drill), ...ofRooms(drill), ...ofCourse(drill)], slow: slowOf(drill) };
}

function ofCommands({ report }) {
  const ends = Object.entries(report.ended).filter(([status]) => !GOOD_ENDS.includes(status));
  return [
    ...report.examples.map(({ invariant, subject, detail }) => `${invariant}: ${subject}: ${detail}`),
    ...ends.map(([status, count]) => `${count} commands ended as ${status}`),
  ];
}

function ofRooms({ talk }) {
  const counts = Object.entries(OF_ROOMS).filter(([name]) => talk[name] > 0);
  return [
    ...new Set(talk.faults),
    ...counts.map(([name, became]) => `${talk[name]} messages of rooms ${became}`),
  ];
}

function ofCourse({ course, migrations, migrates, waits }) {
  const [before, after] = migrations;
  const { beside, taken, came, nodes } = course;
  const share = came / nodes;
  return [
    ...course.faults,
    ...(migrates && before === after ? [`nothing was migrated: ${before} before and after`] : []),
    ...['old', 'new'].flatMap((side) =>
      beside[side] > 0 ? [] : [`while both versions served, the ${side} one accepted nothing`],
    ),
    ...(taken >= LEAST_TAKEN * share
      ? []
      : [`the node that was added got ${taken} of ${came} who came, where ${share} are its share`]),
    ...ALWAYS_TIMED.flatMap((name) => (waits[name].count > 0 ? [] : [`${name}: nothing was timed`])),
  ];
}

function slowOf({ waits, talk, pace, rate }) {
  return [
    ...Object.entries(waits).flatMap(([name, { most }]) =>
      most <= LONGEST_WAIT_MS ? [] : [`${name}: somebody waited ${most} ms`],
    ),
    // Told to who was away for longer than a seat is kept.
    ...(talk.gaps === 0 ? [] : [`${talk.gaps} times somebody in a room was away for too long`]),
    ...(pace >= LEAST_PACE * rate ? [] : [`${pace} commands/s were accepted, and ${rate} asked for`]),
  ];
}
