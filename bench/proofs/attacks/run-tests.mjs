import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

/** A hung test must not hold the proof for ever. */
const LIMIT_MS = 180_000;

/**
 * Runs the tests of these files whose title names one of the ids, on the embedded profile.
 * @returns what was seen of each id: `{ [id]: { passed, failures: string[] } }`; `failures` holds first lines
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
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
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
      const failures = failed.flatMap(({ failureMessages }) => failureMessages.map(firstLines));
      return [id, { ran: named.length, passed: named.length > 0 && failed.length === 0, failures }];
    }),
  );
}

/** Up to the stack. */
function firstLines(message) {
  const text = message.split('\n    at ')[0] ?? '';
  // biome-ignore lint/suspicious/noControlCharactersInRegex: colours of a terminal
  return text
    .replace(/\u001b\[\d+m/g, '')
    .split('\n')[0]
    .slice(0, 300);
}
