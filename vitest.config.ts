import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(`./packages/${path}`, import.meta.url));

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
    // Most tests wait for databases and processes of their own: two files at a time suit two cores, where the default is one.
    maxWorkers: 2,
    // Once a run, whatever the project: the root's provided values reach all of them.
    globalSetup: ['packages/server/test/support/global-setup.ts'],
    projects: [
      {
        resolve: { alias },
        test: {
          name: 'unit',
          include: ['packages/*/src/**/*.test.ts'],
          exclude: ['**/dist/**', '**/node_modules/**'],
          // The first of a suite may have to make a cluster.
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'server',
          include: ['packages/*/test/**/*.test.ts'],
          exclude: ['**/dist/**', '**/node_modules/**'],
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
      },
      {
        resolve: { alias },
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
