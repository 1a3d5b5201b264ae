import { fileURLToPath } from 'node:url';
import { firstLine, runVitest } from '../../lib/vitest.mjs';

export const description =
  'algorithms: the whole conformance suite, all of identity and the attacks on tokens, the same tests whatever JWT_ALG is';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const ALGORITHMS = ['EdDSA', 'ES256', 'HS256'];
const FILES = [
  'packages/server/test/conformance.test.ts',
  'packages/server/src/identity/',
  ...['tokens', 'cookie-mode', 'logins', 'api-keys', 'users'].map(
    (name) => `packages/server/test/attacks/${name}.test.ts`,
  ),
];
/** By the full title of a test; what needs no database runs with the embedded profile. */
const OF_PROFILE = { embedded: '^(?!.*\\(postgres\\))', postgres: '\\(postgres\\)' };
const EXAMPLES = 5;

/** @param only algorithms */
export async function prove({ only, profiles = Object.keys(OF_PROFILE), log }) {
  const figures = {};
  for (const algorithm of ALGORITHMS.filter((each) => !only || only.includes(each))) {
    figures[algorithm] = {};
    for (const profile of profiles) {
      const { failures, ...counts } = await runTests(algorithm, profile);
      figures[algorithm][profile] = { ...counts, failures: failures.slice(0, EXAMPLES) };
      log(`${algorithm}, ${profile}: ${JSON.stringify(counts)}`);
      for (const failure of failures) log(`  ${failure}`);
    }
  }
  return { passed: isProven(figures, profiles), figures };
}

/** All green, and as many as with every other algorithm: one that leaves out what it cannot do proves nothing. */
function isProven(figures, profiles) {
  const modes = Object.values(figures);
  return (
    modes.length > 0 &&
    profiles.every((profile) => {
      const all = modes.map((mode) => mode[profile]);
      return all.every(({ passed, failed }) => passed > 0 && failed === 0 && passed === all[0].passed);
    })
  );
}

async function runTests(algorithm, profile) {
  const { report, code } = await runVitest(ROOT, {
    files: FILES,
    titles: OF_PROFILE[profile],
    env: { TEST_JWT_ALG: algorithm, TEST_EMBEDDED_ONLY: profile === 'embedded' ? '1' : undefined },
  });
  return count(report, profile, code);
}

function count({ testResults }, profile, code) {
  const isOurs = new RegExp(OF_PROFILE[profile]);
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const ours = tests.filter(({ fullName }) => isOurs.test(fullName));
  const failures = [...unloaded(testResults), ...ours.filter(hasFailed).map(title)];
  // An error outside of all tests has no title, and is none the less for it.
  if (code !== 0 && failures.length === 0) failures.push(`vitest ended with ${code}`);
  const passed = ours.filter(({ status }) => status === 'passed').length;
  return {
    passed,
    failed: failures.length,
    skipped: ours.filter((test) => test.status !== 'passed' && !hasFailed(test)).length,
    failures,
  };
}

const hasFailed = ({ status }) => status === 'failed';

/** Files that could not be loaded, or whose hooks failed, have no failed test of their own. */
function unloaded(testResults) {
  return testResults
    .filter((file) => hasFailed(file) && !file.assertionResults.some(hasFailed))
    .map(({ name, message }) => `${name.slice(ROOT.length)}: ${firstLine(message)}`);
}

const title = ({ fullName, failureMessages }) => `${fullName}: ${firstLine(failureMessages[0] ?? '')}`;
