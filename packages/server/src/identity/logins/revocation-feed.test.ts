import { randomUUID } from 'node:crypto';
import { beforeEach, expect, it } from 'vitest';
import { describePglite } from '../../../test/support/databases.js';
import { HubBus } from '../../../test/support/hub-bus.js';
import { ManualClock } from '../../../test/support/manual-clock.js';
import { type Database, DatabaseError } from '../../platform/database/database.js';
import type { Bus } from '../../platform/ephemeral/ephemeral.js';
import { silentLog } from '../../platform/log.js';
import { insertRevocation } from '../store/revocations.js';
import { RevocationFeed } from './revocation-feed.js';

const turn = () => new Promise(setImmediate);

describePglite('the feed of ended logins', (open) => {
  let database: Database;
  let another: Bus;
  let feed: RevocationFeed;
  let heard: (string | undefined)[];
  let reads: number;
  /** What was read is answered after it. */
  let answer: Promise<void>;
  let clock: ManualClock;
  /** The next statement with this text goes to a dead connection: nothing ends it but its deadline. */
  let hanging: string;

  beforeEach(async () => {
    database = await open();
    clock = new ManualClock();
    hanging = 'none';
    const hub = new HubBus();
    another = hub.join();
    [heard, reads, answer] = [[], 0, Promise.resolve()];
    const query: Database['query'] = async <Row extends object>(...asked: Parameters<Database['query']>) => {
      if (asked[0].includes(hanging)) return hang(asked[2]?.timeoutMs);
      const rows = database.query<Row>(...asked);
      if (!asked[0].includes('from revocations where seq >')) return rows;
      reads += 1;
      await Promise.all([rows, answer]);
      return rows;
    };
    feed = new RevocationFeed({
      database: { query } as Database,
      bus: hub.join(),
      clock,
      log: silentLog,
      live: { settle() {}, forgetUser() {}, forgetAll() {} },
      keyHolders: { forget() {}, forgetUser() {}, forgetAll() {} },
      keys: { hear: async () => undefined, reload: async () => undefined },
    } as unknown as ConstructorParameters<typeof RevocationFeed>[0]);
    await feed.start();
    reads = 0;
    feed.onRevoked(({ sessionId }) => heard.push(sessionId));
    return () => feed.stop();
  });

  const hang = (timeoutMs = 30_000) => {
    hanging = 'none';
    const tooLong = new DatabaseError('commit-unknown', 'The statement took longer than its deadline');
    return new Promise<never>((_, reject) => clock.after(timeoutMs, () => reject(tooLong)));
  };
  const revoke = () =>
    insertRevocation(database, { kind: 'session', id: randomUUID(), reason: 'signed-out', at: 1, until: 2 });

  it('[ND18] a hint that comes while it reads is read for anew', async () => {
    let release = () => {};
    answer = new Promise((resolve) => {
      release = resolve;
    });
    another.publish('identity.revocations', {});
    await expect.poll(() => reads).toBe(1);
    // By the same connection, so after that reading.
    const { id } = await revoke();
    another.publish('identity.revocations', {});
    await turn();
    release();
    await expect.poll(() => heard).toEqual([id]);
  });

  it('[ND18] what this process ended itself it need not read', async () => {
    const own = await revoke();
    feed.committed([own]);
    await turn();
    expect(heard).toEqual([own.id]);
    const { id } = await revoke();
    another.publish('identity.revocations', {});
    await expect.poll(() => heard).toEqual([own.id, id]);
    expect(reads).toBe(1);
  });

  it.each(['current_epoch', 'from revocations where seq >'])(
    '[ND18] is heard within 5 s though a connection hangs when %s is asked',
    async (text) => {
      const { id } = await revoke();
      hanging = text;
      clock.advance(2500);
      await expect.poll(() => hanging).toBe('none');
      clock.advance(2500);
      await expect.poll(() => heard).toEqual([id]);
    },
  );
});
