import assert from 'node:assert/strict';
import fc from 'fast-check';
import { it } from 'vitest';
import { CALL_STEPS, type CallStep, CallWorld, HARD_STEPS } from '../../test/support/call-world.js';
import type { PerfectPeer } from '../../test/support/perfect-peer.js';

const WEIGHTS: Partial<Record<CallStep, number>> = {
  ...{ up: 6, down: 6, operation: 6, hear: 12, answer: 4 },
  ...{ gather: 2, need: 2, notice: 3, return: 2 },
};
const scripts = (steps: readonly CallStep[]) =>
  fc.array(
    fc.tuple(
      fc.oneof(...steps.map((step) => ({ weight: WEIGHTS[step] ?? 1, arbitrary: fc.constant(step) }))),
      fc.nat(2),
      fc.nat(5),
    ),
    { maxLength: 100, size: 'max' },
  );
const people = fc.constantFrom(2, 2, 3);

/** Both stable, in the same negotiation. */
function expectConnected(one: PerfectPeer, other: PerfectPeer): void {
  const [ours, theirs] = [one.pc.current, other.pc.current];
  assert.deepEqual([one.pc.signalingState, other.pc.signalingState], ['stable', 'stable']);
  assert.deepEqual([ours.local?.sdp, ours.remote?.sdp], [theirs.remote?.sdp, theirs.local?.sdp]);
}

async function play(world: CallWorld, script: [CallStep, number, number][], heals: boolean): Promise<void> {
  for (const [step, who, whom] of script) await world.act(step, who, whom);
  await world.settle(heals);
  for (const { name, peers } of world.clients)
    for (const [peerName, peer] of peers) {
      const other = world.clients.find((client) => client.name === peerName);
      expectConnected(peer, other?.peers.get(name) as PerfectPeer);
    }
}

it('[SIG7] [BEY4] [ND20] over two nodes, with cuts, reloads and seats that move from one to the other, every pair ends in one negotiation', async () => {
  await fc.assert(
    fc.asyncProperty(people, scripts(CALL_STEPS), async (count, script) => {
      await play(new CallWorld(count), script, false);
    }),
    { numRuns: 1500 },
  );
});

it('[SIG7] [BEY4] [ND21] where nodes die and the bus loses what it likes, no pair is wedged: with one more offer it connects', async () => {
  await fc.assert(
    fc.asyncProperty(people, scripts(HARD_STEPS), async (count, script) => {
      await play(new CallWorld(count), script, true);
    }),
    { numRuns: 1500 },
  );
});
