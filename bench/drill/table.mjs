const WAITS = {
  answered: 'a command: due to answered',
  executed: 'a command: accepted to begun by its screen',
  away: 'a controller or screen without a usable socket',
  awayInRooms: 'somebody in a room without a usable socket',
  said: 'a message in a room: due to accepted',
  heard: 'a message in a room: due to heard',
};

/** A drill's figures for people. */
export function formatDrill(figures) {
  const { commands, rooms, waitsMs, shares, beside } = figures;
  const failures = [...figures.failures, ...figures.slow];
  const names = [...new Set(shares.flatMap(({ connections }) => Object.keys(connections)))];
  const sentences = [
    `${figures.from} → ${figures.to}, ${figures.nodes} nodes behind ${figures.balancer}, ${figures.screens} screens, ${figures.people} people in rooms`,
    `${figures.rate} commands/s asked for, ${figures.acceptedPerSecond} accepted, after ${figures.warmUp} s of warm-up`,
    `newest migration before and after: ${figures.migrations.join(', ')}; for ${beside.seconds} s both versions served: the oldest node accepted ${beside.old}, the newest ${beside.new}`,
  ];
  return [
    ...sentences,
    '',
    ...table([
      ['', 'accepted', 'lost', 'twice', 'out of order', 'other'],
      ['commands', commands.accepted, commands.lost, commands.twice, commands.outOfOrder, commands.other],
      ['messages of rooms', rooms.said, rooms.lost, rooms.twice, rooms.outOfOrder, 0],
    ]),
    '',
    ...table([
      ['waits, ms', 'count', 'P99', 'longest'],
      ...Object.entries(waitsMs).map(([name, { count, p99, most }]) => [WAITS[name], count, p99, most]),
    ]),
    '',
    ...table([
      ['connections', 'after s', ...names],
      ...shares.map(({ what, at, connections }) => [
        what,
        at,
        ...names.map((name) => connections[name] ?? ''),
      ]),
    ]),
    '',
    failures.length === 0 ? 'passed' : `FAILED\n${failures.map((failure) => `  ${failure}`).join('\n')}`,
  ].join('\n');
}

function table(rows) {
  const texts = rows.map((row) => row.map(String));
  const widths = texts[0].map((_, column) => Math.max(...texts.map((row) => row[column].length)));
  return texts.map((row) =>
    row.map((cell, n) => (n === 0 ? cell.padEnd(widths[n]) : cell.padStart(widths[n]))).join('  '),
  );
}
