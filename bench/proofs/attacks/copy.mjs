import { execFileSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** Sources that tests read; the rest of a package is only linked to. */
const COPIED = {
  protocol: ['src', 'package.json', 'tsconfig.json'],
  conformance: ['src', 'package.json'],
  client: ['src', 'test', 'package.json', 'tsconfig.json'],
  server: ['src', 'test', 'bin', 'migrations', 'package.json'],
};
const LINKED = ['node_modules', 'bench', 'docs', 'examples', 'scripts'];
const CONSOLE = ['src', 'public', 'dist', 'index.html', 'vite.config.ts', 'package.json', 'tsconfig.json'];
const FILES = ['package.json', 'vitest.config.ts', 'tsconfig.base.json'];

/** A copy of the sources in which tests run as they do here, and where a defence may be taken out. */
export class Copy {
  /** @param built with what was built and the console, for tests of a server process and its pages */
  constructor({ built = false } = {}) {
    this.folder = mkdtempSync(join(tmpdir(), 'bongsu-attacks-'));
    for (const [name, parts] of Object.entries(COPIED)) {
      const folder = join(this.folder, 'packages', name);
      mkdirSync(folder, { recursive: true });
      for (const part of parts)
        cpSync(join(ROOT, 'packages', name, part), join(folder, part), { recursive: true });
      // Workers of the embedded database run from what was built, as they do here.
      const dist = join(ROOT, 'packages', name, 'dist');
      if (built) cpSync(dist, join(folder, 'dist'), { recursive: true });
      else symlinkSync(dist, join(folder, 'dist'), 'junction');
    }
    this.#addConsole(built);
    symlinkSync(
      join(ROOT, 'packages/server/node_modules'),
      join(this.folder, 'packages/server/node_modules'),
      'junction',
    );
    for (const path of LINKED) symlinkSync(join(ROOT, path), join(this.folder, path), 'junction');
    for (const file of FILES) cpSync(join(ROOT, file), join(this.folder, file));
  }

  #addConsole(built) {
    const [from, to] = [join(ROOT, 'packages/console'), join(this.folder, 'packages/console')];
    if (!built) return symlinkSync(from, to, 'junction');
    for (const part of CONSOLE) cpSync(join(from, part), join(to, part), { recursive: true });
    cpSync(join(ROOT, 'test/browser'), join(this.folder, 'test/browser'), { recursive: true });
    if (existsSync(join(from, 'node_modules')))
      symlinkSync(join(from, 'node_modules'), join(to, 'node_modules'), 'junction');
  }

  /** Builds the pages anew from the sources of this copy. */
  buildConsole() {
    const vite = join(this.folder, 'node_modules/vite/bin/vite.js');
    const cwd = join(this.folder, 'packages/console');
    execFileSync(process.execPath, [vite, 'build', '--logLevel', 'warn'], { cwd, stdio: 'pipe' });
  }

  /**
   * Makes the changes; the answer undoes them. Each text must stand exactly once.
   * @throws Error when it does not, so that nothing passes for planted when the code has moved on
   */
  plant(changes) {
    const before = new Map();
    const undo = () => {
      for (const [path, text] of before) writeFileSync(path, text);
    };
    try {
      for (const { file, find, replace } of changes) {
        const path = join(this.folder, file);
        const text = readFileSync(path, 'utf8');
        if (!before.has(path)) before.set(path, text);
        const places = text.split(find).length - 1;
        if (places !== 1) throw new Error(`${file} holds ${places} times, instead of once: ${find}`);
        writeFileSync(
          path,
          text.replace(find, () => replace),
        );
      }
    } catch (error) {
      undo();
      throw error;
    }
    return undo;
  }

  remove() {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
