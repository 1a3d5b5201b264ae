import { readFileSync } from 'node:fs';
import { World } from '@bongsu/conformance';
import { expect, it, onTestFinished } from 'vitest';
import { openPostgres } from '../src/platform/database/postgres.js';
import { describePostgres } from './support/databases.js';
import { testDeps } from './support/deps.js';
import { postgresConfig } from './support/postgres-databases.js';
import { makeStorage, startOn } from './support/server.js';

const SECRET = 'Zk3vQ9xTb7Rm1LwYc5Hd8NfJ2GpSe6UaVt4KoXi0BqDnWzMhPyErCgFsAuLjOlIT';
const OTHER_SECRET = 'h7Wq2LzXv9Rb4TnKc6Jd1MfYs8GpEu3AoVtHi5QxBwDkZmPyNrCgFjAeSlOUIT0a';

const PAGE = new URL('../../../docs/disaster-recovery.md', import.meta.url);
const [, WAY_OUT = ''] = /^```sql\n([\s\S]*?)^```/m.exec(readFileSync(PAGE, 'utf8')) ?? [];

describePostgres('a JWT_SECRET that is lost', () => {
  it('[TOK1] is replaced as docs/disaster-recovery.md says: people log in, screens get new credentials', async () => {
    const storage = await makeStorage('postgres');
    onTestFinished(storage.remove);
    const original = await startOn(storage, { settings: { JWT_SECRET: SECRET } });
    const before = new World({ url: original.url });
    const owner = await before.person('owner');
    const device = await before.device(owner);
    await original.stop();
    const settings = { JWT_SECRET: OTHER_SECRET };
    await expect(startOn(storage, { settings })).rejects.toThrow('JWT_SECRET is not the one');

    const database = await openPostgres(postgresConfig(storage.settings.DATABASE_URL ?? ''), testDeps());
    await database.exec(WAY_OUT);
    await database.close();
    const server = await startOn(storage, { settings });
    onTestFinished(server.stop);
    const world = new World({ url: server.url });
    onTestFinished(() => world.sockets.closeAll());
    for (const { refreshToken } of [owner, device])
      expect((await world.http.post('/api/auth/refresh', { refreshToken })).status).toBe(401);
    const credential = await world.credential(await world.logIn(owner), device.screenId);
    expect((await world.connectScreen(credential)).ready).toBeDefined();
  });
});
