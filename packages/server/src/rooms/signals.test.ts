import type { ErrorCode } from '@bongsu/protocol';
import { BongsuError } from '@bongsu/protocol';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  answer,
  candidate,
  NOW,
  offer,
  pranswer,
  restart,
  roomRow,
  SignalRoom,
} from '../../test/support/signal-room.js';
import type { SentSignal } from './plain-events.js';
import type { Seat } from './seat.js';

let room: SignalRoom;
let ann: Seat;
let ben: Seat;

beforeEach(() => {
  room = new SignalRoom();
  ann = room.join('ann');
  ben = room.join('ben');
});

function refusalOf(call: () => unknown): ErrorCode | 'allowed' {
  try {
    call();
  } catch (error) {
    if (error instanceof BongsuError) return error.code;
    throw error;
  }
  return 'allowed';
}

const textsOf = (seat: Seat) =>
  room.heard(seat).map(({ payload }) => {
    const { candidate, description } = payload as {
      candidate?: { candidate: string };
      description?: { sdp: string };
    };
    return candidate?.candidate ?? description?.sdp;
  });

function connect(): void {
  room.signal(ann, ben, 'n0', offer());
  room.signal(ben, ann, 'n0', answer());
  room.heard(ann);
  room.heard(ben);
}

describe('who may signal whom', () => {
  it('[SIG4] [RM100] [RM102] says who sent it and who gives way, on both sides alike', () => {
    expect(room.signal(ann, ben, 'n1', offer('v=1'))).toEqual({ negotiationId: 'n1' });
    room.signal(ben, ann, 'n1', answer('v=2'));
    const envelope = { roomId: 'stand-up', negotiationId: 'n1' };
    expect(room.heard(ben)).toEqual([
      {
        event: 'signal',
        payload: { ...envelope, from: 'ann', polite: true, description: { type: 'offer', sdp: 'v=1' } },
      },
    ]);
    expect(room.heard(ann)).toEqual([
      {
        event: 'signal',
        payload: { ...envelope, from: 'ben', polite: false, description: { type: 'answer', sdp: 'v=2' } },
      },
    ]);
    expect(room.activity).toBe(2);
  });

  it('[SIG4] [RM101] only who has a seat in the room signals, and only to others who have one', () => {
    const waiting = room.join('cat', { state: 'waiting' });
    const elsewhere = room.join('dan', { room: roomRow('elsewhere', 2) });
    const away = room.join('eve');
    room.away(away);
    const nobody = { ...ann, participantId: 'nobody' };
    const offerTo = (from: Seat, to: Seat) => refusalOf(() => room.signal(from, to, 'n1', offer()));
    expect(offerTo(waiting, ben)).toBe('FORBIDDEN');
    expect(offerTo(elsewhere, ben)).toBe('FORBIDDEN');
    expect(offerTo(away, ben)).toBe('FORBIDDEN');
    expect(offerTo({ ...ann, socketId: 'another' }, ben)).toBe('FORBIDDEN');
    expect(offerTo(ann, ann)).toBe('VALIDATION_ERROR');
    expect(offerTo(ann, waiting)).toBe('PARTICIPANT_NOT_FOUND');
    expect(offerTo(ann, elsewhere)).toBe('PARTICIPANT_NOT_FOUND');
    expect(offerTo(ann, nobody)).toBe('PARTICIPANT_NOT_FOUND');
    room.leave(ben);
    expect(offerTo(ann, ben)).toBe('PARTICIPANT_NOT_FOUND');
    expect(offerTo(ben, ann)).toBe('FORBIDDEN');
    for (const seat of [ann, ben, waiting, elsewhere, away]) expect(room.heard(seat)).toEqual([]);
  });

  it('[SIG9] [RM117] counts what became of every signal', async () => {
    room.signal(ann, ben, 'a', offer('v=1234'));
    room.signal(ben, ann, 'b', offer('나'));
    room.signal(ben, ann, 'a', answer());
    room.signal(ben, ann, 'b', candidate());
    room.signal(ann, ben, 'a', { candidate: null });
    refusalOf(() => room.signal(ann, ann, 'a', restart));
    const total = (kind: string, outcome: string) =>
      room.count(`bongsu_signals_total{kind="${kind}",outcome="${outcome}"}`);
    expect(await total('offer', 'relayed')).toBe(2);
    expect(await total('answer', 'relayed')).toBe(1);
    expect(await total('candidate', 'stale')).toBe(1);
    expect(await total('candidate', 'relayed')).toBe(1);
    expect(await total('restart', 'refused')).toBe(1);
    expect(await room.count('bongsu_signal_glares_total')).toBe(1);
    expect(await room.count('bongsu_signals_stale_total')).toBe(1);
    expect(await room.count('bongsu_signal_bytes_total')).toBe(6 + 3 + 3);
  });
});

describe('the fence', () => {
  it('[SIG4] [RM103] what belongs to a negotiation that is over goes nowhere, and its sender is told', () => {
    connect();
    room.signal(ann, ben, 'n1', offer());
    room.signal(ben, ann, 'n1', answer());
    room.heard(ann);
    room.heard(ben);
    for (const content of [candidate(), { candidate: null }, restart, answer()])
      expect(room.signal(ben, ann, 'n0', content)).toEqual({ negotiationId: 'n0', stale: true });
    expect(room.heard(ann)).toEqual([]);
  });

  it('[SIG4] [RM104] [RM109] when offers cross, both arrive, and the candidates of the one that wins', () => {
    room.signal(ann, ben, 'a', offer());
    room.signal(ben, ann, 'b', offer());
    room.signal(ann, ben, 'a', candidate('1'));
    room.signal(ben, ann, 'b', candidate('2'));
    room.signal(ben, ann, 'a', pranswer());
    room.signal(ben, ann, 'a', answer());
    room.signal(ann, ben, 'a', candidate('3'));
    expect(room.signal(ben, ann, 'b', candidate('4'))).toMatchObject({ stale: true });
    room.signal(ben, ann, 'a', { candidate: null });
    expect(textsOf(ben)).toEqual(['v=0', '1', '3']);
    expect(textsOf(ann)).toEqual(['v=0', '2', 'v=0', 'v=0', undefined]);
  });

  it('[SIG4] [RM118] a call that outlived a restart of the server goes on, but not into a page that is new', () => {
    room = new SignalRoom(NOW + 1);
    ann = room.join('ann');
    ben = room.join('ben');
    const cat = room.join('cat');
    const late = room.join('dan', { joinedAt: NOW + 2 });
    expect(room.signal(ann, ben, 'before', restart)).toEqual({ negotiationId: 'before' });
    expect(room.signal(ben, ann, 'before', answer())).toEqual({ negotiationId: 'before' });
    expect(room.signal(late, ann, 'before', candidate())).toMatchObject({ stale: true });
    room.away(cat);
    room.back(cat, false);
    expect(room.signal(ann, cat, 'before', candidate())).toMatchObject({ stale: true });
    expect(room.signal(cat, ann, 'before', answer())).toMatchObject({ stale: true });
  });
});

describe('plain events after a restart of the server', () => {
  const plain = (from: Seat, to: Seat, content: SentSignal['content']) =>
    room.send(from, {
      ...{ roomId: 'stand-up', to: to.participantId, negotiationId: undefined, content, words: 'events' },
    });

  beforeEach(() => {
    room = new SignalRoom(NOW + 1);
    ann = room.join('ann', { signaling: 'events' });
    ben = room.join('ben', { signaling: 'events' });
  });

  it('[SIG4] [RM118] the answer to an offer from before passes, and candidates before and after it', () => {
    expect(plain(ann, ben, candidate('1'))).toEqual({ negotiationId: expect.any(String) });
    const { negotiationId } = plain(ben, ann, answer());
    expect(room.heard(ann)).toMatchObject([{ event: 'answer', payload: { negotiationId } }]);
    for (const [from, to] of [
      [ann, ben],
      [ben, ann],
    ] as const)
      expect(plain(from, to, candidate('2'))).toEqual({ negotiationId });
    expect(room.heard(ben)).toHaveLength(2);
    expect(plain(ben, ann, answer())).toEqual({ negotiationId: null, stale: true });
  });

  it('[RM119] an answer belongs to what was offered since', () => {
    const { negotiationId } = plain(ann, ben, offer());
    expect(plain(ben, ann, answer())).toEqual({ negotiationId });
  });
});

describe('a seat within its grace', () => {
  beforeEach(() => connect());

  it('[SIG4] [RM110] [RM111] gets what waited when it is back, in order and before what comes then', () => {
    const cat = room.join('cat');
    room.away(ben);
    expect(room.signal(ann, ben, 'n1', offer('1'))).toEqual({ negotiationId: 'n1' });
    room.signal(cat, ben, 'c1', offer('2'));
    room.signal(ann, ben, 'n1', candidate('3'));
    expect(room.heard(ben)).toEqual([]);
    room.back(ben, true);
    room.signal(ann, ben, 'n1', candidate('4'));
    expect(room.heard(ben).map(({ payload }) => [payload.from, payload.negotiationId])).toEqual([
      ['ann', 'n1'],
      ['cat', 'c1'],
      ['ann', 'n1'],
      ['ann', 'n1'],
    ]);
  });

  it('[SIG4] [RM111] gets nothing before its socket is there, though its seat is taken, or new', () => {
    for (const arriving of ['new', { resumed: true }] as const) {
      ben.arriving = arriving;
      expect(room.signal(ann, ben, 'n1', offer('early'))).toEqual({ negotiationId: 'n1' });
      expect(textsOf(ben)).toEqual([]);
      delete ben.arriving;
      room.relay.arrived(ben);
      room.signal(ann, ben, 'n1', candidate('then'));
      expect(textsOf(ben)).toEqual(['early', 'then']);
    }
  });

  it('[RM112] so does one whose socket has just gone, before its row says so, until another one takes the seat', () => {
    ben.goneSocketId = 'socket-of-ben';
    expect(room.signal(ann, ben, 'n1', offer('early'))).toEqual({ negotiationId: 'n1' });
    expect(textsOf(ben)).toEqual([]);
    room.away(ben);
    room.back(ben, true);
    ben.socketId = 'a newer one';
    room.signal(ann, ben, 'n1', candidate('then'));
    expect(textsOf(ben)).toEqual(['early', 'then']);
  });

  it('[RM113] who has more than 512 KiB to read gets no signals: BUSY, which counts for nothing', () => {
    room.unread.set('socket-of-ben', 512 * 1024 + 1);
    expect(refusalOf(() => room.signal(ann, ben, 'n1', offer()))).toBe('BUSY');
    room.unread.set('socket-of-ben', 512 * 1024);
    expect(room.signal(ann, ben, 'n1', candidate())).toMatchObject({ stale: true });
    expect(room.signal(ann, ben, 'n1', offer())).toEqual({ negotiationId: 'n1' });
  });

  it('[SIG4] [RM111] 64 of a sender wait; one more is BUSY and opens nothing', () => {
    const cat = room.join('cat');
    room.away(ben);
    for (let n = 0; n < 64; n += 1) room.signal(ann, ben, 'n0', candidate(String(n)));
    expect(refusalOf(() => room.signal(ann, ben, 'n1', offer()))).toBe('BUSY');
    expect(refusalOf(() => room.signal(cat, ben, 'c1', offer()))).toBe('allowed');
    room.back(ben, true);
    expect(textsOf(ben)).toHaveLength(65);
    expect(room.signal(ann, ben, 'n1', candidate())).toMatchObject({ stale: true });
    expect(room.signal(ann, ben, 'n0', candidate())).toEqual({ negotiationId: 'n0' });
  });

  it('[SIG4] [RM111] waiting descriptions are bounded in bytes too, over all seats', () => {
    const sdp = 'a'.repeat(64 * 1024);
    const senders = Array.from({ length: 40 }, (_, n) => room.join(`sender-${n}`));
    room.away(ben);
    const outcomes = senders.flatMap((sender) =>
      Array.from({ length: 15 }, () => refusalOf(() => room.signal(sender, ben, 'n1', offer(sdp)))),
    );
    const fitting = Math.floor((32 * 1024) / (64 + 2));
    expect(outcomes.filter((outcome) => outcome === 'allowed')).toHaveLength(fitting);
    expect(room.relay.size.waitingBytes).toBe(fitting * (64 + 2) * 1024);
    room.leave(ben);
    expect(room.relay.size.waitingBytes).toBe(0);
  });

  it('[SIG4] [RM132] of one user 1 MiB waits, from however many sockets, and nobody else is refused for it', () => {
    const sdp = 'a'.repeat(64 * 1024);
    const elsewhere = roomRow('elsewhere', 2);
    const own = Array.from({ length: 9 }, (_, n) =>
      room.join(`own-${n}`, { userId: 'mallory', room: elsewhere }),
    );
    const [sender, ...targets] = own as [Seat, ...Seat[]];
    for (const target of targets) room.away(target);
    const send = (target: Seat, id: string) =>
      refusalOf(() =>
        room.send(sender, {
          ...{ roomId: 'elsewhere', to: target.participantId, negotiationId: id, words: 'signal' },
          content: offer(sdp),
        }),
      );
    const outcomes = targets.flatMap((target) => Array.from({ length: 64 }, () => send(target, 'same')));
    const fitting = Math.floor(1024 / (64 + 2));
    expect(outcomes.filter((outcome) => outcome === 'allowed')).toHaveLength(fitting);
    room.away(ben);
    expect(refusalOf(() => room.signal(ann, ben, 'n1', offer(sdp)))).toBe('allowed');
    for (const target of targets) room.leave(target);
    expect(room.relay.size.waitingBytes).toBe((64 + 2) * 1024);
    const next = room.join('next', { userId: 'mallory', room: elsewhere });
    room.away(next);
    expect(send(next, 'again')).toBe('allowed');
  });

  it('[SIG4] [RM132] an offer takes the place of the one that waited, with its candidates', async () => {
    room.away(ben);
    for (const id of ['n1', 'n2', 'n3']) {
      expect(refusalOf(() => room.signal(ann, ben, id, offer(id)))).toBe('allowed');
      for (let n = 0; n < 63; n += 1) room.signal(ann, ben, id, candidate(`${id} ${n}`));
    }
    expect(await room.count('bongsu_signals_stale_total')).toBe(128);
    // The same one again replaces nothing.
    expect(refusalOf(() => room.signal(ann, ben, 'n3', offer('copy')))).toBe('BUSY');
    room.back(ben, true);
    expect(textsOf(ben)).toEqual(['n3', ...Array.from({ length: 63 }, (_, n) => `n3 ${n}`)]);
    expect(await room.count('bongsu_signals_stale_total')).toBe(128);
    expect(room.relay.size.waitingBytes).toBe(0);
  });

  it('[SIG4] [RM111] what has no length of its own is bounded as well', () => {
    const senders = Array.from({ length: 257 }, (_, n) => room.join(`sender-${n}`));
    for (const sender of senders) room.signal(ben, sender, 'n1', offer());
    room.away(ben);
    const outcomes = senders.flatMap((sender) =>
      Array.from({ length: 64 }, () => refusalOf(() => room.signal(sender, ben, 'n1', candidate('')))),
    );
    expect(outcomes.filter((outcome) => outcome === 'allowed')).toHaveLength((32 * 1024) / 2);
  });

  it('[SIG4] [RM103] [RM111] is spared what was replaced while it was away', async () => {
    room.away(ben);
    room.signal(ann, ben, 'n1', offer('1'));
    room.signal(ann, ben, 'n1', candidate('2'));
    room.signal(ann, ben, 'n2', offer('3'));
    room.back(ben, true);
    expect(textsOf(ben)).toEqual(['3']);
    expect(await room.count('bongsu_signals_stale_total')).toBe(2);
  });

  it('[SIG4] [RM114] taken by a new page, it gets only what was opened while it was away', () => {
    const cat = room.join('cat');
    room.signal(ann, ben, 'n1', offer('before'));
    room.signal(cat, ben, 'c1', offer('before'));
    room.heard(ben);
    room.away(ben);
    room.signal(ann, ben, 'n0', candidate('old'));
    room.signal(ann, ben, 'n1', candidate('old'));
    room.signal(cat, ben, 'c2', offer('new'));
    room.signal(cat, ben, 'c2', candidate('new too'));
    room.back(ben, false);
    expect(textsOf(ben)).toEqual(['new', 'new too']);
    for (const id of ['n0', 'n1'])
      expect(room.signal(ann, ben, id, candidate())).toEqual({ negotiationId: id, stale: true });
    expect(room.signal(ben, ann, 'n1', answer())).toMatchObject({ stale: true });
    expect(room.signal(ben, cat, 'c2', answer())).toEqual({ negotiationId: 'c2' });
  });

  it('[SIG4] [RM115] gets nothing twice, however often it returns', () => {
    room.away(ben);
    room.signal(ann, ben, 'n1', offer('1'));
    room.back(ben, true);
    expect(textsOf(ben)).toEqual(['1']);
    room.away(ben);
    room.back(ben, true);
    room.back(ben, false);
    expect(textsOf(ben)).toEqual([]);
    expect(room.signal(ann, ben, 'n1', candidate())).toMatchObject({ stale: true });
  });

  it('[SIG4] [RM115] gets nothing of a sender that left or is a new page meanwhile, but of one that is away too', () => {
    const [cat, dan] = [room.join('cat'), room.join('dan')];
    room.away(ben);
    for (const sender of [ann, cat, dan]) room.signal(sender, ben, 'x', offer(sender.participantId));
    room.leave(ann);
    room.away(cat);
    room.away(dan);
    room.back(dan, false);
    room.back(ben, true);
    expect(textsOf(ben)).toEqual(['cat']);
    expect(room.signal(ben, cat, 'x', answer())).toEqual({ negotiationId: 'x' });
    expect(refusalOf(() => room.signal(ben, ann, 'x', answer()))).toBe('PARTICIPANT_NOT_FOUND');
    expect(room.signal(ben, dan, 'x', answer())).toMatchObject({ stale: true });
  });

  it('[SIG4] [RM111] [RM115] a new page of the sender has all its 64, whatever the one before left waiting', () => {
    room.away(ben);
    for (let n = 0; n < 64; n += 1) room.signal(ann, ben, 'n0', candidate());
    room.away(ann);
    room.back(ann, false);
    expect(refusalOf(() => room.signal(ann, ben, 'n1', offer('new')))).toBe('allowed');
    room.back(ben, true);
    expect(textsOf(ben)).toEqual(['new']);
  });

  it('[SIG4] [RM133] what goes nowhere leaves nothing in memory', () => {
    const cat = room.join('cat');
    for (const content of [candidate(), restart, answer()])
      expect(room.signal(cat, ann, 'n1', content)).toMatchObject({ stale: true });
    expect(room.relay.size.participants).toBe(2);
    room.signal(cat, ann, 'n1', offer());
    expect(room.relay.size.participants).toBe(3);
  });

  it('[SIG4] [RM133] a user opens 10,000 pairs, and others as many', () => {
    const own = Array.from({ length: 142 }, (_, n) => room.join(`own-${n}`, { userId: 'mallory' }));
    const pairs = own.flatMap((one, n) => own.slice(n + 1).map((other) => [one, other] as const));
    const call = (one: Seat, other: Seat) => refusalOf(() => room.signal(one, other, 'n1', offer()));
    const outcomes = pairs.map(([one, other]) => call(one, other));
    expect(outcomes.slice(0, 10_000)).not.toContain('BUSY');
    expect(outcomes.slice(10_000)).toEqual(Array.from({ length: pairs.length - 10_000 }, () => 'BUSY'));
    const [first, last] = [own[0] as Seat, own[141] as Seat];
    expect(room.signal(last, own[140] as Seat, 'n1', candidate())).toMatchObject({ stale: true });
    expect(call(ben, last)).toBe('allowed');
    expect(call(last, ben)).toBe('allowed');
    room.leave(first);
    expect(call(last, own[140] as Seat)).toBe('allowed');
  });

  it('[SIG4] [RM115] nothing stays in memory of seats that are gone', () => {
    room.away(ben);
    room.signal(ann, ben, 'n1', offer());
    expect(room.relay.size).toEqual({ participants: 2, waitingBytes: 3 + 2048 });
    room.leave(ben);
    expect(room.relay.size).toEqual({ participants: 0, waitingBytes: 0 });
    const cat = room.join('cat');
    room.away(cat);
    room.signal(ann, cat, 'n1', offer());
    room.leave(ann);
    expect(room.relay.size).toEqual({ participants: 0, waitingBytes: 0 });
    room.leave(cat);
    expect(room.relay.size).toEqual({ participants: 0, waitingBytes: 0 });
  });
});
