#!/usr/bin/env node
import { existsSync } from 'node:fs';

const entry = new URL('../dist/main.js', import.meta.url);
if (existsSync(entry)) {
  const { main } = await import(entry.href);
  await main(process.argv.slice(2));
} else {
  process.stderr.write('bongsu: not built yet. Run this in the workspace first: npm ci && npm run build\n');
  process.exitCode = 1;
}
