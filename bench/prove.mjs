// npm run prove -- NAME [--seed N] [--kills N] [--runs N] [--sessions N] [--faults a,b*] [--only NN] [--profile embedded|postgres] [--out FILE]
// npm run prove -- churn [--seconds N] [--rooms N] [--rate N]
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { provenance } from './lib/machine.mjs';

const NUMBERS = ['kills', 'runs', 'sessions', 'seconds', 'rooms', 'rate'];
const proofs = readdirSync(new URL('./proofs/', import.meta.url));
const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string' },
    kills: { type: 'string' },
    runs: { type: 'string' },
    sessions: { type: 'string' },
    seconds: { type: 'string' },
    rooms: { type: 'string' },
    rate: { type: 'string' },
    faults: { type: 'string' },
    only: { type: 'string' },
    profile: { type: 'string', multiple: true },
    out: { type: 'string' },
  },
});
const [name = ''] = positionals;
if (!proofs.includes(name)) {
  console.error(`Which proof? One of: ${proofs.join(', ')}`);
  process.exit(2);
}

const { prove, description, parts = [] } = await import(`./proofs/${name}/index.mjs`);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const log = (line) => console.error(line);
log(`${name}: ${description}\nseed ${seed}`);
const startedAt = performance.now();
const { passed, figures } = await prove({
  seed,
  log,
  ...Object.fromEntries(
    NUMBERS.filter((option) => values[option] !== undefined).map((option) => [
      option,
      Number(values[option]),
    ]),
  ),
  ...(values.faults === undefined ? {} : { faults: values.faults.split(',') }),
  ...(values.only === undefined ? {} : { only: values.only.split(',') }),
  ...(values.profile === undefined ? {} : { profiles: values.profile }),
});
const report = {
  proof: name,
  description,
  passed,
  command: `npm run prove -- ${process.argv.slice(2).join(' ')}`,
  seed,
  seconds: Math.round((performance.now() - startedAt) / 1000),
  ...provenance(),
  figures,
};
// One profile alone, or one part of a proof of several, says so in its file's name, so that it never stands for all.
const part = values.profile?.length === 1 ? values.profile[0] : parts.find((each) => each === values.only);
const file = part === undefined ? name : `${name}-${part}`;
const out = values.out ?? fileURLToPath(new URL(`../docs/proofs/${file}.json`, import.meta.url));
mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, `${JSON.stringify(report, null, 2)}\n`);
console.log(JSON.stringify(report, null, 2));
log(passed ? `passed; written to ${out}` : `FAILED; written to ${out}`);
process.exit(passed ? 0 : 1);
