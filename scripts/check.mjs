/** npm run check: all that is not a test. Every step runs, so that one run tells every fault. */
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { installIfNeeded } from './lib/install.mjs';
import { ROOT, requireNode, runQuietly, say } from './lib/process.mjs';

/** dependency-cruiser asks for `typescript` beside itself, with the JavaScript API that version 7 has not. */
function lendCompiler() {
  const folder = join(ROOT, 'node_modules/dependency-cruiser/node_modules');
  const link = join(folder, 'typescript');
  if (existsSync(link)) return;
  mkdirSync(folder, { recursive: true });
  symlinkSync(join(ROOT, 'scripts/boundaries/node_modules/typescript'), link, 'junction');
}

const steps = {
  'types (tsc)': ['node_modules/typescript/bin/tsc', '-b'],
  'style (biome)': ['node_modules/@biomejs/biome/bin/biome', 'ci', '.'],
  'who imports whom (dependency-cruiser)': [
    'node_modules/dependency-cruiser/bin/dependency-cruise.mjs',
    ...['--config', '.dependency-cruiser.mjs'],
    ...['protocol', 'client', 'conformance', 'server', 'console'].map((name) => `packages/${name}/src`),
  ],
  'unused code and dependencies (knip)': ['node_modules/knip/bin/knip.js'],
  'generated files': ['scripts/generate.mjs', '--check'],
  'branches of the delivery core (coverage)': ['scripts/coverage.mjs'],
};

requireNode();
await installIfNeeded();
await build();
lendCompiler();
const failed = [];
// At once, and each told of when it has ended.
await Promise.all(
  Object.entries(steps).map(async ([name, [script, ...args]]) => {
    const { code, said } = await runQuietly(process.execPath, [join(ROOT, script), ...args]);
    say(`\n── ${name}${code === 0 ? '' : `: FAILED (${code})`}\n${said.trim()}`);
    if (code !== 0) failed.push(name);
  }),
);
say(failed.length === 0 ? '\nAll checks passed.' : `\nFailed: ${failed.join(', ')}`);
process.exitCode = failed.length === 0 ? 0 : 1;
