import { v4 } from 'uuid';
import { describe, expect, it } from 'vitest';
import { createRoom, heardOfJoin, joinRoom, newRoomId, type Participant, told } from '../support/rooms.js';
import { expectRefused, send } from '../support/sockets.js';
import type { GetWorld } from '../support/world.js';

const SDP = 'v=0\r\n';
const offer = { type: 'offer', sdp: SDP };
const answer = { type: 'answer', sdp: SDP };
const candidate = { candidate: 'candidate:1 1 udp 1 192.0.2.1 9 typ host', sdpMid: '0' };

export function signalingRules(world: GetWorld): void {
  /** The owner, who is impolite, and somebody who came later. */
  const pair = async (modes: { first?: string; second?: string } = {}) => {
    const { first: mine, second: theirs } = modes;
    const first = await createRoom(world, await world().person('owner'), mine ? { signaling: mine } : {});
    const over = theirs ? { signaling: theirs } : {};
    const second = await joinRoom(world, await world().person('stranger'), first.roomId, over);
    return { first, second, roomId: first.roomId };
  };
  const signal = (from: Participant, to: Participant, content: object) =>
    send(from.socket, 'signal', { roomId: from.roomId, to: to.participantId, ...content });

  describe('the relay', () => {
    it('[RM120] [SIG4] reaches the one it is for, from whom the server says, with who is polite', async () => {
      const { first, second, roomId } = await pair();
      const negotiationId = v4();
      const forged = { negotiationId, description: offer, from: 'somebody', polite: false };
      expect(await signal(first, second, forged)).toEqual({ success: true, negotiationId });
      expect(await told(second, 'signal')).toEqual([
        { roomId, from: first.participantId, negotiationId, polite: true, description: offer },
      ]);
      expect(await signal(second, first, { negotiationId, description: answer })).toMatchObject({
        success: true,
      });
      expect(await told(first, 'signal')).toMatchObject([{ from: second.participantId, polite: false }]);
    });

    it('[RM121] [SIG4] keeps the order of a pair', async () => {
      const { first, second } = await pair();
      const negotiationId = v4();
      const sent = Array.from({ length: 50 }, (_, n) => ({ ...candidate, candidate: `candidate:${n}` }));
      void signal(first, second, { negotiationId, description: offer });
      await Promise.all(sent.map((one) => signal(first, second, { negotiationId, candidate: one })));
      const heard = await told(second, 'signal', 51);
      expect(heard.slice(1).map((one) => one.candidate)).toEqual(sent);
    });

    it('[RM122] [RM69] [SIG4] is for members: others are FORBIDDEN, before they join and after they leave', async () => {
      const { first, second, roomId } = await pair();
      const elsewhere = await createRoom(world, await world().person('stranger'));
      const payload = { roomId, to: first.participantId, negotiationId: v4(), description: offer };
      expectRefused(await send(elsewhere.socket, 'signal', payload), 'FORBIDDEN');
      expectRefused(await send(elsewhere.socket, 'signal', { ...payload, roomId: newRoomId() }), 'FORBIDDEN');
      await send(second.socket, 'leave-room', { roomId });
      expect(expectRefused(await send(second.socket, 'signal', payload), 'FORBIDDEN')).toMatchObject({
        details: { reason: 'no-seat' },
      });
    });

    it('[RM123] [SIG4] nobody there, or in another room, is PARTICIPANT_NOT_FOUND; oneself is VALIDATION_ERROR', async () => {
      const { first, second, roomId } = await pair();
      const elsewhere = await createRoom(world, await world().person('stranger'));
      const content = { negotiationId: v4(), description: offer };
      expectRefused(await signal(first, elsewhere, content), 'PARTICIPANT_NOT_FOUND');
      const nobody = { roomId, to: v4(), ...content };
      expectRefused(await send(first.socket, 'signal', nobody), 'PARTICIPANT_NOT_FOUND');
      expectRefused(await signal(second, second, content), 'VALIDATION_ERROR');
    });

    it.each([
      ['nothing to say', {}],
      ['both a description and a candidate', { description: offer, candidate }],
      ['no negotiation', { negotiationId: undefined, description: offer }],
      ['a description that is text', { description: SDP }],
      ['a restart that is false', { restart: false }],
    ])('[RM124] [SEC4] a signal with %s is VALIDATION_ERROR', async (_, content) => {
      const { first, second } = await pair();
      expectRefused(await signal(first, second, { negotiationId: v4(), ...content }), 'VALIDATION_ERROR');
    });

    it('[RM108] [SEC4] 64 KiB of SDP and 2 KiB of candidate pass, more is PAYLOAD_TOO_LARGE', async () => {
      const { first, second } = await pair();
      const negotiationId = v4();
      const largest = { type: 'offer', sdp: 's'.repeat(64 * 1024) };
      expect(await signal(first, second, { negotiationId, description: largest })).toMatchObject({
        success: true,
      });
      const larger = { type: 'offer', sdp: `${largest.sdp}s` };
      expectRefused(
        await signal(first, second, { negotiationId: v4(), description: larger }),
        'PAYLOAD_TOO_LARGE',
      );
      const long = { candidate: 'c'.repeat(2048) };
      expectRefused(await signal(first, second, { negotiationId, candidate: long }), 'PAYLOAD_TOO_LARGE');
    });

    it('[RM125] [BEY4] crossing offers both arrive; with the answer the other one is over', async () => {
      const { first, second } = await pair();
      const [mine, theirs] = [v4(), v4()];
      await Promise.all([
        signal(first, second, { negotiationId: mine, description: offer }),
        signal(second, first, { negotiationId: theirs, description: offer }),
      ]);
      await Promise.all([told(first, 'signal'), told(second, 'signal')]);
      await signal(second, first, { negotiationId: mine, description: answer });
      const late = await signal(second, first, { negotiationId: theirs, candidate });
      expect(late).toEqual({ success: true, negotiationId: theirs, stale: true });
      expect(await signal(first, second, { negotiationId: mine, candidate })).toEqual({
        success: true,
        negotiationId: mine,
      });
      const heard = await told(first, 'signal', 2);
      expect(heard.map((one) => one.negotiationId)).toEqual([theirs, mine]);
    });

    it.each([
      ['before', false],
      ['after', true],
    ])(
      '[RM126] [BEY4] an offer whose copy comes %s its answer leaves the pair able to negotiate',
      async (_, isAnswered) => {
        const { first, second } = await pair();
        const [negotiationId, next] = [v4(), v4()];
        const going = { success: true, negotiationId };
        const ask = () => signal(first, second, { negotiationId, description: offer });
        const reply = () => signal(second, first, { negotiationId, description: answer });
        expect(await ask()).toEqual(going);
        await told(second, 'signal');
        if (isAnswered) {
          expect(await reply()).toEqual(going);
          // At another node it may come after the copy went, which it then answers too.
          await told(first, 'signal');
        }
        expect(await ask()).toEqual(going);
        expect((await told(second, 'signal', 2))[1]).toMatchObject({ negotiationId, description: offer });
        expect(await reply()).toEqual(going);
        expect(await reply()).toEqual({ ...going, stale: true });
        for (const [from, to] of [
          [first, second],
          [second, first],
        ] as const)
          expect(await signal(from, to, { negotiationId, candidate })).toEqual(going);
        const goingOn = { success: true, negotiationId: next };
        expect(await signal(second, first, { negotiationId: next, description: offer })).toEqual(goingOn);
        // Nobody answers what has not come yet.
        await told(first, 'signal', isAnswered ? 4 : 3);
        expect(await signal(first, second, { negotiationId: next, description: answer })).toEqual(goingOn);
        expect(await signal(first, second, { negotiationId, candidate })).toEqual({ ...going, stale: true });
      },
    );

    it('[RM124] [RM107] the wish to restart arrives as it is, and says so where nobody can hear it', async () => {
      const { first, second, roomId } = await pair();
      const negotiationId = v4();
      await signal(first, second, { negotiationId, description: offer });
      await told(second, 'signal');
      await signal(second, first, { negotiationId, description: answer });
      expect(await signal(second, first, { negotiationId, restart: true })).toEqual({
        success: true,
        negotiationId,
      });
      expect((await told(first, 'signal', 2))[1]).toMatchObject({ negotiationId, restart: true });
      const third = await joinRoom(world, second.account, roomId, { signaling: 'events' });
      await signal(first, third, { negotiationId, description: offer });
      expect(await signal(first, third, { negotiationId, restart: true })).toMatchObject({ unheard: true });
    });

    it('[RM127] [BEY4] a seat within its grace gets 64 signals of a sender when it is taken again, and one more is BUSY', async () => {
      const { first, second, roomId } = await pair();
      const { participantId } = second;
      await heardOfJoin(first);
      second.socket.disconnect();
      await told(first, 'user-reconnecting');
      const negotiationId = v4();
      await signal(first, second, { negotiationId, description: offer });
      const candidates = Array.from({ length: 63 }, (_, n) => ({
        ...candidate,
        candidate: `candidate:${n}`,
      }));
      for (const one of candidates)
        expect(await signal(first, second, { negotiationId, candidate: one })).toMatchObject({
          success: true,
        });
      const refusal = expectRefused(await signal(first, second, { negotiationId, candidate }), 'BUSY');
      expect(refusal.retryAfterMs).toBeGreaterThan(0);
      const back = await joinRoom(world, second.account, roomId, { participantId });
      expect(await told(back, 'signal', 64)).toMatchObject([
        { negotiationId, description: offer },
        ...candidates.map((one) => ({ negotiationId, candidate: one })),
      ]);
    });
  });

  describe('plain events', () => {
    it('[RM128] [SIG4] offer, answer and ice-candidate go between two who speak so, with the negotiation made up', async () => {
      const { first, second, roomId } = await pair({ first: 'events', second: 'events' });
      const to = second.participantId;
      expect(await send(first.socket, 'offer', { roomId, to, offer })).toMatchObject({ success: true });
      const [received] = await told(second, 'offer');
      expect(received).toMatchObject({ roomId, from: first.participantId, offer, polite: true });
      const { negotiationId } = received as { negotiationId: string };
      await send(second.socket, 'answer', { roomId, to: first.participantId, answer });
      expect(await told(first, 'answer')).toMatchObject([{ from: to, answer, negotiationId, polite: false }]);
      for (const [from, target] of [
        [first, second],
        [second, first],
      ] as const) {
        await send(from.socket, 'ice-candidate', { roomId, to: target.participantId, candidate });
        expect(await told(target, 'ice-candidate')).toMatchObject([{ candidate, negotiationId }]);
      }
      expect([...first.heard, ...second.heard].filter(({ event }) => event === 'signal')).toEqual([]);
    });

    it('[RM129] [BEY4] one who speaks in signals and one in plain events understand each other', async () => {
      const { first, second, roomId } = await pair({ second: 'events' });
      const negotiationId = v4();
      await signal(first, second, { negotiationId, description: offer });
      expect(await told(second, 'offer')).toMatchObject([{ offer, negotiationId }]);
      await send(second.socket, 'answer', { roomId, to: first.participantId, answer });
      expect(await told(first, 'signal')).toMatchObject([{ description: answer, negotiationId }]);
      await send(second.socket, 'ice-candidate', { roomId, to: first.participantId, candidate: null });
      expect((await told(first, 'signal', 2))[1]).toMatchObject({ candidate: null, negotiationId });
    });

    it('[RM126] [BEY4] an offer that comes twice without an id is two, of which the later one is answered', async () => {
      const { first, second, roomId } = await pair({ first: 'events', second: 'events' });
      const to = { roomId, to: second.participantId };
      const back = { roomId, to: first.participantId };
      const asked = [
        await send(first.socket, 'offer', { ...to, offer }),
        await send(first.socket, 'offer', { ...to, offer }),
      ];
      const [, { negotiationId } = {}] = await told(second, 'offer', 2);
      expect(asked[1]).toEqual({ success: true, negotiationId });
      expect(await send(second.socket, 'answer', { ...back, answer })).toEqual({
        success: true,
        negotiationId,
      });
      expect(await send(second.socket, 'answer', { ...back, answer })).toEqual({
        success: true,
        negotiationId: null,
        stale: true,
      });
      for (const [socket, address] of [
        [first.socket, to],
        [second.socket, back],
      ] as const)
        expect(await send(socket, 'ice-candidate', { ...address, candidate })).toEqual({
          success: true,
          negotiationId,
        });
      expect(await told(first, 'answer')).toMatchObject([{ negotiationId }]);
    });

    it.each([
      ['offer', { offer }],
      ['answer', { answer: SDP }],
      ['ice-candidate', { candidate: null }],
    ])('[RM128] [RM122] [RM123] [RM124] `%s` is refused as a signal is', async (event, content) => {
      const { first, second, roomId } = await pair();
      const elsewhere = await createRoom(world, second.account);
      const to = first.participantId;
      const say = (from: Participant, over: object) =>
        send(from.socket, event, { roomId, to, ...content, ...over });
      for (const over of [{}, { roomId: newRoomId() }])
        expectRefused(await say(elsewhere, over), 'FORBIDDEN');
      for (const stranger of [elsewhere.participantId, v4()])
        expectRefused(await say(second, { to: stranger }), 'PARTICIPANT_NOT_FOUND');
      expectRefused(await say(second, { to: second.participantId }), 'VALIDATION_ERROR');
      expectRefused(await say(second, { to: 'everybody' }), 'VALIDATION_ERROR');
      const large = {
        offer: 's'.repeat(64 * 1024 + 1),
        answer: 's'.repeat(64 * 1024 + 1),
        candidate: { candidate: 'c'.repeat(2048) },
      };
      expectRefused(await say(second, large), 'PAYLOAD_TOO_LARGE');
      await send(second.socket, 'leave-room', { roomId });
      expectRefused(await say(second, {}), 'FORBIDDEN');
      expect(first.heard.filter(({ event }) => event === 'signal')).toEqual([]);
    });

    it('[RM128] [RM120] [SEC4] `from` of a plain event counts for nothing', async () => {
      const { first, second, roomId } = await pair({ second: 'events' });
      const forged = { roomId, to: second.participantId, offer, from: second.participantId, polite: false };
      expect(await send(first.socket, 'offer', forged)).toMatchObject({ success: true });
      expect(await told(second, 'offer')).toMatchObject([{ from: first.participantId, polite: true }]);
    });

    it('[RM130] whose first word is a plain event gets plain events from then on', async () => {
      const { first, second, roomId } = await pair();
      await send(second.socket, 'offer', { roomId, to: first.participantId, offer });
      const [{ negotiationId } = {}] = await told(first, 'signal');
      await signal(first, second, { negotiationId, description: answer });
      expect(await told(second, 'answer')).toMatchObject([{ answer, negotiationId }]);
    });

    it('[RM131] and after the connection was lost and is back, too', async () => {
      const { first, second, roomId } = await pair();
      const { participantId } = second;
      await send(second.socket, 'offer', { roomId, to: first.participantId, offer });
      await heardOfJoin(first);
      second.socket.disconnect();
      await told(first, 'user-reconnecting');
      const negotiationId = v4();
      await signal(first, second, { negotiationId, description: offer });
      const back = await joinRoom(world, second.account, roomId, { participantId });
      expect(await told(back, 'offer')).toMatchObject([{ offer, negotiationId }]);
      expect(back.heard.filter(({ event }) => event === 'signal')).toEqual([]);
    });
  });
}
