/**
 * npm run upgrade-drill -- [--nodes 4] [--rate 500] [--screens N] [--seconds 30] [--warm-up 45] [--people 40]
 *   [--balancer haproxy|nginx] [--from REV] [--old FOLDER] [--new FOLDER] [--json]
 * Replaces node after node of a cluster under load by another version, and judges what its clients saw: docs/upgrading.md. Exit code 0
 * when it migrated and kept its pace, nothing was lost, nothing came twice, and nobody waited for more than 3 s; 1 otherwise; 2 for bad use.
 */
import { parseArgs } from 'node:util';
import { drill } from './drill/drill.mjs';
import { formatDrill } from './drill/table.mjs';
import { chooseVersions } from './drill/versions.mjs';
import { provenance } from './lib/machine.mjs';

const NUMBERS = {
  nodes: [2, 20],
  rate: [10, 10_000],
  screens: [5, 10_000],
  seconds: [0, 3600],
  'warm-up': [0, 3600],
  people: [5, 500],
};
const DEFAULTS = {
  nodes: '4',
  rate: '500',
  seconds: '30',
  'warm-up': '45',
  people: '40',
  balancer: 'haproxy',
};

function readOptions() {
  const names = [...Object.keys(NUMBERS), 'balancer', 'from', 'old', 'new'];
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' }]));
  const values = { ...DEFAULTS, ...parseArgs({ options: { ...options, json: { type: 'boolean' } } }).values };
  for (const [name, [least, most]] of Object.entries(NUMBERS)) {
    if (values[name] === undefined) continue;
    const number = Number(values[name]);
    if (!Number.isInteger(number) || number < least || number > most)
      throw new Error(`--${name} is a whole number from ${least} to ${most}`);
    values[name] = number;
  }
  if (!['haproxy', 'nginx'].includes(values.balancer)) throw new Error('--balancer is haproxy or nginx');
  if (values.from !== undefined && (values.old ?? values.new) !== undefined)
    throw new Error('--from stands for --old: give one of them');
  return values;
}

const log = (line) => console.error(line);
let options;
try {
  options = readOptions();
} catch (error) {
  log(error.message);
  process.exit(2);
}
const { from, old, new: newer, json, 'warm-up': warmUp, ...course } = options;
const versions = chooseVersions({ from, old, new: newer, log });
if (versions.note) log(versions.note);
try {
  const figures = {
    ...(await drill({ versions, warmUp, ...course, log })),
    note: versions.note,
    ...provenance(),
  };
  console.log(json ? JSON.stringify(figures, null, 2) : formatDrill(figures));
  process.exitCode = figures.passed ? 0 : 1;
} catch (error) {
  log(`the drill could not be run: ${error.stack}`);
  process.exitCode = 1;
} finally {
  versions.remove();
}
