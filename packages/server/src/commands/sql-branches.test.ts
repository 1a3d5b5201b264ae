import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const root = fileURLToPath(new URL('../../../../', import.meta.url));

function read(folder: string, wanted: RegExp): string {
  return readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && wanted.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => !/node_modules|[/\\]dist[/\\]/.test(path))
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n');
}

const rows = read('docs', /^sql-branches.*\.md$/)
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| function'))
  .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, '')));
const functions = new Set(
  [
    ...read('packages/server/migrations', /\.sql$/).matchAll(/^create (?:or replace )?function (\w+)\(/gm),
  ].map(([, name]) => name),
);

it('[MSG5] every branch in docs/sql-branches*.md names a function and the whole title of a test', () => {
  const tests = read('packages', /\.test\.ts$/);
  expect(rows.length).toBeGreaterThan(80);
  for (const [name, , title] of rows) {
    expect([...functions]).toContain(name);
    expect(tests.includes(`'${title}'`) || tests.includes(`"${title}"`), title).toBe(true);
  }
});

it('[MSG5] every function of the migrations has its branches there', () => {
  const described = new Set(rows.map(([name]) => name));
  expect([...functions].filter((name) => !described.has(name))).toEqual([]);
});
