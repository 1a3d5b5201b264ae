import assert from 'node:assert/strict';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { PerfectPeer } from '../../test/support/perfect-peer.js';
import { CALM_STEPS, RESTART_STEPS, SignalWorld, STEPS, type Step } from '../../test/support/signal-world.js';
import { Metrics } from '../platform/metrics.js';

const WEIGHTS: Partial<Record<Step, number>> = {
  up: 5,
  down: 5,
  operation: 6,
  gather: 2,
  need: 2,
  notice: 3,
};
const scripts = (steps: readonly Step[]) =>
  fc.array(
    fc.tuple(
      fc.oneof(...steps.map((step) => ({ weight: WEIGHTS[step] ?? 1, arbitrary: fc.constant(step) }))),
      fc.nat(2),
      fc.nat(1),
    ),
    { maxLength: 80, size: 'max' },
  );

/** Both stable, in the same negotiation, which took every candidate of it that was sent, in order. */
function expectConnected(one: PerfectPeer, other: PerfectPeer): void {
  const [ours, theirs] = [one.pc.current, other.pc.current];
  const won = ours.local?.negotiationId;
  assert.deepEqual([one.pc.signalingState, other.pc.signalingState], ['stable', 'stable']);
  assert.deepEqual([one.pc.isNegotiationNeeded, other.pc.isNegotiationNeeded], [false, false]);
  assert.deepEqual([ours.local?.sdp, ours.remote?.sdp], [theirs.remote?.sdp, theirs.local?.sdp]);
  if (won !== undefined) assert.deepEqual(other.pc.taken.get(won), one.sent.get(won));
}

async function play(world: SignalWorld, script: [Step, number, number][]): Promise<void> {
  for (const [step, who, whom] of script) await world.act(step, who, whom);
  await world.settle();
  for (const { seat, peers } of world.clients) {
    for (const [name, peer] of peers) {
      const other = world.clients.find((client) => client.seat.participantId === name);
      expectConnected(peer, other?.peers.get(seat.participantId) as PerfectPeer);
    }
  }
}

const people = fc.constantFrom(2, 2, 3);

it('[SIG4] [BEY4] [RM103] [RM104] [RM109] [RM110] offers that cross, in whatever order: no pair of plain perfect negotiators wedges', async () => {
  const metrics = new Metrics();
  await fc.assert(
    fc.asyncProperty(people, scripts(CALM_STEPS), async (count, script) => {
      const world = new SignalWorld(count, false, metrics);
      await play(world, script);
      for (const { peers } of world.clients)
        for (const { pc } of peers.values()) expect(pc.faults).toEqual([]);
    }),
    { numRuns: 1500 },
  );
  const { room } = new SignalWorld(2, false, metrics);
  expect(await room.count('bongsu_signal_glares_total')).toBeGreaterThan(500);
  expect(await room.count('bongsu_signals_stale_total')).toBeGreaterThan(200);
});

it('[SIG4] [BEY4] [RM111] [RM114] [RM115] with cuts and reloads besides, every pair ends in one negotiation, of which nothing is lost', async () => {
  const metrics = new Metrics();
  await fc.assert(
    fc.asyncProperty(people, scripts(STEPS), async (count, script) => {
      await play(new SignalWorld(count, true, metrics), script);
    }),
    { numRuns: 1500 },
  );
  const { room } = new SignalWorld(2, true, metrics);
  expect(await room.count('bongsu_signals_total{kind="offer",outcome="waiting"}')).toBeGreaterThan(50);
  expect(await room.count('bongsu_signals_total{kind="answer",outcome="stale"}')).toBeGreaterThan(20);
});

it('[SIG4] [BEY4] [RM118] [RM119] with restarts of the server besides, every pair ends in one negotiation', async () => {
  const metrics = new Metrics();
  await fc.assert(
    fc.asyncProperty(people, scripts(RESTART_STEPS), async (count, script) => {
      await play(new SignalWorld(count, true, metrics), script);
    }),
    { numRuns: 1500 },
  );
});
