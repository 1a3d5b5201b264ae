import { beforeEach, describe, expect, it } from 'vitest';
import { answer, offer, pranswer, restart, SignalRoom } from '../../test/support/signal-room.js';
import { fromAnswer, fromIceCandidate, fromOffer } from './plain-events.js';
import type { Seat } from './seat.js';

let room: SignalRoom;
let ann: Seat;
let ben: Seat;

beforeEach(() => {
  room = new SignalRoom();
  ann = room.join('ann');
  ben = room.join('ben');
});

describe('plain events', () => {
  const address = (to: Seat) => ({ roomId: 'stand-up', to: to.participantId });
  const plainOffer = (from: Seat, to: Seat, negotiationId?: string) =>
    room.send(from, fromOffer({ ...address(to), offer: { type: 'offer', sdp: 'o' }, negotiationId }));
  const plainAnswer = (from: Seat, to: Seat, negotiationId?: string) =>
    room.send(from, fromAnswer({ ...address(to), answer: { type: 'answer', sdp: 'a' }, negotiationId }));
  const plainCandidate = (from: Seat, to: Seat, negotiationId?: string) =>
    room.send(from, fromIceCandidate({ ...address(to), candidate: { candidate: 'c' }, negotiationId }));

  it('[SIG4] [BEY4] [RM105] [RM106] two plain peers: the server opens the negotiation and stamps it', () => {
    ben.signaling = 'events';
    const { negotiationId } = plainOffer(ann, ben);
    plainCandidate(ann, ben);
    plainCandidate(ben, ann);
    plainAnswer(ben, ann);
    plainCandidate(ben, ann);
    const stamp = { roomId: 'stand-up', negotiationId };
    const toBen = { ...stamp, from: 'ann', polite: true };
    const toAnn = { ...stamp, from: 'ben', polite: false };
    expect(negotiationId).toMatch(/^[0-9a-f-]{36}$/);
    expect(room.heard(ben)).toEqual([
      { event: 'offer', payload: { ...toBen, offer: { type: 'offer', sdp: 'o' } } },
      { event: 'ice-candidate', payload: { ...toBen, candidate: { candidate: 'c' } } },
    ]);
    expect(room.heard(ann)).toEqual([
      { event: 'ice-candidate', payload: { ...toAnn, candidate: { candidate: 'c' } } },
      { event: 'answer', payload: { ...toAnn, answer: { type: 'answer', sdp: 'a' } } },
      { event: 'ice-candidate', payload: { ...toAnn, candidate: { candidate: 'c' } } },
    ]);
    expect(plainOffer(ann, ben).negotiationId).not.toBe(negotiationId);
  });

  it('[SIG4] [BEY4] [RM105] each side hears its own words, whatever the other speaks', () => {
    plainOffer(ann, ben, 'n1');
    room.signal(ben, ann, 'n1', pranswer('p'));
    room.signal(ben, ann, 'n1', answer('a'));
    room.signal(ben, ann, 'n1', { candidate: null });
    plainCandidate(ann, ben);
    expect(room.heard(ben).map(({ event }) => event)).toEqual(['signal', 'signal']);
    const heard = room.heard(ann);
    expect(heard.map(({ event }) => event)).toEqual(['answer', 'answer', 'ice-candidate']);
    expect(heard.map(({ payload }) => payload.answer ?? payload.candidate)).toEqual([
      { type: 'pranswer', sdp: 'p' },
      { type: 'answer', sdp: 'a' },
      null,
    ]);
  });

  it('[SIG4] [BEY4] [RM105] the first event decides, and what it asked for at the join before it', () => {
    plainOffer(ann, ben);
    room.signal(ben, ann, 'n1', offer());
    expect([ann.signaling, ben.signaling]).toEqual(['events', 'signal']);
    expect(room.decided).toEqual(['ann', 'ben']);
    room.signal(ann, ben, 'n2', offer());
    plainOffer(ben, ann);
    expect([ann.signaling, ben.signaling]).toEqual(['events', 'signal']);
    expect(room.heard(ann).map(({ event }) => event)).toEqual(['offer', 'offer']);
    expect(room.heard(ben).map(({ event }) => event)).toEqual(['signal', 'signal']);
    expect(room.decided).toEqual(['ann', 'ben']);
  });

  it('[SIG4] [RM107] a restart has no plain form: who asks for it is told', () => {
    room.signal(ann, ben, 'n0', offer());
    room.signal(ben, ann, 'n0', answer());
    room.heard(ann);
    ann.signaling = 'events';
    expect(room.signal(ben, ann, 'n0', restart)).toEqual({ negotiationId: 'n0', unheard: true });
    room.away(ann);
    expect(room.signal(ben, ann, 'n0', restart)).toEqual({ negotiationId: 'n0', unheard: true });
    room.back(ann, true);
    expect(room.heard(ann)).toEqual([]);
    expect(room.signal(ann, ben, 'n0', restart)).toEqual({ negotiationId: 'n0' });
  });

  it('[SIG4] [RM106] an answer or candidate of no negotiation, or of one that is over, is stale', () => {
    expect(plainAnswer(ben, ann)).toEqual({ negotiationId: null, stale: true });
    expect(plainCandidate(ben, ann)).toEqual({ negotiationId: null, stale: true });
    const first = plainOffer(ann, ben);
    plainOffer(ann, ben);
    expect(plainAnswer(ben, ann, first.negotiationId ?? '')).toEqual({ ...first, stale: true });
    // Its description was late, and so is what follows it.
    expect(plainCandidate(ben, ann)).toEqual({ ...first, stale: true });
    expect(room.heard(ann)).toEqual([]);
  });
});
