import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

function pages(): string[] {
  const docs = readdirSync(join(ROOT, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`);
  const readmes = readdirSync(join(ROOT, 'packages')).map((name) => `packages/${name}/README.md`);
  return ['README.md', 'CONTRIBUTING.md', ...docs, ...readmes].filter((path) => existsSync(join(ROOT, path)));
}

/** Without what is code, in blocks or in lines. */
function proseOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8')
    .replace(/^```[\s\S]*?^```/gm, '')
    .replace(/`[^`\n]*`/g, (code) => code.replace(/[[\]()]/g, ''));
}

/** As GitHub makes them out of headings. */
function anchorsOf(path: string): Set<string> {
  const anchors = new Set<string>();
  for (const [, heading = ''] of proseOf(path).matchAll(/^#{1,6} (.+)$/gm)) {
    const plain = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = plain
      .replace(/[^\p{L}\p{N}\s_-]/gu, '')
      .trim()
      .replace(/\s/g, '-');
    let name = anchor;
    for (let n = 1; anchors.has(name); n += 1) name = `${anchor}-${n}`;
    anchors.add(name);
  }
  for (const [, id = ''] of proseOf(path).matchAll(/<a (?:id|name)="([^"]+)"/g)) anchors.add(id);
  return anchors;
}

function linksOf(path: string): string[] {
  const text = proseOf(path);
  const inline = [...text.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)];
  const named = [...text.matchAll(/^\[[^\]]+\]:\s*(\S+)/gm)];
  const html = [...text.matchAll(/(?:href|src|srcset)="([^"]+)"/g)];
  return [...inline, ...named, ...html]
    .map(([, to = '']) => to)
    .filter((to) => !/^[a-z][a-z0-9+.-]*:/i.test(to));
}

/** Why a link leads nowhere; undefined when it does not. */
function faultOf(path: string, to: string): string | undefined {
  const [file = '', anchor] = to.split('#');
  const target = file === '' ? join(ROOT, path) : resolve(ROOT, dirname(path), decodeURIComponent(file));
  const place = relative(ROOT, target);
  if (place.startsWith('..') || !existsSync(target)) return `${path}: ${to} is no file`;
  if (anchor === undefined || statSync(target).isDirectory() || !target.endsWith('.md')) return undefined;
  return anchorsOf(place).has(anchor) ? undefined : `${path}: ${to} is no heading`;
}

it('[MSG6] [STB6] every relative link of the README files and docs leads to a file, and to a heading in it', () => {
  const links = pages().flatMap((path) => linksOf(path).map((to) => [path, to] as const));
  expect(links.length).toBeGreaterThan(40);
  expect(links.flatMap(([path, to]) => faultOf(path, to) ?? [])).toEqual([]);
});
