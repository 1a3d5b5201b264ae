import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { cp, mkdtemp, open, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { send, trigger, World } from '@bongsu/conformance';
import { type Failure, HealthSchema } from '@bongsu/protocol';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPgliteFolder } from './support/pglite-databases.js';
import { findPostgresToHurt, startPostgres } from './support/postgres.js';
import { type RunningServer, startOn } from './support/server.js';

const DISK = '96m';
const COMMAND_BYTES = 15_000;
/** More than the disk holds. */
const MOST_COMMANDS = 20_000;
const SIDE_BY_SIDE = 50;

/** A small disk of its own, which only root can make: elsewhere the suite says that it did not run. */
async function makeDisk(): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'bongsu-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK},mode=0700`, 'tmpfs', folder], {
      stdio: 'ignore',
    });
    return folder;
  } catch {
    await rm(folder, { recursive: true });
    return undefined;
  }
}

async function fill(path: string, leaveBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(path);
  const file = await open(join(path, 'ballast'), 'w');
  await file.write(Buffer.alloc(Math.max(0, bavail * bsize - leaveBytes)));
  await file.close();
}

const binaries = await findPostgresToHurt('A full disk under PostgreSQL');
const disks = { embedded: await makeDisk(), postgres: binaries && (await makeDisk()) };
if (disks.embedded === undefined) console.warn('SKIPPED: a full disk needs root and tmpfs');

interface Stored {
  settings: Record<string, string>;
  end(): Promise<void>;
}

/** The data on the small disk. */
const storages = {
  async embedded(folder: string): Promise<Stored> {
    const template = await createPgliteFolder(true);
    await cp(template, join(folder, 'data'), { recursive: true });
    await rm(template, { recursive: true });
    return { settings: { DATA_DIR: join(folder, 'data') }, end: async () => {} };
  },
  async postgres(folder: string): Promise<Stored> {
    const postgres = await startPostgres({ dataFolder: folder });
    const dataDir = await mkdtemp(join(tmpdir(), 'bongsu-test-'));
    const end = async () => {
      await postgres.remove();
      await rm(dataDir, { recursive: true });
    };
    return { settings: { DATA_DIR: dataDir, DATABASE_URL: postgres.url }, end };
  },
};

describe.each(['embedded', 'postgres'] as const)('a full disk (%s)', (profile) => {
  const folder = disks[profile] ?? '';
  let stored: Stored;
  let server: RunningServer;
  let world: World;

  beforeEach(async ({ skip }) => {
    if (folder === '') return skip();
    stored = await storages[profile](folder);
    const settings = { ...stored.settings, COMMAND_RATE_PER_MINUTE: '10000000' };
    server = await startOn(
      { settings, remove: async () => {} },
      { settings: { MAX_PENDING_PER_SCREEN: '1000000' } },
    );
    world = new World({ url: server.url });
  });
  afterEach(async () => {
    if (folder === '') return;
    world.sockets.closeAll();
    await server.stop();
    await stored.end();
    execFileSync('umount', ['-l', folder]);
    await rm(folder, { recursive: true });
  });

  it('[DL1] [DL81] accepting stops with UNAVAILABLE, goes on when there is room, and nothing accepted is lost', async () => {
    const owner = await world.person('owner');
    const { screenId } = await world.createScreen(owner);
    const socket = await world.controller(owner);
    const accepted: string[] = [];
    const refusals = new Set<string>();
    const one = async () => {
      const command = trigger(screenId, { data: randomBytes(COMMAND_BYTES / 2).toString('hex') });
      const answer = (await socket.timeout(30_000).emitWithAck('trigger', command)) as
        | { success: true }
        | Failure;
      if (answer.success) accepted.push(command.id);
      else refusals.add(answer.error.code);
    };
    await one();
    await fill(folder, 4_000_000);
    for (let sent = 0; refusals.size === 0 && sent < MOST_COMMANDS; sent += SIDE_BY_SIDE)
      await Promise.all(Array.from({ length: SIDE_BY_SIDE }, one));
    await one();
    // What may have been written when the engine stopped is neither accepted nor refused.
    expect([...refusals].filter((code) => code !== 'INDETERMINATE')).toEqual(['UNAVAILABLE']);
    const { status } = HealthSchema.parse((await world.http.get('/api/health')).body);
    expect(['ok', 'unavailable']).toContain(status);

    await rm(join(folder, 'ballast'));
    const before = accepted.length;
    await expect
      .poll(async () => one().then(() => accepted.length), { timeout: 30_000, interval: 500 })
      .toBeGreaterThan(before);
    for (let from = 0; from < accepted.length; from += 100) {
      const ids = accepted.slice(from, from + 100);
      const { items } = (await send(socket, 'status', { ids })) as { items: { status: string }[] };
      expect(items.map((item) => item.status)).toEqual(ids.map(() => 'accepted'));
    }
  }, 120_000);
});
