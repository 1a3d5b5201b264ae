import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(`./packages/${path}`, import.meta.url));

/**
 * Our modules hold no state of their own, so that files may share a process, and with it what is compiled, the engine's WASM above all:
 * a whole run of 11 min 19 s took 9 min 24 s with it.
 */
const isolate = false;

/** Of a test and a hook: models of some ten seconds of CPU, on a machine that has three other things to do. */
const PATIENCE_MS = 120_000;

/** What is waited for comes or does not; a busy machine is no fault. The second that is the default has failed tests. */
const waits = { poll: { timeout: 20_000 } };

/** Tests read the sources of the workspace packages, so that a change shows without a build. */
const alias = {
  '@bongsu/protocol': source('protocol/src/index.ts'),
  '@bongsu/client/file-store': source('client/src/file-store.ts'),
  '@bongsu/client': source('client/src/index.ts'),
  '@bongsu/conformance': source('conformance/src/index.ts'),
};

export default defineConfig({
  resolve: { alias },
  test: {
    // Most tests wait for databases and processes of their own: three files at a time suit two cores, where the default is one.
    maxWorkers: 3,
    // Once a run, whatever the project: the root's provided values reach all of them.
    globalSetup: ['packages/server/test/support/global-setup.ts'],
    projects: [
      {
        resolve: { alias },
        test: {
          name: 'unit',
          isolate,
          expect: waits,
          include: ['packages/*/src/**/*.test.ts'],
          exclude: ['**/dist/**', '**/node_modules/**'],
          testTimeout: PATIENCE_MS,
          hookTimeout: PATIENCE_MS,
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'server',
          isolate,
          expect: waits,
          include: ['packages/*/test/**/*.test.ts'],
          exclude: ['**/dist/**', '**/node_modules/**'],
          testTimeout: PATIENCE_MS,
          hookTimeout: PATIENCE_MS,
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'browser',
          isolate,
          expect: waits,
          include: ['test/browser/**/*.test.ts'],
          testTimeout: PATIENCE_MS,
          hookTimeout: PATIENCE_MS,
        },
      },
    ],
  },
});
