import type { SignalEvent } from '@bongsu/protocol';
import { describe, expect, it } from 'vitest';
import { FakeClock } from '../test/support/fake-clock.js';
import { track } from '../test/support/pages.js';
import { Emitter } from './emitter.js';
import type { PeersOptions } from './peers-types.js';
import { RoomCalls } from './room-calls.js';
import type { RoomEvents, RoomParticipant } from './room-types.js';

const KIB = 1024;

class FakeRoom extends Emitter<RoomEvents> {
  readonly roomId = 'call';
  readonly state = 'joined';
  readonly participants = new Map<string, RoomParticipant>();
  tell<Name extends keyof RoomEvents>(event: Name, value: RoomEvents[Name]): void {
    this.emit(event, value);
  }
}

function setUp() {
  const room = new FakeRoom();
  const calls = new RoomCalls({
    room,
    clock: new FakeClock(),
    request: () => Promise.reject(new Error('no HTTP here')),
    link: () => undefined,
    serverNow: () => 0,
    loadPeers: async () => ({ Peers: (await import('./peers.js')).Peers }),
  });
  const hear = (from: string, negotiationId: string, what: object) =>
    calls.onSignaled({ roomId: 'call', from, polite: true, negotiationId, ...what } as SignalEvent);
  const offer = (from: string, negotiationId: string, sdp = 'v=0') =>
    hear(from, negotiationId, { description: { type: 'offer', sdp } });
  const candidate = (from: string, negotiationId: string, text = 'a') =>
    hear(from, negotiationId, { candidate: { candidate: text } });
  /** What peers would be told, in words. */
  const taken = () => {
    const log: string[] = [];
    calls.takeSignals((signal) =>
      log.push(
        `${signal.from} ${signal.negotiationId} ${signal.description?.type ?? signal.candidate?.candidate ?? 'end'}`,
      ),
    );
    calls.takeSignals(undefined);
    return log;
  };
  return { room, calls, hear, offer, candidate, taken };
}

function person(participantId: string): RoomParticipant {
  return { participantId, userId: participantId, username: participantId, state: 'joined', polite: true };
}

describe('signals before `peers()`', () => {
  it('[RM152] [RM153] of each sender the last offer and its candidates are kept, in order', () => {
    const { hear, offer, candidate, taken } = setUp();
    offer('anna', 'n1');
    candidate('anna', 'n1');
    offer('ben', 'm1');
    offer('anna', 'n2');
    candidate('anna', 'n1', 'late');
    candidate('anna', 'n2', 'b');
    hear('anna', 'n2', { candidate: null });
    candidate('ben', 'm1', 'c');
    candidate('cleo', 'o1', 'of nothing');
    hear('ben', 'm2', { restart: true });
    hear('ben', 'n0', { description: { type: 'answer', sdp: 'v=0' } });
    expect(taken()).toEqual(['ben m1 offer', 'ben m1 c', 'anna n2 offer', 'anna n2 b', 'anna n2 end']);
    expect(taken()).toEqual([]);
  });

  it('[RM153] whatever one participant sends, they are few and small', () => {
    const { offer, candidate, taken } = setUp();
    offer('anna', 'n1');
    for (let count = 0; count < 1_000; count += 1) candidate('anna', 'n1');
    expect(taken()).toHaveLength(64);
    offer('anna', 'n2', 'v'.repeat(60 * KIB));
    for (let count = 0; count < 60; count += 1) candidate('anna', 'n2', 'c'.repeat(2 * KIB));
    expect(taken().length).toBeLessThan(1 + (128 - 60) / 2);
  });

  it('[RM153] of many who send a lot the last are kept', () => {
    const { offer, taken } = setUp();
    for (let count = 0; count < 200; count += 1) offer(`p${count}`, 'n', 'v'.repeat(60 * KIB));
    const kept = taken();
    expect(kept.length).toBeLessThan((4 * KIB) / 60);
    expect(kept.at(-1)).toBe('p199 n offer');
  });

  it('[RM153] they go with their sender, with the page that sent them, and with our seat', () => {
    const { room, offer, taken } = setUp();
    const all = () => {
      for (const from of ['anna', 'ben']) offer(from, 'n');
    };
    all();
    room.tell('left', { ...person('anna'), reason: 'left' });
    expect(taken()).toEqual(['ben n offer']);
    all();
    room.tell('returned', { ...person('anna'), resumed: true });
    room.tell('returned', { ...person('ben'), resumed: false });
    expect(taken()).toEqual(['anna n offer']);
    all();
    room.tell('rejoined', { participantId: 'me', anew: false });
    expect(taken()).toHaveLength(2);
    all();
    room.tell('rejoined', { participantId: 'me', anew: true });
    expect(taken()).toEqual([]);
  });
});

describe('`peers()`', () => {
  const RTCPeerConnection = class {} as unknown as NonNullable<PeersOptions['RTCPeerConnection']>;

  it('[RM154] rejects at once where there is no RTCPeerConnection', async () => {
    const { calls } = setUp();
    await expect(calls.peers({})).rejects.toThrow('RTCPeerConnection');
  });

  it('[RM161] [RM154] asked again with the same options, or with fewer, is the same, and rejects others', async () => {
    const { calls } = setUp();
    const config = { iceTransportPolicy: 'relay' } as const;
    const [first, second] = [track('audio'), track('audio')];
    const options = () => ({ RTCPeerConnection, config: { ...config }, tracks: [first] });
    const [one, two] = await Promise.all([calls.peers(options()), calls.peers(options())]);
    expect(two).toBe(one);
    expect(await calls.peers({})).toBe(one);
    const others = calls.peers({ RTCPeerConnection, config: {}, tracks: [second] });
    const details = { options: ['tracks', 'config'] };
    await expect(others).rejects.toMatchObject({ code: 'CONFLICT', details });
    one.close();
    expect(await calls.peers({ RTCPeerConnection, config: {} })).not.toBe(one);
  });
});
