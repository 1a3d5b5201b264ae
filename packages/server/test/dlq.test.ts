import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../src/platform/database/database.js';
import { openPostgres } from '../src/platform/database/postgres.js';
import { BongsuProcesses } from './support/bongsu-processes.js';
import { runInProcess } from './support/command-line.js';
import { describePglite, describePostgres } from './support/databases.js';
import { testDeps } from './support/deps.js';
import { type PlantedLetter, plantLetter } from './support/letters.js';
import { createPgliteFolder, openTestPglite } from './support/pglite-databases.js';
import { createPostgresDatabase, postgresConfig } from './support/postgres-databases.js';

let folder: string;
let processes: BongsuProcesses;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bongsu-dlq-'));
  processes = new BongsuProcesses(folder);
});
afterEach(async () => {
  await processes.killAll();
  await rm(folder, { recursive: true, force: true });
});

async function plant(database: Database): Promise<PlantedLetter[]> {
  await database.exec(
    `with made as (insert into streams (kind, name) values ('screen', 'scr_a') returning id)
     insert into screen_sessions (screen_id, stream_id) select 'scr_a', id from made`,
  );
  const letters = [await plantLetter(database, 'scr_a', { error: 'no \u001b[31msignal' })];
  for (let n = 0; n < 3; n += 1) letters.push(await plantLetter(database, 'scr_a', { reason: 'lost' }));
  return letters;
}

describePglite('bongsu dlq', () => {
  let dataDir: string;
  let letters: PlantedLetter[];
  beforeEach(async () => {
    dataDir = await createPgliteFolder(true);
    const { database } = await openTestPglite(dataDir, { throwAway: false });
    letters = await plant(database);
    await database.close();
  });
  afterEach(() => rm(dataDir, { recursive: true, force: true }));
  const bongsu = (...args: string[]) => processes.run(args, { DATA_DIR: dataDir });
  const dlq = (...args: string[]) => runInProcess(['dlq', ...args], { DATA_DIR: dataDir });

  it('[MSG2] [DEP1] works beside the running server, and on the folder itself when none runs', async () => {
    const [first] = letters;
    const alone = await bongsu('dlq', 'list').ended;
    expect(alone).toMatchObject({ code: 0, err: '' });
    expect(alone.out.trim().split('\n')).toHaveLength(4);
    expect(alone.out).toMatch(
      new RegExp(`^${first?.id}  .*  trigger  show  rejected  1 attempt  no \uFFFD\\[31msignal$`, 'm'),
    );
    const shown = await dlq('show', first?.id ?? '');
    expect(shown).toMatchObject({ code: 0, err: '' });
    expect(shown.out).toContain('\npayload: {"action":"show"}\n');
    expect(shown.out).toContain('\nerror: no \uFFFD[31msignal\n');

    const server = bongsu('serve');
    await server.shows('is ready');
    const owner = JSON.parse(await readFile(join(dataDir, 'bongsu.lock'), 'utf8'));
    expect((await stat(owner.controlSocket)).mode & 0o777).toBe(0o600);
    const one = await bongsu('dlq', 'requeue', first?.id ?? '', '--json').ended;
    expect(one).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(one.out)).toEqual({
      requeued: [{ id: first?.id, commandId: expect.any(String) }],
      failed: [],
    });
    const unknown = randomUUID();
    const again = await dlq('requeue', first?.id ?? '', unknown);
    expect(again).toMatchObject({ code: 1, out: '' });
    const { commandId } = JSON.parse(one.out).requeued[0];
    expect(again.err).toMatch(
      new RegExp(
        `^bongsu: ${first?.id}: CONFLICT: It was already requeued as ${commandId}\nbongsu: ${unknown}: NOT_FOUND: `,
      ),
    );

    server.child.kill('SIGKILL');
    await server.ended;
    const left = await dlq('list', '--requeued', '--json');
    expect(left.code).toBe(0);
    expect(JSON.parse(left.out)).toMatchObject({
      items: [{ id: first?.id, requeuedAs: expect.any(String) }],
    });

    const next = bongsu('serve');
    await next.shows('is ready');
    const stats = await dlq('stats', '--json');
    expect(JSON.parse(stats.out)).toMatchObject({ total: 3, byReason: { lost: 3 }, byScreen: { scr_a: 3 } });
    const gone = letters[1]?.id ?? '';
    const deleted = await dlq('delete', gone, unknown, '--yes', '--json');
    expect(deleted).toMatchObject({ code: 1, err: expect.stringContaining(`${unknown}: NOT_FOUND`) });
    expect(JSON.parse(deleted.out)).toMatchObject({ deleted: [gone], failed: [{ id: unknown }] });
    expect(await dlq('show', gone)).toMatchObject({ code: 1, out: '' });
    const many = await dlq('requeue', '--screen', 'scr_a', '--yes', '--json');
    expect(many).toMatchObject({ code: 0, err: '' });
    expect(JSON.parse(many.out)).toEqual({ requeued: 2, left: 0 });
    next.child.kill('SIGTERM');
    expect((await next.ended).code).toBe(0);
    await expect(stat(owner.controlSocket)).rejects.toMatchObject({ code: 'ENOENT' });
    // Four processes, one after another.
  }, 120_000);
});

describe('bongsu', () => {
  it.each([
    [['requeue'], /either the ids/],
    [['requeue', randomUUID(), '--screen', 'scr_a'], /either the ids/],
    [['requeue', 'x'], /^bongsu: x is not the id of a dead letter$/m],
    [['requeue', '--reason', 'lost'], /say --yes/],
    [['list', '--reason', 'boredom'], /reason/],
    [['list', '--limit', '0'], /limit/],
    [['show'], /missing required argument/],
    [['show', 'nope'], /^bongsu: nope is not the id of a dead letter$/m],
    [['delete'], /missing required argument/],
    [['delete', randomUUID()], /say --yes/],
  ])('[DEP1] dlq %j is bad use: exit 2', async (args, message) => {
    const { code, out, err } = await runInProcess(['dlq', ...args], { DATA_DIR: folder });
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).toMatch(message);
  });

  it.each([[['dlq', 'stats']], [['migrate', 'status']]])(
    '[DEP1] %j makes no database where there is none, and says so',
    async (args) => {
      for (const dataDir of [folder, join(folder, 'none')]) {
        const err = `bongsu: There is no Bongsu database in ${dataDir} (DATA_DIR)\n`;
        expect(await runInProcess(args, { DATA_DIR: dataDir })).toEqual({ code: 1, out: '', err });
      }
      expect(await readdir(folder)).toEqual([]);
    },
  );
});

describePostgres('bongsu dlq', (_open, serverUrl) => {
  it('[MSG2] [DEP1] opens the database itself, whoever else has it open', async () => {
    const fresh = await createPostgresDatabase(serverUrl, true);
    const database = await openPostgres(postgresConfig(fresh.url), testDeps());
    try {
      const letters = await plant(database);
      const bongsu = (...args: string[]) =>
        runInProcess(['dlq', ...args], { DATABASE_URL: fresh.url, DATA_DIR: folder });
      const listed = await bongsu('list', '--reason', 'lost', '--limit', '2', '--json');
      const newest = letters.slice(-2).map(({ id }) => ({ id }));
      expect(JSON.parse(listed.out)).toMatchObject({ items: newest.reverse() });
      const [first, last] = [letters[0]?.id ?? '', letters.at(-1)?.id ?? ''];
      const shown = await bongsu('show', first, '--json');
      expect(JSON.parse(shown.out)).toMatchObject({
        id: first,
        payload: { action: 'show' },
        requeuedAs: null,
      });
      expect(await bongsu('stats')).toMatchObject({
        code: 0,
        out: expect.stringMatching(/^4 waiting, the oldest since 20.*\n(.*\n)*lost: 3\n(.*\n)*scr_a: 4\n/),
      });
      expect(await bongsu('delete', last, '--yes')).toMatchObject({
        code: 0,
        out: `${last}  deleted\n`,
        err: '',
      });
      const many = await bongsu('requeue', '--reason', 'lost', '--yes');
      expect(many).toMatchObject({ code: 0, out: '2 requeued, 0 left\n', err: '' });
      await plantLetter(database, 'scr_a');
      const full = await runInProcess(['dlq', 'requeue', '--screen', 'scr_a', '--yes'], {
        DATABASE_URL: fresh.url,
        DATA_DIR: folder,
        MAX_PENDING_PER_SCREEN: '2',
      });
      expect(full).toMatchObject({
        code: 1,
        out: '0 requeued, 2 left\n',
        err: 'bongsu: These screens are full: scr_a. Try again later.\n',
      });
      await database.query(`update streams set deleted_at = 1`);
      const gone = await bongsu('requeue', letters[0]?.id ?? '');
      expect(gone).toMatchObject({ code: 1, err: expect.stringContaining('SCREEN_NOT_FOUND') });
    } finally {
      await database.close();
      await fresh.drop();
    }
  });

  it('[DEP1] a database that is not up to date is said to be so', async () => {
    const fresh = await createPostgresDatabase(serverUrl, false);
    try {
      const env = { DATABASE_URL: fresh.url, DATA_DIR: folder };
      const { code, err } = await runInProcess(['dlq', 'list'], env);
      expect(code).toBe(1);
      expect(err).toContain('bongsu migrate up');
    } finally {
      await fresh.drop();
    }
  });
});
