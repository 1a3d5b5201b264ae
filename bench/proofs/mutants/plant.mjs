import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PARTS = ['dist', 'bin', 'chaos', 'migrations', 'package.json'];

/**
 * A copy of the built package `bongsu` in `folder`, with the changes of a mutant: each names a file of the package and a text that
 * must stand there exactly once. @throws Error when it does not, so that a mutant never passes for planted when the code has moved on
 */
export function plant(folder, changes) {
  const copy = join(folder, 'packages/server');
  mkdirSync(copy, { recursive: true });
  const original = join(ROOT, 'packages/server');
  for (const part of PARTS) cpSync(join(original, part), join(copy, part), { recursive: true });
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'junction');
  symlinkSync(join(original, 'node_modules'), join(copy, 'node_modules'), 'junction');
  for (const { file, find, replace, append } of changes) {
    const path = join(copy, file);
    const text = readFileSync(path, 'utf8');
    if (append !== undefined) {
      writeFileSync(path, `${text}\n${append}\n`);
      continue;
    }
    const places = text.split(find).length - 1;
    if (places !== 1) throw new Error(`${file} holds ${places} times, instead of once:\n${find}`);
    writeFileSync(
      path,
      text.replace(find, () => replace),
    );
  }
  return copy;
}
