import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { crossedShare } from '../../bench/proofs/cluster/verdicts.mjs';
import { ROOT } from './process.mjs';

/** docs/guarantee.md, or another page, with its tables as the committed proofs have them. */
export function renewGuarantee(page) {
  return page.replace(
    /<!-- proof:([\w-]+) -->[\s\S]*?<!-- proof:end -->/g,
    (_, name) => `<!-- proof:${name} -->\n${render(name)}<!-- proof:end -->`,
  );
}

const RENDERERS = {
  'chaos-embedded': chaosTables,
  'chaos-postgres': chaosTables,
  mutants: mutantTable,
  kill: killTable,
  outage: outageTable,
  regions: regionTables,
  'cluster-suites': ({ suites }) => suitesTable(suites),
  'cluster-chaos': ({ chaos }) => `${crossedTable(chaos)}\n\n${chaosTables(chaos)}`,
  'cluster-recovery': ({ recovery }) => recoveryTable(recovery),
  'cluster-redis': ({ redis }) => withoutRedisTable(redis),
};

function render(name) {
  const path = join(ROOT, `docs/proofs/${name}.json`);
  if (!existsSync(path)) throw new Error(`A page tells of ${path}, which does not exist`);
  const proof = JSON.parse(readFileSync(path, 'utf8'));
  return `${provenance(proof)}\n\n${RENDERERS[name](proof.figures)}\n`;
}

function provenance({ command, seed, seconds, date, commit, machine, node, passed, stolenShare }) {
  const minutes = Math.round(seconds / 6) / 10;
  const stolen =
    stolenShare === undefined ? '' : `, its host took ${percent(stolenShare)} of the processor time wanted`;
  const on = `${machine.cpu}, ${machine.cores} cores, ${Math.round(machine.memoryMiB / 1024)} GiB, Node ${node}${stolen}`;
  return `\`${command}\` on ${date.slice(0, 10)}, commit ${commit.slice(0, 7)}, seed ${seed}: **${passed ? 'passed' : 'FAILED'}** after ${minutes} min (${on}).`;
}

function table(head, rows) {
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
}

const number = (value) => (typeof value === 'number' ? value.toLocaleString('en-US') : (value ?? '–'));

function chaosTables(profiles) {
  const names = Object.keys(profiles);
  const SUMS = {
    'runs that count': ({ runs }) => runs,
    'runs that do not count': ({ runsThatDoNotCount }) =>
      Object.values(runsThatDoNotCount).reduce((sum, count) => sum + count, 0),
    'commands accepted': ({ accepted }) => accepted,
    transmissions: ({ transmissions }) => transmissions,
    'runs on screens': ({ runsOnScreens }) => runsOnScreens,
    'fewest entries unsettled at a kill': ({ leastUnsettled }) => leastUnsettled,
    'fewest accepts unanswered at a kill': ({ leastUnanswered }) => leastUnanswered,
    'interrupted and run once more (at-least-once)': ({ interruptedAndRepeated }) => interruptedAndRepeated,
    'longest until everything had ended, ms': ({ convergeMsMost }) => convergeMsMost,
    'most memory of the server, MiB': ({ residentMiBMost }) => residentMiBMost,
    '**violations of any kind**': ({ violations }) => `**${violations}**`,
  };
  const sums = Object.entries(SUMS).map(([title, figure]) => [
    title,
    ...names.map((name) => number(figure(profiles[name]))),
  ]);
  const faults = [...new Set(names.flatMap((name) => Object.keys(profiles[name].faults)))].sort();
  const rows = faults.map((fault) => {
    const of = names.map((name) => profiles[name].faults[fault]);
    const sum = (key) => of.reduce((total, figures) => total + (figures?.[key] ?? 0), 0);
    const runs = of.map((figures) => number(figures?.runs));
    return [
      `\`${fault}\``,
      ...runs,
      number(sum('accepted')),
      ...['lost', 'twice', 'outOfOrder', 'other'].map((key) => sum(key)),
    ];
  });
  const head = [
    'fault',
    ...names.map((name) => `runs, ${name}`),
    'accepted',
    'lost',
    'twice',
    'out of order',
    'other',
  ];
  return `${table(['', ...names], sums)}\n\n${table(head, rows)}`;
}

const percent = (share) => `${Math.round(share * 100)} %`;

function suitesTable(sites) {
  const rows = Object.entries(sites).map(([site, { passed, failed, skipped }]) => [
    site,
    number(passed),
    failed,
    skipped,
  ]);
  return table(['', 'passed', 'failed', 'skipped'], rows);
}

function crossedTable(sites) {
  const rows = Object.entries(sites).map(([site, { crossing }]) => [site, percent(crossedShare(crossing))]);
  return table(['', 'of what screens were sent had come in at another node'], rows);
}

function recoveryTable(sites) {
  const names = Object.keys(sites);
  const bySite = names.map((name) => Object.assign({}, ...sites[name].map((report) => report.faults)));
  const faults = [...new Set(bySite.flatMap(Object.keys))].sort();
  const rows = faults.map((fault) => [
    `\`${fault}\``,
    ...bySite.map((found) => number(found[fault]?.settleMs)),
  ]);
  const setAside = (isMeant) => (name) =>
    sites[name]
      .flatMap(({ runsThatDoNotCount }) => Object.entries(runsThatDoNotCount))
      .reduce((sum, [why, count]) => sum + (isMeant(why) ? count : 0), 0);
  const isStolen = (why) => why.includes('stolen');
  return table(
    ['from the end of the fault until everything had ended, ms', ...names],
    [
      ...rows,
      ['runs that do not count: too little in flight', ...names.map(setAside((why) => !isStolen(why)))],
      ['runs that do not count: slower, and the host took more than 20 %', ...names.map(setAside(isStolen))],
    ],
  );
}

function withoutRedisTable({ faults, accepted, crossing, violations }) {
  const { runs, delayMs } = faults['redis-outage'];
  const head = [
    'outages of 60 s',
    'accepted',
    'crossed',
    'accepted to executed, P95 of the worst, ms',
    'violations',
  ];
  return table(head, [
    [runs, number(accepted), percent(crossedShare(crossing)), number(delayMs), violations],
  ]);
}

function mutantTable(mutants) {
  const rows = Object.entries(mutants).map(([name, { planted, by, caught, broken, withoutIt }]) => [
    name.slice(0, 2),
    planted,
    by,
    caught ? Object.keys(broken).join(', ') : '**MISSED**',
    withoutIt,
  ]);
  return table(['', 'planted fault', 'in', 'caught as', 'violations without it'], rows);
}

function killTable(profiles) {
  const rows = Object.entries(profiles).map(
    ([name, { kills, acknowledged, executed, violations, perKill }]) => [
      name,
      kills,
      number(acknowledged),
      number(executed),
      perKill.unsettledAtLeast,
      perKill.unansweredAtLeast,
      violations,
    ],
  );
  const head = [
    'profile',
    'kills',
    'acknowledged',
    'executed',
    'unsettled at least',
    'unanswered at least',
    'violations',
  ];
  return table(head, rows);
}

function outageTable(profiles) {
  const rows = Object.entries(profiles).map(([name, figures]) => [
    name,
    name === 'embedded' ? 'its thread dies' : `PostgreSQL is stopped for ${figures.awaySeconds} s`,
    number(figures.resumedMs),
    number(figures.slowestScreenMs),
    number(figures.accepted),
    figures.lost,
    figures.doubled,
    figures.outOfOrder,
  ]);
  const head = [
    'profile',
    'outage',
    'first delivery after it, ms',
    'slowest screen, ms',
    'accepted',
    'lost',
    'twice',
    'out of order',
  ];
  return table(head, rows);
}

function regionTables({ propagation, cuts, consistent, promotion }) {
  const kinds = {
    accepted: 'accepted',
    atTheScreen: 'at the screen',
    statusBack: 'status back',
    message: 'message in a room',
    signal: 'signal of a call',
  };
  const ways = Object.entries(propagation).map(([way, times]) => [
    way,
    ...Object.keys(kinds).map((kind) => `${times[kind].p50Ms} / ${times[kind].p95Ms}`),
  ]);
  const facts = [
    ['times that the link was cut under load', cuts.cuts],
    ['commands accepted meanwhile', cuts.accepted],
    ['**lost, run twice or out of order**', `**${cuts.lost + cuts.twice + cuts.outOfOrder}**`],
    ['from mending until new commands had crossed in both directions, median, ms', cuts.medianMs],
    ['the same, at most, ms', cuts.slowestMs],
    ['both regions say the same afterwards', consistent ? 'yes' : 'no'],
    [
      'screens told `recovered: false` of those that were on when the replica was promoted',
      `${promotion.toldNotRecovered} of ${promotion.screens}`,
    ],
    [
      'from the end of the primary until new commands had crossed in both directions, ms',
      promotion.crossedMs,
    ],
  ];
  return [
    table(['milliseconds, P50 / P95', ...Object.values(kinds)], ways),
    table(
      ['', ''],
      facts.map(([fact, value]) => [fact, number(value)]),
    ),
  ].join('\n\n');
}
