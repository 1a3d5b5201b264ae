import { beforeEach, expect, it } from 'vitest';
import { HubBus } from '../../test/support/hub-bus.js';
import { memoryLog } from '../../test/support/memory-log.js';
import type { Bus } from '../platform/ephemeral/ephemeral.js';
import { type PassedSignal, SignalBus } from './signal-bus.js';

const turn = () => new Promise(setImmediate);

let sender: Bus;
let log: ReturnType<typeof memoryLog>;
let known: number;
/** Reading the room. */
let catchUp: () => Promise<void>;
let received: string[];
let lost: number;
let receive: (signal: PassedSignal) => void;

beforeEach(() => {
  const hub = new HubBus();
  sender = hub.join();
  log = memoryLog();
  [known, received, lost] = [1, [], 0];
  catchUp = async () => {
    await turn();
    known = 2;
  };
  receive = ({ negotiationId }) => received.push(negotiationId);
  const bus = new SignalBus({
    ephemeral: { bus: hub.join() },
    node: { incarnation: 'here' },
    seats: { knows: ({ version }) => known >= version, catchUp: () => catchUp() },
    log,
  });
  bus.listen({
    receive: (signal) => receive(signal),
    lost: () => {
      lost += 1;
    },
  });
});

function pass(negotiationId: string, fields: object = {}): void {
  const side = { participantId: 'p', holder: 's' };
  const room = { id: 1, roomId: 'lobby', version: 2 };
  const signal = { room, from: side, to: side, negotiationId, content: { restart: true }, ...fields };
  sender.publish('signals', { incarnation: 'here', signal });
}

it('[SIG7] [ND21] one that cannot be given out is lost alone, also of those that waited', async () => {
  receive = ({ negotiationId }) => {
    if (negotiationId === 'bad') throw new Error('of a newer version');
    received.push(negotiationId);
  };
  for (const id of ['bad', 'good', 'bad', 'better']) pass(id);
  await expect.poll(() => received).toEqual(['good', 'better']);
  pass('bad');
  pass('best');
  await expect.poll(() => received).toEqual(['good', 'better', 'best']);
  expect(lost).toBe(3);
  expect(log.lines.map(({ level }) => level)).toEqual(['warn', 'warn', 'warn']);
});

it('[SIG7] [ND21] what waits for a room that cannot be read is lost, and what comes later is not', async () => {
  const read = catchUp;
  catchUp = async () => {
    throw new Error('SQL is away');
  };
  pass('lost');
  await expect.poll(() => lost).toBe(1);
  catchUp = read;
  pass('next');
  await expect.poll(() => received).toEqual(['next']);
});

it('[SIG7] [ND21] what a newer version passes and nobody here understands is lost', async () => {
  pass('no content', { content: undefined });
  pass('no room', { room: undefined });
  sender.publish('signals', { incarnation: 'here' });
  sender.publish('signals', null);
  pass('good');
  await expect.poll(() => received).toEqual(['good']);
  expect(lost).toBe(3);
});
