import { randomUUID } from 'node:crypto';
import { beforeEach, expect, it } from 'vitest';
import { type CommandsHarness, commandsHarness, SENDER, triggerTo } from '../../test/support/commands.js';
import { describeEachDatabase } from '../../test/support/databases.js';
import type { Database } from '../platform/database/database.js';

describeEachDatabase('accepting', (open) => {
  let database: Database;
  let harness: CommandsHarness;
  beforeEach(async () => {
    database = await open();
    harness = commandsHarness(database);
    await harness.commands.start();
    await harness.addScreen('scr_a');
    return () => harness.commands.stop(AbortSignal.timeout(1000));
  });
  const stored = (id: string) =>
    database.query('select seq from commands where sender_id = $1 and id = $2', [SENDER, id]);

  it('[DL1] [MSG3] [MSG4] answers accepted when the command is stored, numbered from 1', async () => {
    const command = triggerTo('scr_a', { data: { n: 1 } });
    const answer = await harness.send('trigger', command);
    expect(answer).toEqual({
      id: command.id,
      status: 'accepted',
      stream: 'screen:scr_a',
      seq: 1,
      epoch: await harness.commands.currentEpoch(),
      acceptedAt: expect.any(Number),
      duplicate: false,
    });
    expect(await stored(command.id)).toEqual([{ seq: 1 }]);
  });

  it('[DL2] [MSG1] stores 50 copies sent at once only once, and answers all alike', async () => {
    const command = triggerTo('scr_a', { data: { n: 1 } });
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, socket) => harness.send('trigger', command, { socketId: `${socket}` })),
    );
    expect(answers.filter((answer) => !answer.duplicate)).toHaveLength(1);
    expect(new Set(answers.map((answer) => answer.seq))).toEqual(new Set([1]));
    expect(await stored(command.id)).toHaveLength(1);
    const later = await harness.send('trigger', command);
    expect(later).toEqual({ ...answers[0], duplicate: true });
  });

  it('[DL3] [MSG1] refuses the same id with other content, whatever is in flight', async () => {
    const id = randomUUID();
    const one = harness.send('trigger', triggerTo('scr_a', { id, data: { n: 1 } }));
    const other = harness.send('trigger', triggerTo('scr_a', { id, data: { n: 2 } }));
    await expect(one).resolves.toMatchObject({ seq: 1 });
    await expect(other).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
    const later = harness.send('trigger', triggerTo('scr_a', { id, action: 'hide' }));
    await expect(later).rejects.toMatchObject({ code: 'IDEMPOTENCY_CONFLICT' });
  });
});
