import { firstLine } from './vitest.mjs';

/**
 * What became of the tests of a vitest report whose full titles match.
 * @param root of the checkout, left out of the names of files
 */
export function countTests({ report: { testResults }, code }, { isOurs, root }) {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  const ours = tests.filter(({ fullName }) => isOurs.test(fullName));
  const failures = [...unloaded(testResults, root), ...ours.filter(hasFailed).map(title)];
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
function unloaded(testResults, root) {
  return testResults
    .filter((file) => hasFailed(file) && !file.assertionResults.some(hasFailed))
    .map(({ name, message }) => `${name.slice(root.length)}: ${firstLine(message)}`);
}

const title = ({ fullName, failureMessages }) => `${fullName}: ${firstLine(failureMessages[0] ?? '')}`;
