// npm run prove -- NAME [--seed N] [--kills N] [--runs N] [--sessions N] [--faults a,b*] [--only a,b] [--profile embedded|postgres] [--out FILE]
// npm run prove -- churn [--seconds N] [--rooms N] [--rate N]
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { provenance } from './lib/machine.mjs';
import { measureStolen } from './lib/stolen-time.mjs';

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

const {
  prove,
  description,
  parts = [],
  isReduced = () => false,
} = await import(`./proofs/${name}/index.mjs`);
const numbers = Object.fromEntries(
  NUMBERS.filter((option) => values[option] !== undefined).map((option) => [option, Number(values[option])]),
);
const faults = values.faults?.split(',');
const only = values.only?.split(',');
const hasParts = parts.length > 0;
const chosen = hasParts ? (only ?? parts) : [undefined];
refuse(
  hasParts && chosen.find((part) => !parts.includes(part)),
  (part) => `There is no part ${part}. There are: ${parts.join(', ')}`,
);
refuse(values.out !== undefined && chosen.length > 1, () => '--out is one file: choose one part by --only');
refuse(
  values.out === undefined && (faults !== undefined || (only && !hasParts) || isReduced(numbers)),
  () => 'This is less than the proof and may not stand for it in docs/proofs: say where to by --out FILE',
);

const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const log = (line) => console.error(line);
log(`${name}: ${description}\nseed ${seed}`);
// Of the start: what is committed meanwhile is not what was built and proved.
const origin = provenance();
let allPassed = true;
for (const part of chosen) allPassed = (await proveAndWrite(part)) && allPassed;
process.exit(allPassed ? 0 : 1);

/** @param part of several, each a file of its own */
async function proveAndWrite(part) {
  const startedAt = performance.now();
  const stolenShare = measureStolen();
  const { passed, figures } = await prove({
    ...{ seed, log, ...numbers },
    ...(faults ? { faults } : {}),
    ...(hasParts ? { part } : only ? { only } : {}),
    ...(values.profile === undefined ? {} : { profiles: values.profile }),
  });
  const report = {
    proof: name,
    description,
    passed,
    command: `npm run prove -- ${process.argv.slice(2).join(' ')}`,
    seed,
    seconds: Math.round((performance.now() - startedAt) / 1000),
    stolenShare: Math.round(stolenShare() * 1000) / 1000,
    ...origin,
    figures,
  };
  // One profile alone says so in its file's name, so that it never stands for all.
  const kind = values.profile?.length === 1 ? values.profile[0] : part;
  const file = kind === undefined ? name : `${name}-${kind}`;
  const out = values.out ?? fileURLToPath(new URL(`../docs/proofs/${file}.json`, import.meta.url));
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, `${JSON.stringify(report, null, 2)}\n`);
  console.log(JSON.stringify(report, null, 2));
  log(passed ? `passed; written to ${out}` : `FAILED; written to ${out}`);
  return passed;
}

/** Bad use: ends here. */
function refuse(found, say) {
  if (!found) return;
  console.error(say(found));
  process.exit(2);
}
