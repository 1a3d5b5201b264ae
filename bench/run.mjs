// npm run bench [-- NAME] [--seconds N] [--rounds N] [--cpu-prof FOLDER] [--out FILE]
// npm run bench -- rooms [--only deliveries,signals,sizes,recovery,console] [--entries 1000,10000]
// npm run bench -- failover [--only screens,users,rooms] [--sizes 1000,5000]
// npm run bench -- nodes [--sizes 10000] [--rate 500] [--seconds 60]
// npm run bench -- compare --base COMMIT [accept] [execute] [--seconds N] [--rounds N]
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { provenance } from './lib/machine.mjs';
import { canPin } from './lib/processes.mjs';
import { topOfProfile } from './lib/profile.mjs';

const BENCHES = ['accept', 'execute', 'catch-up', 'reconnect', 'jwt', 'rooms', 'failover', 'nodes'];
const COMPARED = ['accept', 'execute'];
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seconds: { type: 'string' },
    rounds: { type: 'string' },
    'cpu-prof': { type: 'string' },
    out: { type: 'string' },
    base: { type: 'string' },
    only: { type: 'string' },
    entries: { type: 'string' },
    sizes: { type: 'string' },
    rate: { type: 'string' },
  },
});
const [first, ...rest] = positionals;
const jobs =
  first === 'compare'
    ? comparisons(rest)
    : (first ? positionals : BENCHES).map((name) => ({ name, file: name }));
const known = first === 'compare' ? COMPARED.map((name) => `compare-${name}`) : BENCHES;
const unknown = jobs.find(({ name }) => !known.includes(name));
if (unknown !== undefined) {
  console.error(`There is no bench "${unknown.name}". One of: ${known.join(', ')}`);
  process.exit(2);
}

function comparisons(names) {
  const wanted = names.length > 0 ? names : COMPARED;
  return wanted.map((what) => ({ name: `compare-${what}`, file: 'compare', what }));
}

const count = (text) => (text === undefined ? undefined : Number(text));
for (const { name, file, what } of jobs) {
  const { run, description } = await import(`./${file}.mjs`);
  console.error(`${name}: ${description}`);
  if (!canPin()) console.error('no taskset here: the server is not pinned to a core of its own');
  const { table, ...figures } = await run({
    seconds: count(values.seconds),
    rounds: count(values.rounds),
    cpuProfile: values['cpu-prof'],
    base: values.base,
    only: values.only?.split(','),
    entries: values.entries?.split(',').map(Number),
    rate: count(values.rate),
    sizes: values.sizes?.split(',').map(Number),
    what,
    log: (line) => console.error(line),
  });
  console.table(table);
  console.table(figures.median);
  const { failures = [] } = figures;
  if (values['cpu-prof'] !== undefined) console.table(topOfProfile(values['cpu-prof']));
  const report = {
    bench: name,
    description,
    command: `npm run bench -- ${process.argv.slice(2).join(' ')}`,
    pinned: canPin(),
    ...provenance(),
    ...figures,
  };
  if (failures.length > 0) {
    process.exitCode = 1;
    console.error(`VOID:\n${failures.map((failure) => `  ${failure}`).join('\n')}`);
    // Beside figures that count it has no place.
    if (values.out === undefined) continue;
  }
  const out = values.out ?? fileURLToPath(new URL(`results/${name}.json`, import.meta.url));
  mkdirSync(new URL('results/', import.meta.url), { recursive: true });
  writeFileSync(out, `${JSON.stringify(report, null, 2)}\n`);
  console.error(`written to ${out}`);
}
