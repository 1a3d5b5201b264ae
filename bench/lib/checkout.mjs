import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CODE = ['protocol', 'client', 'conformance', 'server'].map((name) => `packages/${name}`);

/** Another commit of this repository, built in a temporary folder. `bin` starts its server. */
export function checkOut(commit, log = () => {}) {
  const folder = mkdtempSync(join(tmpdir(), 'bongsu-base-'));
  const git = (...args) =>
    execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  const remove = () => {
    process.off('exit', remove);
    rmSync(folder, { recursive: true, force: true });
    git('worktree', 'prune');
  };
  process.once('exit', remove);
  try {
    const full = git('rev-parse', '--verify', `${commit}^{commit}`);
    git('worktree', 'add', '--detach', '--force', folder, full);
    log(`building ${full.slice(0, 7)} in ${folder}`);
    if (sameLock(folder)) linkModules(folder);
    else run(folder, 'npm', ['ci', '--prefer-offline', '--no-audit', '--no-fund']);
    run(folder, process.execPath, ['node_modules/typescript/bin/tsc', '-b', 'packages/server']);
    return { commit: full, bin: join(folder, 'packages/server/bin/bongsu.js'), remove };
  } catch (error) {
    remove();
    throw error;
  }
}

function sameLock(folder) {
  const [theirs, ours] = [folder, ROOT].map((root) => readFileSync(join(root, 'package-lock.json'), 'utf8'));
  return theirs === ours;
}

/** What is installed here, by links, but its own packages: a link to the whole folder would lead back to ours. */
function linkModules(folder) {
  const link = (path) => symlinkSync(join(ROOT, path), join(folder, path));
  mkdirSync(join(folder, 'node_modules/@bongsu'), { recursive: true });
  for (const name of readdirSync(join(ROOT, 'node_modules')))
    if (name !== '@bongsu') link(`node_modules/${name}`);
  for (const path of CODE) {
    symlinkSync(join(folder, path), join(folder, 'node_modules/@bongsu', path.slice('packages/'.length)));
    if (readdirSync(join(ROOT, path)).includes('node_modules')) link(`${path}/node_modules`);
  }
}

function run(cwd, command, args) {
  execFileSync(command, args, { cwd, stdio: ['ignore', 2, 2] });
}
