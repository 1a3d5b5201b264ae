/** Builds what changed since the last build: node scripts/build.mjs [--force] */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { fingerprint, readStamp, writeStamp } from './lib/fingerprint.mjs';
import { ROOT, requireNode, run, runNode, say } from './lib/process.mjs';

const CODE = ['protocol', 'client', 'conformance', 'server'].map((name) => `packages/${name}`);
const inputsOf = (folder) => [`${folder}/src`, `${folder}/package.json`, `${folder}/tsconfig.json`];

const steps = [
  {
    name: 'code',
    inputs: ['package-lock.json', 'tsconfig.base.json', ...CODE.flatMap(inputsOf)],
    output: 'packages/server/dist/main.js',
    build: () => runNode('node_modules/typescript/bin/tsc', ['-b', ...CODE]),
  },
  {
    name: 'console',
    inputs: [
      'package-lock.json',
      'packages/console',
      ...inputsOf('packages/protocol'),
      ...inputsOf('packages/client'),
    ],
    output: 'packages/console/dist/index.html',
    build: () =>
      run(process.execPath, [join(ROOT, 'node_modules/vite/bin/vite.js'), 'build', '--logLevel', 'warn'], {
        cwd: join(ROOT, 'packages/console'),
      }),
  },
];

export async function build({ force = false } = {}) {
  for (const { name, inputs, output, build: start } of steps) {
    const wanted = fingerprint(inputs);
    if (!force && readStamp(`build-${name}`) === wanted && existsSync(join(ROOT, output))) continue;
    say(`Building the ${name} …`);
    if ((await start()) !== 0) {
      say(`Building the ${name} failed; see above.`);
      process.exit(1);
    }
    writeStamp(`build-${name}`, wanted);
  }
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  requireNode();
  await build({ force: process.argv.includes('--force') });
}
