import { fileURLToPath } from 'node:url';
import { countTests } from '../../lib/test-report.mjs';
import { runVitest } from '../../lib/vitest.mjs';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SERVER = 'packages/server/test/';
const FILES = [
  'conformance',
  ...['rights', 'api-keys', 'room-screens', 'room-seats-and-tokens'],
  // What is left out there is about one server's own reading of a request: its frames, headers and cookies.
  ...['access', 'api-keys', 'input', 'logins', 'mfa', 'tokens', 'users'].map((name) => `attacks/${name}`),
].map((name) => `${SERVER}${name}.test.ts`);
/** What needs a database of a server, and what says by itself that it runs on several nodes. */
const TITLES = '\\((postgres|\\d nodes)\\)';

/**
 * The tests of one server, unchanged, on several nodes behind a balancer. Conformance puts those who talk to each other on different
 * nodes, and fails when less than 40 % of what is delivered crosses from one to another.
 */
export async function runSuites({ nodes, balancer }) {
  const ended = await runVitest(ROOT, {
    files: FILES,
    titles: TITLES,
    env: { TEST_NODES: String(nodes), TEST_BALANCER: balancer },
  });
  return countTests(ended, { isOurs: new RegExp(TITLES), root: ROOT });
}
