import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ensureFolder } from './ensure-folder.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'bongsu-folder-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

it('[DEP1] makes a folder and its parents, whoever else is making them at the same moment', async () => {
  for (let round = 0; round < 50; round += 1) {
    const path = join(root, String(round), 'data', 'secrets');
    await Promise.all(Array.from({ length: 8 }, () => ensureFolder(path)));
    expect((await stat(path)).isDirectory()).toBe(true);
  }
});

it('[DEP1] ends where no folder can be made', async () => {
  await expect(ensureFolder('/proc/none/of/these')).rejects.toThrow('ENOENT');
});
