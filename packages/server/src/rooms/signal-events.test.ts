import { randomUUID } from 'node:crypto';
import { parseInput } from '@bongsu/protocol';
import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.js';
import { SignalRoom } from '../../test/support/signal-room.js';
import { RateLimiter } from '../guards/rate-limiter.js';
import type { EventContext, Events } from '../platform/surface.js';
import type { Seat } from './seat.js';
import { signalEvents } from './signal-events.js';

const PER_SECOND = 200;
const clock = new ManualClock();
let room: SignalRoom;
let ann: Seat;
let ben: Seat;
let events: Events;

function build(enabled: boolean): Events {
  const limiter = new RateLimiter(
    {
      ephemeral: { count: () => Promise.reject(new Error('signals are not counted there')) },
      clock,
      metrics: room.metrics,
    },
    { enabled, requestsPerMinute: 1, commandsPerMinute: 1, handshakeFailuresPerMinute: 1 },
  );
  const countSignal = limiter.burstLimit('signal', { perSecond: PER_SECOND, burst: 2 * PER_SECOND });
  return signalEvents({ relay: room.relay, countSignal });
}

beforeEach(() => {
  room = new SignalRoom();
  ann = room.join(randomUUID());
  ben = room.join(randomUUID());
  events = build(true);
});

/** As the gateway does it: the schema, then the verb. */
async function emit(from: Seat, name: string, payload: object): Promise<object> {
  const definition = events[name];
  if (!definition) throw new Error(`There is no ${name}`);
  const context = { socketId: from.socketId } as EventContext;
  return definition.handle(context, parseInput(definition.schema, payload));
}

const candidateOf = (n: number) => ({
  roomId: 'stand-up',
  to: ben.participantId,
  candidate: { candidate: String(n) },
  negotiationId: 'n1',
});
const openNegotiation = () =>
  emit(ann, 'offer', { roomId: 'stand-up', to: ben.participantId, offer: 'v=0', negotiationId: 'n1' });
const verdicts = (answers: PromiseSettledResult<object>[]) =>
  answers.map((answer) => (answer.status === 'fulfilled' ? 'sent' : answer.reason.code));

describe('signaling events', () => {
  it('[SIG4] [RM105] all four reach the relay', async () => {
    const toBen = { roomId: 'stand-up', to: ben.participantId };
    const toAnn = { roomId: 'stand-up', to: ann.participantId };
    await emit(ann, 'signal', { ...toBen, negotiationId: 'n1', description: { type: 'offer', sdp: 'v=0' } });
    await emit(ben, 'answer', { ...toAnn, answer: 'v=0' });
    await emit(ben, 'ice-candidate', { ...toAnn, candidate: null });
    await emit(ben, 'offer', { ...toAnn, offer: 'v=0' });
    expect(room.heard(ben).map(({ event }) => event)).toEqual(['signal']);
    expect(room.heard(ann).map(({ event }) => event)).toEqual(['signal', 'signal', 'signal']);
  });

  it('[SIG4] [RM110] signals are out before the event is over, so that nothing overtakes them', async () => {
    await openNegotiation();
    const answers = Array.from({ length: 50 }, (_, n) => emit(ann, 'ice-candidate', candidateOf(n)));
    const heard = room.heard(ben).slice(1);
    expect(heard.map(({ payload }) => payload.candidate)).toEqual(
      Array.from({ length: 50 }, (_, n) => ({ candidate: String(n) })),
    );
    await Promise.all(answers);
  });
});

describe('SIGNALS_PER_SECOND', () => {
  const flood = (count: number) =>
    Promise.allSettled(Array.from({ length: count }, (_, n) => emit(ann, 'ice-candidate', candidateOf(n))));

  it('[SIG6] [RM116] of 10,000 candidates at once two seconds’ worth pass, the others are RATE_LIMIT', async () => {
    await openNegotiation();
    const answers = await flood(10_000);
    expect(verdicts(answers).filter((verdict) => verdict === 'sent')).toHaveLength(2 * PER_SECOND - 1);
    expect(verdicts(answers).at(-1)).toBe('RATE_LIMIT');
    expect(room.heard(ben)).toHaveLength(2 * PER_SECOND);
    expect(await room.count('bongsu_rate_limited_total{scope="signal"}')).toBe(10_000 - 2 * PER_SECOND + 1);
  });

  it('[SIG6] [RM116] waiting as long as it says helps, and another socket is counted apart', async () => {
    await openNegotiation();
    const refused = (await flood(2 * PER_SECOND)).at(-1);
    if (refused?.status !== 'rejected') throw new Error('nothing was refused');
    const { retryAfterMs } = refused.reason;
    expect(retryAfterMs).toBeGreaterThan(0);
    await emit(ben, 'offer', { roomId: 'stand-up', to: ann.participantId, offer: 'v=0' });
    clock.advance(retryAfterMs - 1);
    expect(verdicts(await flood(1))).toEqual(['RATE_LIMIT']);
    clock.advance(1);
    expect(verdicts(await flood(1))).toEqual(['sent']);
    clock.advance(10_000);
    expect(verdicts(await flood(1000)).filter((verdict) => verdict === 'sent')).toHaveLength(2 * PER_SECOND);
  });

  it('[SIG6] [RM116] what goes nowhere counts too, and RATE_LIMIT_ENABLED=false counts nothing', async () => {
    const answers = await flood(1000);
    expect(new Set(verdicts(answers))).toEqual(new Set(['sent', 'RATE_LIMIT']));
    events = build(false);
    expect(new Set(verdicts(await flood(1000)))).toEqual(new Set(['sent']));
  });
});
