import { BongsuError, type SignalEvent } from '@bongsu/protocol';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { FakeClock } from '../test/support/fake-clock.js';
import { type Page, track, World } from '../test/support/pages.js';
import { MediaNetwork } from '../test/support/scripted-connection.js';
import { IceServerSource } from './ice-servers.js';
import { LocalTracks } from './local-tracks.js';
import { Negotiation, Settled } from './negotiation.js';
import type { Outgoing } from './peers-types.js';
import { SignalQueue } from './signal-queue.js';

afterEach(() => {
  vi.unstubAllGlobals();
});

/** Two in contact. */
async function call(world = new World()) {
  const anna = await world.add(['audio', 'video']);
  await world.drain();
  const ben = await world.add(['audio', 'video']);
  expect(await world.converge(2)).toBeLessThan(2);
  return { world, anna, ben };
}

/** Signals of a kind that the server was given, by who sent them. */
function told(world: World, is: (signal: Outgoing) => unknown): string[] {
  const list: string[] = [];
  const receive = world.server.receive.bind(world.server);
  world.server.receive = (wire, event, body, ack) => {
    if (event === 'signal' && is(body as unknown as Outgoing)) list.push(wire.userId);
    return receive(wire, event, body, ack);
  };
  return list;
}

const isOffer = ({ description }: Outgoing) => description?.type === 'offer';
const generation = (page: Page, other: Page) =>
  /a=ice-ufrag:(\S+)/.exec(page.to(other).localDescription?.sdp ?? '')?.[1];

describe('peers', () => {
  it('[RM151] [BEY4] whoever was in the room first offers to the newcomer, who waits', async () => {
    const world = new World();
    const offers = told(world, isOffer);
    const { anna, ben } = await call(world);
    expect(offers).toEqual(['user-0']);
    await world.add(['audio']);
    await world.converge(2);
    expect(world.faults()).toEqual([]);
    expect(offers.sort()).toEqual(['user-0', 'user-0', 'user-1']);
    expect([anna.to(ben).rollbacks, world.server.counts.glare]).toEqual([0, 0]);
  });

  it('[RM152] signals that come before `peers()` are kept for it', async () => {
    const world = new World();
    await world.add(['audio']);
    await world.drain();
    const late = await world.add(['audio'], { calls: false });
    await world.drain();
    await late.call();
    await world.pass(0);
    expect(await world.converge(3)).toBeLessThan(2);
  });

  it('[RM168] when later offers cross, nothing is rolled back and each gets what the other added', async () => {
    const { world, anna, ben } = await call();
    const offers = told(world, ({ description }) => description?.type === 'offer');
    anna.share('video');
    ben.share('video');
    expect(await world.converge(2)).toBeLessThan(2);
    expect(offers.slice(0, 2)).toEqual(['user-0', 'user-1']);
    expect([anna.to(ben).rollbacks, ben.to(anna).rollbacks]).toEqual([0, 0]);
  });

  it('[RM157] [BEY4] ICE is restarted 3 s after it was disconnected, or when it failed; one asks, the other offers', async () => {
    const { world, anna, ben } = await call();
    const offers = told(world, isOffer);
    const asked = told(world, ({ restart }) => restart);
    const before = generation(anna, ben);
    world.media.cut = true;
    await world.pass(0);
    await world.drain();
    expect(anna.to(ben).iceConnectionState).toBe('disconnected');
    world.clock.advance(2_999);
    await world.drain();
    expect([offers, asked]).toEqual([[], []]);
    world.clock.advance(1);
    world.media.cut = false;
    await world.drain();
    expect(new Set(offers)).toEqual(new Set(['user-0']));
    expect(asked).toEqual(['user-1']);
    expect(generation(anna, ben)).not.toBe(before);
    expect(await world.converge(2)).toBeLessThan(2);
  });

  it('[RM157] a short disconnection is left to heal by itself', async () => {
    const { world } = await call();
    const signals = told(world, () => true);
    world.media.cut = true;
    await world.pass(0);
    await world.drain();
    world.media.cut = false;
    await world.pass(2_000);
    await world.drain();
    await world.pass(60_000);
    await world.drain();
    expect(signals).toEqual([]);
    expect(world.faults()).toEqual([]);
  });

  it('[RM169] who came later offers when nobody else does', async () => {
    const world = new World();
    const anna = await world.add(['audio'], { calls: false });
    await world.drain();
    await world.add(['audio']);
    await world.drain();
    const offers = told(world, isOffer);
    const asked = told(world, ({ restart }) => restart);
    await world.pass(14_999);
    expect([offers, asked]).toEqual([[], []]);
    await world.pass(1);
    await world.drain();
    expect([offers, asked]).toEqual([['user-1'], []]);
    await anna.call();
    await world.pass(0);
    expect(await world.converge(3)).toBeLessThan(3);
  });

  it.each(['unheard', 'stale'])('[RM170] [BEY4] whose wish for a restart is %s offers one', async (why) => {
    const { world, anna, ben } = await call();
    const offers = told(world, isOffer);
    const receive = world.server.receive.bind(world.server);
    world.server.receive = (wire, event, body, ack) =>
      event === 'signal' && 'restart' in body
        ? ack?.({ success: true, negotiationId: body.negotiationId, [why]: true })
        : receive(wire, event, body, ack);
    const before = generation(ben, anna);
    world.media.cut = true;
    await world.pass(0);
    await world.drain();
    world.media.cut = false;
    world.clock.advance(3_000);
    await world.drain();
    expect(offers).toContain('user-1');
    expect(await world.converge(2)).toBeLessThan(2);
    expect(generation(ben, anna)).not.toBe(before);
  });

  it('[RM158] ICE is restarted when the network changes', async () => {
    const window = new EventTarget();
    vi.stubGlobal('window', window);
    const { world, anna, ben } = await call();
    const before = generation(anna, ben);
    window.dispatchEvent(new Event('online'));
    expect(await world.converge(2)).toBeLessThan(2);
    expect(generation(anna, ben)).not.toBe(before);
    for (const page of world.pages) page.peers?.close();
    const signals = told(world, () => true);
    window.dispatchEvent(new Event('online'));
    await world.drain();
    expect(signals).toEqual([]);
  });

  it('[RM187] a new estimate of the bandwidth restarts nothing, another kind of network does', async () => {
    const connection = Object.assign(new EventTarget(), { type: 'wifi' as string | undefined });
    vi.stubGlobal('navigator', { connection });
    const { world, anna, ben } = await call();
    const signals = told(world, () => true);
    const change = (type: string | undefined) => {
      connection.type = type;
      connection.dispatchEvent(new Event('change'));
      return world.drain();
    };
    await change('wifi');
    await change('none');
    await change('wifi');
    expect(signals).toEqual([]);
    const before = generation(anna, ben);
    await change('cellular');
    expect(generation(anna, ben)).not.toBe(before);
    expect(await world.converge(2)).toBeLessThan(2);
  });

  it('[RM187] where browsers do not tell the kind of network, estimates restart nothing', async () => {
    const connection = new EventTarget();
    vi.stubGlobal('navigator', { connection });
    const { world } = await call();
    const signals = told(world, () => true);
    connection.dispatchEvent(new Event('change'));
    await world.drain();
    expect(signals).toEqual([]);
  });

  it('[RM186] a candidate that the browser refuses is told, and the call goes on', async () => {
    const { world, anna, ben } = await call();
    const connection = anna.to(ben);
    const refusal = new Error('Error processing ICE candidate');
    connection.addIceCandidate = async (candidate) => {
      if (candidate?.candidate) throw refusal;
    };
    for (const usernameFragment of [undefined, generation(ben, anna)]) {
      const toJSON = () => ({ candidate: 'candidate:2 1 udp x', sdpMid: '0', usernameFragment });
      ben.to(anna).dispatchEvent(Object.assign(new Event('icecandidate'), { candidate: { toJSON } }));
    }
    await world.drain();
    expect(world.errors).toEqual([refusal, refusal]);
    expect(anna.to(ben)).toBe(connection);
    expect(world.faults()).toEqual([]);
  });

  it.each([0, 1])(
    '[RM190] a reload that the other was away for is mended at once, of page %s',
    async (who) => {
      const { world } = await call();
      const [reloaded, away] = who === 0 ? world.pages : [...world.pages].reverse();
      away?.cut();
      reloaded?.reload();
      await world.drain();
      // Nobody has noticed that the old connection is dead.
      away?.connect();
      await world.drain();
      expect(await world.converge(2)).toBeLessThan(2);
    },
  );

  it('[RM191] who never signals is offered to ever less often, and soon again when heard of', async () => {
    const world = new World();
    await world.add(['audio']);
    await world.drain();
    const ben = await world.add(['audio'], { calls: false });
    await world.drain();
    const offers = told(world, isOffer);
    const pass = async (seconds: number) => {
      for (let second = 0; second < seconds; second += 1) {
        await world.pass(1_000);
        await world.drain();
      }
      return offers.splice(0).length;
    };
    await pass(1_800);
    expect(await pass(1_800)).toBe(10);
    ben.blink();
    await world.drain();
    expect(await pass(60)).toBeGreaterThanOrEqual(3);
    await pass(1_800);
    await ben.call();
    await world.pass(0);
    expect(await world.converge(3)).toBeLessThan(3);
  });

  it('[RM188] a track that is given without a stream has one of its own', async () => {
    class Stream {
      constructor(readonly tracks: MediaStreamTrack[]) {}
    }
    vi.stubGlobal('MediaStream', Stream);
    const [camera, screen, voice] = [track('video'), track('video'), track('audio')];
    const shared = new Stream([voice]) as unknown as MediaStream;
    const tracks = new LocalTracks(undefined, [camera]);
    tracks.add(screen, []);
    tracks.add(voice, [shared]);
    const given: unknown[] = [];
    const addTrack = (...args: unknown[]) => given.push(args);
    tracks.attachTo({ getSenders: () => [], addTrack } as unknown as RTCPeerConnection);
    expect(given).toEqual([
      [camera, new Stream([camera])],
      [screen, new Stream([screen])],
      [voice, shared],
    ]);
  });

  it('[RM189] a track that is not sent cannot be replaced', async () => {
    const { anna } = await call();
    await expect(anna.peers?.replaceTrack(track('video'), track('video'))).rejects.toThrow(
      'This track is not sent',
    );
  });

  it('[RM189] where one connection refuses another track, all go on with the one before', async () => {
    const { world, anna, ben } = await call();
    const cleo = await world.add([]);
    await world.converge(2);
    const camera = anna.tracks.find(({ kind }) => kind === 'video') as MediaStreamTrack;
    const screen = track('video');
    const pictures = (page: Page) =>
      anna
        .to(page)
        .getSenders()
        .flatMap(({ track }) => (track?.kind === 'video' ? [track] : []));
    const sender = anna
      .to(ben)
      .getSenders()
      .find(({ track }) => track === camera);
    const refusal = new Error('InvalidModificationError');
    Object.assign(sender ?? {}, { replaceTrack: () => Promise.reject(refusal) });
    await expect(anna.peers?.replaceTrack(camera, screen)).rejects.toBe(refusal);
    const dora = await world.add([]);
    await world.converge(2);
    for (const page of [ben, cleo, dora]) expect(pictures(page)).toEqual([camera]);
    // Who is gone refuses nothing.
    anna.to(ben).close();
    await anna.peers?.replaceTrack(camera, screen);
    for (const page of [cleo, dora]) expect(pictures(page)).toEqual([screen]);
  });

  it('[RM159] a track is added to, replaced on and removed from all connections', async () => {
    const { world, anna, ben } = await call();
    const cleo = await world.add(['audio', 'video']);
    await world.converge(2);
    const offers = told(world, isOffer);
    const [screen, other] = [track('video'), track('video')];
    const sent = (page: Page) =>
      anna
        .to(page)
        .getSenders()
        .map((sender) => sender.track);
    anna.peers?.addTrack(screen);
    await world.drain();
    expect(offers).toEqual(['user-0', 'user-0']);
    for (const page of [ben, cleo]) expect(sent(page)).toContain(screen);
    await anna.peers?.replaceTrack(screen, other);
    await world.drain();
    for (const page of [ben, cleo]) expect(sent(page)).toContain(other);
    // Without a negotiation.
    expect(offers).toHaveLength(2);
    // Whoever comes later gets the present one.
    anna.tracks.push(other);
    const dora = await world.add([]);
    await world.converge(2);
    expect(sent(dora)).toContain(other);
    anna.peers?.removeTrack(other);
    for (const page of [ben, cleo, dora]) expect(sent(page)).not.toContain(other);
  });

  it('[RM171] a track that is being replaced is sent once, whatever is added meanwhile', async () => {
    const { world, anna, ben } = await call();
    const connection = anna.to(ben);
    const [camera] = anna.tracks.filter(({ kind }) => kind === 'video');
    const sender = connection.getSenders().find(({ track }) => track === camera);
    const pending: (() => void)[] = [];
    const replaceTrack = (next: MediaStreamTrack) =>
      new Promise<void>((resolve) =>
        pending.push(() => {
          if (sender) sender.track = next;
          resolve();
        }),
      );
    Object.assign(sender ?? {}, { replaceTrack });
    const pictures = () => connection.getSenders().filter(({ track }) => track?.kind === 'video');
    const screen = track('video');
    const there = anna.peers?.replaceTrack(camera as MediaStreamTrack, screen);
    anna.share('audio');
    expect(pictures()).toHaveLength(1);
    const back = anna.peers?.replaceTrack(screen, camera as MediaStreamTrack);
    pending.shift()?.();
    await there;
    anna.share('audio');
    expect(pictures()).toHaveLength(1);
    pending.shift()?.();
    await back;
    anna.share('audio');
    expect(pictures().map(({ track }) => track)).toEqual([camera]);
    expect(await world.converge(2)).toBeLessThan(2);
  });

  it('[RM160] TURN credentials are renewed before they run out, and again when that failed', async () => {
    const world = new World();
    const server = (n: number) => ({ urls: ['turn:t'], username: `${n}`, credential: 'c' });
    const start = world.clock.now();
    world.server.ice = { iceServers: [server(1)], expiresAt: start + 100_000 };
    const asked: string[] = [];
    world.http = async (path) => {
      asked.push(path);
      if (asked.length === 1) throw new BongsuError('UNAVAILABLE');
      return { iceServers: [server(2)], expiresAt: start + 400_000 };
    };
    const { anna, ben } = await call(world);
    expect(anna.to(ben).config.iceServers).toEqual([server(1)]);
    ben.peers?.close();
    const username = () =>
      anna.peers &&
      [...anna.peers.connections.values()]
        .map((one) => one as unknown as { config: RTCConfiguration })
        .map(({ config }) => config.iceServers?.[0]?.username);
    world.clock.advance(start + 79_999 - world.clock.now());
    await world.drain();
    expect(asked).toEqual([]);
    await world.pass(1);
    expect(asked).toEqual(['/api/ice-servers?roomId=call']);
    await world.pass(10_000);
    await world.drain();
    expect(asked).toHaveLength(2);
    expect(username()).toEqual(['2']);
  });

  it('[RM160] [BEY4] after a sleep over their end ICE is restarted with new ones, on both sides', async () => {
    const window = new EventTarget();
    vi.stubGlobal('window', window);
    const world = new World();
    const server = (n: number) => ({ urls: ['turn:t'], username: `${n}`, credential: 'c' });
    const start = world.clock.now();
    world.server.ice = { iceServers: [server(1)], expiresAt: start + 100_000 };
    world.http = async () => ({ iceServers: [server(2)], expiresAt: start + 400_000 });
    const { anna, ben } = await call(world);
    const before = generation(anna, ben);
    world.clock.sleep(200_000);
    window.dispatchEvent(new Event('online'));
    await world.drain();
    expect(generation(anna, ben)).not.toBe(before);
    for (const connection of [anna.to(ben), ben.to(anna)]) expect(connection.gatheredBy).toEqual([server(2)]);
    expect(await world.converge(2)).toBeLessThan(2);
  });

  it('[RM161] whoever asks twice for peers has the same ones, and after the room’s end closed ones', async () => {
    const { world, anna } = await call();
    const options = { RTCPeerConnection: world.media.RTCPeerConnection };
    expect(await Promise.all([anna.room?.peers(options), anna.room?.peers()])).toEqual([
      anna.peers,
      anna.peers,
    ]);
    anna.peers?.close();
    const late = anna.room?.peers(options);
    void anna.room?.leave();
    const ended = await late;
    await world.drain();
    expect([ended?.closed, ended?.connections.size]).toEqual([true, 0]);
  });

  it('[RM162] who leaves is closed and told, and `close` leaves nothing behind', async () => {
    const { world, anna, ben } = await call();
    void ben.room?.leave();
    await world.drain();
    expect(anna.log).toEqual(['state connected', 'state closed', 'left ']);
    expect(anna.peers?.connections.size).toBe(0);
    expect(world.media.all.size).toBe(0);
    anna.peers?.close();
    const again = await anna.room?.peers({ RTCPeerConnection: world.media.RTCPeerConnection });
    expect(again).not.toBe(anna.peers);
    void anna.room?.leave();
    await world.drain();
    await world.pass(600_000);
    await world.drain();
    expect([world.media.all.size, world.errors]).toEqual([0, []]);
  });
});

describe('credentials', () => {
  it('[RM172] are renewed every 10 s at most, however far the clock is ahead', async () => {
    const clock = new FakeClock();
    let renewals = 0;
    const servers = () => ({ iceServers: [], expiresAt: clock.now() + 3_600_000 });
    const source = new IceServerSource({
      clock,
      serverNow: () => clock.now() + 7_200_000,
      renew: async () => {
        renewals += 1;
        return servers();
      },
      onChange: () => {},
    });
    source.take(servers());
    for (let second = 0; second < 60; second += 1) {
      clock.advance(1_000);
      await new Promise(setImmediate);
    }
    expect(renewals).toBe(6);
    source.close();
  });
});

describe('credentials that cannot be renewed', () => {
  it('[RM185] are waited for once for each renewal, 3 s, and not by every offer anew', async () => {
    const clock = new FakeClock();
    const refuse: (() => void)[] = [];
    const source = new IceServerSource({
      clock,
      serverNow: () => clock.now(),
      renew: () => new Promise((_, reject) => refuse.push(() => reject(new BongsuError('UNAVAILABLE')))),
      onChange: () => {},
    });
    source.take({ iceServers: [], expiresAt: clock.now() });
    clock.advance(10_000);
    const done: string[] = [];
    const freshen = (name: string) => void source.freshen().then(() => done.push(name));
    freshen('first');
    clock.advance(2_000);
    freshen('second');
    clock.advance(1_000);
    await new Promise(setImmediate);
    expect(done).toEqual(['first', 'second']);
    freshen('third');
    await new Promise(setImmediate);
    expect(done).toEqual(['first', 'second', 'third']);
    refuse.shift()?.();
    await new Promise(setImmediate);
    freshen('of the next renewal');
    await new Promise(setImmediate);
    expect([done.length, refuse.length]).toEqual([3, 1]);
    source.close();
  });
});

describe('what a peer is told', () => {
  it('[RM163] candidates that come before their description wait for it; late ones of an old negotiation do nothing', async () => {
    const network = new MediaNetwork({ soon: (_, task) => queueMicrotask(task) });
    const connect = () => new network.RTCPeerConnection({});
    const remote = connect();
    remote.addTransceiver('audio');
    await remote.setLocalDescription();
    const sdp = remote.localDescription?.sdp ?? '';
    const connection = connect();
    const said: Outgoing[] = [];
    const negotiation = new Negotiation({
      connection,
      queue: { push: (signal) => said.push(signal), drop: () => {} },
      isPolite: () => true,
      attach: () => {},
      settled: new Settled(),
      onError: () => {},
    });
    const added: unknown[] = [];
    const add = connection.addIceCandidate.bind(connection);
    connection.addIceCandidate = async (candidate?: RTCIceCandidateInit | null) => {
      added.push(candidate?.candidate);
      await add(candidate);
    };
    const signal = (id: string, what: object) => ({ negotiationId: id, ...what }) as SignalEvent;
    const candidate = (text: string) => ({ candidate: { candidate: text, sdpMid: '0' } });
    await negotiation.take(signal('one', candidate('early')));
    expect(added).toEqual([]);
    const offer = signal('one', { description: { type: 'offer', sdp } });
    expect(await negotiation.take(offer)).toBe('taken');
    expect(added).toEqual(['early']);
    await negotiation.take(signal('one', candidate('late')));
    expect(await negotiation.take(offer)).toBe('ignored');
    await negotiation.take(signal('two', { description: { type: 'offer', sdp } }));
    await negotiation.take(signal('one', candidate('too late')));
    expect(added).toEqual(['early', 'late']);
    expect(said.filter(({ description }) => description).map(({ negotiationId }) => negotiationId)).toEqual([
      'one',
      'two',
    ]);
  });

  it('[RM164] what is refused for now goes out again in order, what is refused for good does not', async () => {
    const clock = new FakeClock();
    const sent: string[] = [];
    const refused: string[] = [];
    const answers = new Map<string, BongsuError>([
      ['two', new BongsuError('RATE_LIMIT', { retryAfterMs: 500 })],
    ]);
    const queue = new SignalQueue({
      clock,
      isOpen: () => true,
      send: async ({ negotiationId }) => {
        sent.push(negotiationId);
        const error = answers.get(negotiationId);
        if (error) throw error;
        return { negotiationId };
      },
      onRefused: ({ code }) => refused.push(code),
      onUnheard: () => {},
    });
    for (const negotiationId of ['one', 'two', 'three']) queue.push({ negotiationId, restart: true });
    await new Promise(setImmediate);
    expect(sent).toEqual(['one', 'two', 'three']);
    answers.set('two', new BongsuError('PAYLOAD_TOO_LARGE'));
    clock.advance(500);
    await new Promise(setImmediate);
    expect(sent.slice(3)).toEqual(['two', 'three']);
    expect(refused).toEqual(['PAYLOAD_TOO_LARGE']);
    queue.resume();
    expect(sent).toHaveLength(5);
  });
});
