/** npm run check: all that is not a test. Every step runs, so that one run tells every fault. */
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { installIfNeeded } from './lib/install.mjs';
import { ROOT, requireNode, runNodeApart, say } from './lib/process.mjs';

/** dependency-cruiser asks for `typescript` beside itself, with the JavaScript API that version 7 has not. */
function lendCompiler() {
  const folder = join(ROOT, 'node_modules/dependency-cruiser/node_modules');
  const link = join(folder, 'typescript');
  if (existsSync(link)) return;
  mkdirSync(folder, { recursive: true });
  symlinkSync(join(ROOT, 'scripts/boundaries/node_modules/typescript'), link, 'junction');
}

/** The longest first, as two run at a time. */
const steps = {
  'branches of the delivery core (coverage)': () => runNodeApart('scripts/coverage.mjs', []),
  'types (tsc)': () => runNodeApart('node_modules/typescript/bin/tsc', ['-b']),
  'style (biome)': () => runNodeApart('node_modules/@biomejs/biome/bin/biome', ['ci', '.']),
  'who imports whom (dependency-cruiser)': () => {
    lendCompiler();
    return runNodeApart('node_modules/dependency-cruiser/bin/dependency-cruise.mjs', [
      '--config',
      '.dependency-cruiser.mjs',
      ...['protocol', 'client', 'conformance', 'server', 'console'].map((name) => `packages/${name}/src`),
    ]);
  },
  'unused code and dependencies (knip)': () => runNodeApart('node_modules/knip/bin/knip.js', []),
  'generated files': () => runNodeApart('scripts/generate.mjs', ['--check']),
};

requireNode();
await installIfNeeded();
await build();
const failed = [];
const waiting = Object.entries(steps);
async function runInTurn() {
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const [name, start] = next;
    const { code, output } = await start();
    say(`\n── ${name}\n${output.trimEnd()}`);
    if (code !== 0) failed.push(name);
  }
}
await Promise.all([runInTurn(), runInTurn()]);
say(failed.length === 0 ? '\nAll checks passed.' : `\nFailed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
