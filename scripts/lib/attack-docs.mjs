import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './process.mjs';

const START = '<!-- attacks: made by npm run generate -->';
const END = '<!-- end of attacks -->';
const PROOF = 'docs/proofs/attacks.json';

/** docs/security/attacks.md with its table as the catalogue and the committed proof have it. */
export function renewAttacks(page, catalogue) {
  const proof = existsSync(join(ROOT, PROOF))
    ? JSON.parse(readFileSync(join(ROOT, PROOF), 'utf8'))
    : undefined;
  const head = ['', 'an attacker tries', 'what stands against it', 'after', 'test', 'without it'];
  const rows = catalogue.map(({ id, attack, defence, source, test }) => [
    id,
    attack,
    defence,
    source ?? '',
    `[${test.split('/').at(-1)}](../../${test})`,
    proof?.figures[id]?.withoutDefence ?? 'not run yet',
  ]);
  const line = (cells) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const table = [line(head), `|${head.map(() => '---').join('|')}|`, ...rows.map(line)].join('\n');
  const [before, rest = ''] = page.split(START);
  const after = rest.split(END)[1];
  if (after === undefined)
    throw new Error(`docs/security/attacks.md lacks the lines "${START}" and "${END}"`);
  return `${before}${START}\n${summary(catalogue, proof)}\n\n${table}\n${END}${after}`;
}

function summary(catalogue, proof) {
  const count = `${catalogue.length} attacks.`;
  if (!proof) return `${count} The proof has not been run yet.`;
  const { command, date, seconds, passed, machine, node } = proof;
  const proven = Object.values(proof.figures).filter(
    ({ withoutDefence, asItStands }) => withoutDefence === 'red' && asItStands === 'green',
  );
  const on = `${machine.cpu}, ${machine.cores} cores, Node ${node}`;
  return `${count} \`${command}\` on ${date.slice(0, 10)}: **${passed ? 'passed' : 'FAILED'}**, ${proven.length} proven, after ${Math.ceil(seconds / 60)} min (${on}).`;
}
