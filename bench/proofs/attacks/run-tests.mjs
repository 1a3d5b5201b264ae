import { firstLine, runVitest } from '../../lib/vitest.mjs';

/** A hung test must not hold the proof for ever. */
const LIMIT_MS = { one: 180_000, all: 1_200_000 };

/**
 * Runs the tests of these files whose title names one of the ids, on the embedded profile.
 * @returns `seen`: of each id how many tests ran, whether all passed, and the first lines of their failures; `output`: the end of what was printed
 */
export async function runTests(copy, files, ids) {
  const { report, output } = await runVitest(copy.folder, {
    files,
    titles: `\\[(${ids.join('|')})\\]`,
    // No PostgreSQL: one of the two profiles shows what a defence does.
    env: { TEST_EMBEDDED_ONLY: '1', TEST_DATABASE_URL: '' },
    options: ['--maxWorkers=1'],
    limitMs: ids.length === 1 ? LIMIT_MS.one : LIMIT_MS.all,
  });
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
