import { fileURLToPath } from 'node:url';
import { countTests } from '../../lib/test-report.mjs';
import { runVitest } from '../../lib/vitest.mjs';

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
  const ended = await runVitest(ROOT, {
    files: FILES,
    titles: OF_PROFILE[profile],
    env: { TEST_JWT_ALG: algorithm, TEST_EMBEDDED_ONLY: profile === 'embedded' ? '1' : undefined },
  });
  return countTests(ended, { isOurs: new RegExp(OF_PROFILE[profile]), root: ROOT });
}
