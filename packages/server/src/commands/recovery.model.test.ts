import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  OFFSETS,
  RECOVERY_STEPS,
  RecoveryModel,
  type RecoveryStep,
} from '../../test/support/recovery-model.js';

const WEIGHTS: Partial<Record<RecoveryStep, number>> = { accept: 4, read: 5, take: 8, receipt: 6, write: 5 };
const action = fc.tuple(
  fc.oneof(...RECOVERY_STEPS.map((step) => ({ weight: WEIGHTS[step] ?? 1, arbitrary: fc.constant(step) }))),
  fc.constantFrom(...OFFSETS),
  fc.nat(1000),
);

it('[DL18] [DL29] [DL17] [STB5] however often connection, server and ledger are lost, each entry runs once and none is left', async () => {
  const reasons = new Set<string>();
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { maxLength: 120, size: 'max' }),
      fc.constantFrom(1, 2, 5),
      async (actions, window) => {
        const model = new RecoveryModel(window);
        for (const [step, offset, chance] of actions) await model.act(step, offset, chance);
        await model.finish();
        for (const reason of model.reasons) reasons.add(reason);
      },
    ),
    { numRuns: 200 },
  );
  expect([...reasons].sort()).toEqual(['ahead', 'epoch', 'recovered']);
});
