import { randomUUID } from 'node:crypto';
import { beforeAll, beforeEach, expect, it } from 'vitest';
import { commandsHarness, emptyLedger, SENDER, triggerTo } from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import type { Database } from '../platform/database/database.js';
import { IdempotencyManager } from './idempotency-manager.js';
import { IdempotencyStore } from './idempotency-store.js';

const HOUR = 3_600_000;
const content = Uint8Array.of(1, 2, 3);

describeEachDatabase('idempotency of other operations', (open) => {
  let database: Database;
  let now = 1_000_000;
  const store = new IdempotencyStore();
  let manager: IdempotencyManager;
  beforeAll(async () => {
    database = await open();
  });
  beforeEach(async () => {
    await emptyLedger(database);
    manager = new IdempotencyManager({
      store,
      ledger: { find: async () => undefined },
      databaseClock: () => now,
    });
  });
  /** An operation that may fail after it registered. */
  const operate = (result: unknown, fingerprint = content, fails = false) =>
    database.transaction(async (tx) => {
      const seen = await manager.register(tx, 'screens', 'key', fingerprint);
      if (seen.status === 'known') return seen.result;
      if (fails) throw new Error('the operation failed');
      await manager.saveResult(tx, 'screens', 'key', result);
      return result;
    });

  it('[MSG1] answers a repetition from the first result, also when both come at once', async () => {
    const results = await Promise.all([1, 2, 3].map((n) => operate({ n })));
    expect(new Set(results.map((result) => JSON.stringify(result))).size).toBe(1);
    expect(await manager.getResult(database, 'screens', 'key')).toEqual(results[0]);
    expect(await manager.getResult(database, 'screens', 'other')).toBeUndefined();
    expect(await manager.getResult(database, 'rooms', 'key')).toBeUndefined();
  });

  it('[MSG1] refuses a key that stands for other content', async () => {
    await operate('first');
    const other = operate('second', Uint8Array.of(9));
    await expect(other).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
    expect(await operate('third')).toBe('first');
  });

  it('[MSG1] an operation that fails leaves its key free', async () => {
    await expect(operate('first', content, true)).rejects.toThrow('the operation failed');
    expect(await operate('second')).toBe('second');
  });

  it('[MSG1] keeps a result for 24 h, and until it is removed', async () => {
    await operate('first');
    now += 24 * HOUR - 1;
    expect(await operate('second')).toBe('first');
    now += 1;
    expect(await manager.getResult(database, 'screens', 'key')).toBeUndefined();
    expect(await operate('second')).toBe('second');
    await database.transaction((tx) => manager.remove(tx, 'screens', 'key'));
    expect(await operate('third')).toBe('third');
  });

  it('[MSG1] saving for a key that nobody registered is a conflict', async () => {
    const saving = database.transaction((tx) => manager.saveResult(tx, 'screens', 'key', 1));
    await expect(saving).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  it('[MSG1] a command’s id is answered from the ledger and cannot be registered, saved or removed', async () => {
    const harness = commandsHarness(database);
    await harness.addScreen('scr_a');
    const command = triggerTo('scr_a');
    const answer = await harness.send('trigger', command);
    const scope = IdempotencyManager.commandScope(SENDER);
    const { idempotency } = harness.commands;
    expect(await idempotency.getResult(database, scope, command.id)).toEqual({ ...answer, duplicate: true });
    expect(await idempotency.getResult(database, scope, randomUUID())).toBeUndefined();
    const conflict = { code: 'CONFLICT' };
    await expect(idempotency.register(database, scope, command.id, content)).rejects.toMatchObject(conflict);
    await expect(idempotency.saveResult(database, scope, command.id, 1)).rejects.toMatchObject(conflict);
    await expect(idempotency.remove(database, scope, command.id)).rejects.toMatchObject(conflict);
  });
});
