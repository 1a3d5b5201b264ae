import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';

/** A hung test must not hold the proof for ever. */
const LIMIT_MS = { one: 180_000, all: 1_200_000 };

/**
 * Runs the tests of these files whose title names one of the ids, on the embedded profile.
 * @returns `seen`: of each id how many tests ran, whether all passed, and the first lines of their failures; `output`: the end of what was printed
 */
export async function runTests(copy, files, ids) {
  const out = join(copy.folder, `results-${ids.length === 1 ? ids[0] : 'all'}.json`);
  const titles = `\\[(${ids.join('|')})\\]`;
  const child = spawn(
    process.execPath,
    [
      join(copy.folder, 'node_modules/vitest/vitest.mjs'),
      'run',
      ...files,
      `--testNamePattern=${titles}`,
      '--maxWorkers=1',
      '--reporter=json',
      `--outputFile=${out}`,
    ],
    {
      cwd: copy.folder,
      // No PostgreSQL: one of the two profiles shows what a defence does.
      env: { ...process.env, TEST_EMBEDDED_ONLY: '1', TEST_DATABASE_URL: '' },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk) => {
      output = (output + chunk).slice(-4000);
    });
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), ids.length === 1 ? LIMIT_MS.one : LIMIT_MS.all);
  await once(child, 'close');
  clearTimeout(timer);
  if (!existsSync(out)) throw new Error(`no report of ${files.join(', ')}: ${output}`);
  const report = JSON.parse(readFileSync(out, 'utf8'));
  rmSync(out);
  return { seen: byId(report, ids), output };
}

function byId(report, ids) {
  const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
  return Object.fromEntries(
    ids.map((id) => {
      const named = tests.filter(({ title, status }) => title.includes(`[${id}]`) && status !== 'skipped');
      const failed = named.filter(({ status }) => status === 'failed');
      const failures = failed.flatMap(({ failureMessages }) => failureMessages.map(firstLine));
      return [id, { ran: named.length, passed: named.length > 0 && failed.length === 0, failures }];
    }),
  );
}

/** Up to the stack, its first line. */
function firstLine(message) {
  const [text = ''] = stripVTControlCharacters(message).split('\n');
  return text.slice(0, 300);
}
