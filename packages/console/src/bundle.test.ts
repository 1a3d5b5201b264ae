import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';

const dist = fileURLToPath(new URL('../dist/', import.meta.url));
const BUDGET_BYTES = 250 * 1024;

interface Chunk {
  file: string;
  imports?: string[];
  dynamicImports?: string[];
}

let manifest: Record<string, Chunk> = {};

/** A module and all that it imports statically, by manifest key. */
function closure(key: string, seen = new Set<string>()): Set<string> {
  if (seen.has(key)) return seen;
  seen.add(key);
  for (const next of manifest[key]?.imports ?? []) closure(next, seen);
  return seen;
}

function gzippedBytes(keys: Iterable<string>): number {
  const files = new Set([...keys].map((key) => manifest[key]?.file).filter((file) => file !== undefined));
  return [...files].reduce((sum, file) => sum + gzipSync(readFileSync(dist + file)).length, 0);
}

const ENTRY = 'index.html';
const ADMIN = 'src/admin/mount.tsx';
const SCREEN = 'src/pages/screen/mount.tsx';

/** What a visit loads: the entry, the app it chooses and, for the administration, the page it opens. */
function visit(...parts: string[]): Set<string> {
  const all = new Set<string>();
  for (const part of [ENTRY, ...parts]) for (const key of closure(part)) all.add(key);
  return all;
}

// dist is made by `npm run build`, which comes before the tests in `npm test`.
describe.skipIf(!existsSync(`${dist}.vite/manifest.json`))('the built console', () => {
  beforeAll(() => {
    manifest = JSON.parse(readFileSync(`${dist}.vite/manifest.json`, 'utf8'));
  });

  it('[PRF4] the first visit to any page of the administration loads at most 250 KiB of JavaScript', () => {
    const pages = Object.keys(manifest).filter((key) => /^src\/pages\/.+-page\.tsx$/.test(key));
    expect(pages.length).toBeGreaterThan(5);
    const sizes = Object.fromEntries(pages.map((page) => [page, gzippedBytes(visit(ADMIN, page))]));
    for (const [page, bytes] of Object.entries(sizes)) expect(bytes, page).toBeLessThanOrEqual(BUDGET_BYTES);
  });

  it('[PRF4] a screen loads less than the budget, and nothing of the administration', () => {
    const screen = visit(SCREEN);
    expect(gzippedBytes(screen)).toBeLessThanOrEqual(BUDGET_BYTES);
    expect([...screen].filter((key) => key.startsWith('src/admin/'))).toEqual([]);
    const code = [...screen].map((key) => readFileSync(dist + (manifest[key]?.file ?? ''), 'utf8')).join('');
    expect(code).not.toMatch(/mantine-(Button|Modal|Menu)|createRootRoute/);
  });

  it('[MED4] the page has no inline script or style and loads nothing from elsewhere', () => {
    const html = readFileSync(`${dist}index.html`, 'utf8');
    expect(html).not.toMatch(/<style|style=|<script(?![^>]*\bsrc=)|https?:\/\//);
  });
});
