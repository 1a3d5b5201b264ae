import { statSync } from 'node:fs';
import { join } from 'node:path';
import { fingerprint, readStamp, writeStamp } from './fingerprint.mjs';
import { ROOT, runNpm, say } from './process.mjs';

const modified = (path) => statSync(join(ROOT, path), { throwIfNoEntry: false })?.mtimeMs;

/** Whether somebody ran npm themselves since the lockfile changed. */
function isInstalledByHand() {
  const installed = modified('node_modules/.package-lock.json');
  return installed !== undefined && installed >= (modified('package-lock.json') ?? 0);
}

/** `npm ci` when node_modules is missing or of another lockfile. */
export async function installIfNeeded() {
  const wanted = fingerprint(['package-lock.json']);
  if (modified('node_modules/.package-lock.json') !== undefined && readStamp('lockfile') === wanted) return;
  if (!isInstalledByHand()) {
    say('Installing dependencies (npm ci) …');
    if ((await runNpm(['ci', '--no-audit', '--no-fund'])) !== 0) {
      say('npm ci failed; see above. Is the registry reachable?');
      process.exit(1);
    }
  }
  writeStamp('lockfile', wanted);
}
