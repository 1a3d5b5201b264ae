/** npm run coverage: every branch of the delivery state machine and of the accept path is taken by a test beside it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installIfNeeded } from './lib/install.mjs';
import { requireNode, runNode } from './lib/process.mjs';

const COMMANDS = 'packages/server/src/commands';
const RESILIENCE = 'packages/server/src/platform/resilience';

const stateMachine = ['inbox', 'navigate-runs', 'receipts', 'resume', 'retry-queue', 'screen-session'];
const acceptPath = [
  'accept',
  'acceptance',
  'commit',
  'fingerprint',
  'room-acceptance',
  'socket-order',
  'turns',
];
const measured = [
  `${COMMANDS}/{${[...stateMachine, ...acceptPath]}}.ts`,
  `${RESILIENCE}/{batch-processor,circuit-breaker}.ts`,
];
const tests = [
  ...['accept', 'accept-waits', 'commit', 'fingerprint', 'room-fan-out', 'socket-order', 'turns'],
  ...['inbox', 'inbox.model', 'receipts', 'recovery.model', 'retry-queue', 'screen-session'],
].map((name) => `${COMMANDS}/${name}.test.ts`);

requireNode();
await installIfNeeded();
const folder = mkdtempSync(join(tmpdir(), 'bongsu-coverage-'));
process.exitCode = await runNode('node_modules/vitest/vitest.mjs', [
  'run',
  '--project=unit',
  // Which database it is changes no branch of these files.
  '--testNamePattern=^(?!.*\\(postgres\\))',
  ...tests,
  `${RESILIENCE}/`,
  '--coverage.enabled',
  '--coverage.provider=v8',
  '--coverage.reporter=text',
  '--coverage.skipFull',
  `--coverage.reportsDirectory=${folder}`,
  ...measured.map((glob) => `--coverage.include=${glob}`),
  '--coverage.thresholds.branches=100',
  '--coverage.thresholds.perFile',
]);
rmSync(folder, { recursive: true, force: true });
