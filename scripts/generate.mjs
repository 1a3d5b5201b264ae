/** Writes the files that are made from code; with --check it only tells which of them are out of date, and exits with 1. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { readCatalogue } from '../bench/proofs/attacks/catalogue.mjs';
import { build } from './build.mjs';
import { renewAttacks } from './lib/attack-docs.mjs';
import { renderConfigPage, renderEnvExample, renewErrorTable } from './lib/config-docs.mjs';
import { renewGuarantee } from './lib/guarantee-docs.mjs';
import { readOpenApiDocument } from './lib/openapi-document.mjs';
import { ROOT, requireNode, say } from './lib/process.mjs';
import { renewExamples, renewReadme } from './lib/readme.mjs';
import { renewRights } from './lib/rights-docs.mjs';

requireNode();
await build();
const isCheck = process.argv.includes('--check');
const schema = await import('../packages/server/dist/config/schema.js');
const { ERRORS } = await import('../packages/protocol/dist/index.js');
const { PUSH_SCOPES, RIGHTS } = await import('../packages/server/dist/platform/rights.js');
const read = (path) => (existsSync(join(ROOT, path)) ? readFileSync(join(ROOT, path), 'utf8') : '');

const files = {
  '.env.example': renderEnvExample(schema),
  'docs/config.md': renderConfigPage(schema),
  'docs/errors.md': renewErrorTable(read('docs/errors.md'), ERRORS),
  'docs/guarantee.md': renewGuarantee(read('docs/guarantee.md')),
  'docs/identity.md': renewExamples(renewRights(read('docs/identity.md'), RIGHTS, PUSH_SCOPES)),
  'docs/regions.md': renewGuarantee(read('docs/regions.md')),
  'docs/security/attacks.md': renewAttacks(read('docs/security/attacks.md'), await readCatalogue()),
  'docs/hooks.md': renewExamples(read('docs/hooks.md')),
  'README.md': renewReadme(read('README.md')),
  'docs/openapi.json': await readOpenApiDocument(),
};
const stale = Object.entries(files).filter(([path, text]) => read(path) !== text);
for (const [path, text] of stale) {
  if (isCheck) say(`${path} is out of date: run npm run generate`);
  else {
    writeFileSync(join(ROOT, path), text);
    say(`Wrote ${path}`);
  }
}
process.exitCode = isCheck && stale.length > 0 ? 1 : 0;
