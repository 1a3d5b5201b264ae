import { existsSync } from 'node:fs';

/**
 * The file that a worker or child process of `entry` (`./pglite-worker`) runs: beside the compiled caller, or, when the
 * caller runs from its sources as in tests, its counterpart in dist.
 * @throws Error when dist was not built
 */
export function compiledEntry(entry: string, callerUrl: string): URL {
  const url = new URL(`${entry}.js`, callerUrl.replace('/packages/server/src/', '/packages/server/dist/'));
  if (!existsSync(url)) throw new Error(`${url.pathname} is missing: run "npx tsc -b" first`);
  return url;
}
