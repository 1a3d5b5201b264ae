import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { ERRORS } from '@bongsu/protocol';
import { describe, expect, it } from 'vitest';

const source = fileURLToPath(new URL('..', import.meta.url));
const texts = new Map(
  ['en.json', 'rooms.en.json', 'nodes.en.json'].flatMap((file) =>
    flatten(JSON.parse(readFileSync(`${source}/i18n/${file}`, 'utf8'))),
  ),
);
const code = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((path) => /\.tsx?$/.test(path) && !path.endsWith('.test.ts'))
  .map((path) => readFileSync(`${source}/${path}`, 'utf8'))
  .join('\n');
/** `t('a.b')`, and `t(\`a.${x}.b\`)` as a pattern. Plurals are asked for without their suffix. */
const literals = [...code.matchAll(/\bt\(\s*'([^']+)'/g)].map((match) => match[1] ?? '');
const patterns = [...code.matchAll(/\bt\(\s*`([^`]+)`/g)].map(
  (match) => new RegExp(`^${(match[1] ?? '').replace(/[.]/g, '\\.').replace(/\$\{[^}]+\}/g, '[^.]+')}$`),
);
const keys = [...texts.keys()].map((key) => key.replace(/_(zero|one|two|few|many|other)$/, ''));

function flatten(node: object, path = ''): [string, string][] {
  return Object.entries(node).flatMap(([key, value]: [string, unknown]): [string, string][] =>
    typeof value === 'string'
      ? [[path + key, value]]
      : flatten(value as Record<string, unknown>, `${path}${key}.`),
  );
}

describe('texts', () => {
  it('[INS6] every text that the code asks for is there', () => {
    expect(literals.length).toBeGreaterThan(100);
    expect(literals.filter((key) => !keys.includes(key))).toEqual([]);
    expect(patterns.filter((pattern) => !keys.some((key) => pattern.test(key)))).toEqual([]);
  });

  it('[INS6] every text is used', () => {
    const used = (key: string) => literals.includes(key) || patterns.some((pattern) => pattern.test(key));
    expect(keys.filter((key) => !used(key))).toEqual([]);
  });

  it('[INS6] every plural has the forms of English, and every text says something', () => {
    const missing = [...texts.keys()].filter(
      (key) => key.endsWith('_one') && !texts.has(key.replace(/_one$/, '_other')),
    );
    expect(missing).toEqual([]);
    expect([...texts].filter(([, text]) => text.trim() === '')).toEqual([]);
  });

  it('[SIG8] every error of the catalogue has a meaning and a next step, and no other has', () => {
    const explained = [...texts.keys()].flatMap((key) => key.match(/^errors\.(.+)\.meaning$/)?.[1] ?? []);
    expect(explained.sort()).toEqual([...Object.keys(ERRORS), 'NETWORK'].sort());
    for (const name of explained) expect(texts.get(`errors.${name}.todo`)).toBeTruthy();
  });
});

describe('layout', () => {
  it('[INS6] style sheets use logical properties only, so that right-to-left languages can follow', () => {
    const physical =
      /(?:^|[\s{;])(?:(?:margin|padding|border)-(?:left|right)|(?:left|right)\s*:|text-align:\s*(?:left|right)|float:)/m;
    const faulty = readdirSync(source, { recursive: true, encoding: 'utf8' })
      .filter((path) => path.endsWith('.css'))
      .filter((path) => physical.test(readFileSync(`${source}/${path}`, 'utf8')));
    expect(faulty).toEqual([]);
  });
});
