import fc from 'fast-check';
import { expect, it } from 'vitest';
import { InboxModel, MODEL_STEPS, type ModelStep } from '../../test/support/inbox-model.js';

const WEIGHTS: Partial<Record<ModelStep, number>> = { page: 4, run: 6, commit: 6, trigger: 3, navigate: 3 };
const action = fc.tuple(
  fc.oneof(...MODEL_STEPS.map((step) => ({ weight: WEIGHTS[step] ?? 1, arbitrary: fc.constant(step) }))),
  fc.nat(1000),
);

it('[DL43] [DL44] [DL50] [MSG3] whatever happens in whatever order: in order, begun once, ended once, nothing later before a COMMIT', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(
      fc.array(action, { maxLength: 150, size: 'max' }),
      fc.constantFrom(1, 2, 3, 5, 32),
      fc.nat(12),
      (actions, window, waiting) => {
        const model = new InboxModel(window, waiting);
        for (const [step, chance] of actions) model.act(step, chance);
        model.finish();
        for (const status of model.outcomes.values()) seen.add(status);
      },
    ),
    { numRuns: 300 },
  );
  expect([...seen].sort()).toEqual(['cancelled', 'dead', 'executed', 'expired', 'superseded']);
});

it('[DL49] a screen that dies of an entry again and again loses that entry only', () => {
  const model = new InboxModel(4, 3);
  for (let n = 0; n < 30; n += 1) {
    model.act('page', 4);
    model.act('disconnect', 1);
    model.act('commit', 0);
  }
  expect([...model.outcomes]).toEqual([
    [1, 'dead'],
    [2, 'dead'],
    [3, 'dead'],
  ]);
});
