import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const FAMILIES = ['ID', 'SK', 'DL', 'SC', 'RM', 'CL', 'ER', 'HT', 'ND'];

function sources(folder: string, wanted: (path: string) => boolean): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/node_modules|[/\\]dist[/\\]/.test(path) && wanted(path))
    .map((path) => readFileSync(path, 'utf8'));
}

const idsIn = (text: string) => [...text.matchAll(/\[([A-Z]{2,4}\d+)\]/g)].map(([, id]) => id ?? '');

const documented = [
  ...readFileSync(join(root, 'docs/protocol.md'), 'utf8').matchAll(/^- \*\*\[([A-Z]{2}\d+)\]\*\*/gm),
].map(([, id]) => id ?? '');
const conformance = sources(
  'packages/conformance/src',
  (path) => path.endsWith('.ts') && !path.endsWith('rules.test.ts'),
);
const isTest = (path: string) => path.endsWith('.test.ts');
const tests = [...conformance, ...sources('packages', isTest), ...sources('test', isTest)];

it('the rules of docs/protocol.md are numbered once each, family by family', () => {
  expect(documented.length).toBeGreaterThan(50);
  expect(new Set(documented).size).toBe(documented.length);
  for (const family of FAMILIES) {
    const numbers = documented.filter((id) => id.startsWith(family)).map((id) => Number(id.slice(2)));
    expect(numbers, family).toEqual(numbers.map((_, n) => n + 1));
  }
});

it('every rule of docs/protocol.md is in the title of a test', () => {
  const tested = new Set(tests.flatMap(idsIn));
  expect(documented.filter((id) => !tested.has(id))).toEqual([]);
});

it('every rule that a conformance test names is in docs/protocol.md', () => {
  // Two letters and a number: three letters are a promise of the requirements.
  const named = new Set(conformance.flatMap(idsIn).filter((id) => /^[A-Z]{2}\d/.test(id)));
  expect([...named].filter((id) => !documented.includes(id))).toEqual([]);
});
