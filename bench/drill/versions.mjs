import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SERVER } from '../lib/bongsu.mjs';
import { checkOut } from '../lib/checkout.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const PACKAGE = join(ROOT, 'packages/server');
const MIGRATIONS = 'packages/server/migrations';
/** Older revisions know one node only. */
const SEVERAL_NODES = 'packages/server/src/platform/ephemeral/redis.ts';

/**
 * The two versions of a drill: {old: {name, bin}, new: {name, bin}, migrates, note, remove}; `migrates`: they must differ by a migration.
 * @param options.old options.new folders of the package `bongsu`, as installed
 * @param options.from a revision of this repository; the new one is this tree
 */
export function chooseVersions({ old, new: newer, from, log }) {
  const here = { name: 'this tree', bin: SERVER };
  const ofFolder = (folder) => ({ name: folder, bin: join(resolve(folder), 'bin/bongsu.js') });
  if (old !== undefined || newer !== undefined) {
    const [first, second] = [old, newer].map((folder) => (folder === undefined ? here : ofFolder(folder)));
    return { old: first, new: second, migrates: false, note: '', remove() {} };
  }
  if (from !== undefined) return { ...checkedOut(from, here, log), migrates: false };
  const before = beforeNewestMigration();
  if (before !== undefined && knows(before, SEVERAL_NODES))
    return { ...checkedOut(before, here, log), migrates: true };
  const made = withOneMigrationMore();
  return {
    old: here,
    new: { name: 'this tree with one migration more', bin: join(made, 'package/bin/bongsu.js') },
    migrates: true,
    note: `${before === undefined ? 'There is no history here' : `The version before the newest migration (${before.slice(0, 7)}) knows one node only`}, so both sides are this tree, and the new one has a migration more.`,
    remove: () => rmSync(made, { recursive: true, force: true }),
  };
}

function checkedOut(revision, here, log) {
  const { commit, bin, remove } = checkOut(revision, log);
  return { old: { name: commit.slice(0, 12), bin }, new: here, note: '', remove };
}

/** The commit before the one that added the newest file of migrations/; undefined without git. */
function beforeNewestMigration() {
  try {
    const newest = readdirSync(join(ROOT, MIGRATIONS)).sort().at(-1);
    const added = git('log', '--diff-filter=A', '--format=%H', '-1', '--', `${MIGRATIONS}/${newest}`);
    return git('rev-parse', '--verify', added === '' ? 'HEAD' : `${added}^`);
  } catch {
    return undefined;
  }
}

function knows(revision, path) {
  try {
    git('cat-file', '-e', `${revision}:${path}`);
    return true;
  } catch {
    return false;
  }
}

const git = (...args) =>
  execFileSync('git', args, { cwd: ROOT, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();

/** A copy of the package as the next version would be: it widens the tables that all commands go through. */
function withOneMigrationMore() {
  const folder = mkdtempSync(join(tmpdir(), 'bongsu-next-'));
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
  const copy = join(folder, 'package');
  mkdirSync(copy);
  for (const part of ['package.json', 'bin', 'dist', 'migrations'])
    cpSync(join(PACKAGE, part), join(copy, part), { recursive: true });
  const own = join(PACKAGE, 'node_modules');
  if (existsSync(own)) symlinkSync(own, join(copy, 'node_modules'));
  const number = String(readdirSync(join(copy, 'migrations')).length + 1).padStart(4, '0');
  writeFileSync(join(copy, 'migrations', `${number}_drill.sql`), MIGRATION);
  return folder;
}

const MIGRATION = `-- works-with: 0001
alter table streams add column drill text;
alter table commands add column drill text;
alter table screen_sessions add column drill text not null default '';
create index commands_drill on commands (sender_id) where drill is not null;
`;
