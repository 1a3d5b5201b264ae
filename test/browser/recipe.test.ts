import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { launchWithCamera } from './camera.js';
import { openWindow } from './windows.js';

const GUIDE = new URL('../../docs/signaling.md', import.meta.url);
/** Nobody serves it: browsers lend a camera to this host over plain http. */
const ORIGIN = 'http://localhost/';

interface Met {
  states: string[];
  /** Candidates that were told while the description before them was being set. */
  early: number;
  /** Pairs of offers that crossed. */
  crossed: number;
  /** What each side has shown since the last of them. */
  shown: number[];
}

interface Plan {
  recipe: string;
  rounds: number;
  /** Who load their page anew, one after another; `later` comes back with a new socket at last. */
  reloads?: ('first' | 'later')[];
  /** Whose link is lost in the midst of offers of both, one after another. */
  cuts?: ('first' | 'later')[];
}

/**
 * Runs in the page: two that follow the recipe, and a relay between them. At first it tells all of a side's candidates at once; then, as
 * often as `rounds` says, both restart ICE, and it keeps what they say until both have offered.
 */
async function meet({ recipe, rounds, reloads = [], cuts = [] }: Plan): Promise<Met> {
  type Signal = { description?: { type: string }; candidate?: object | null };
  type Listener = (payload: object) => void;
  type Peers = Map<string, { connection: RTCPeerConnection }>;
  const met: Met = { states: [], early: 0, crossed: 0, shown: [] };
  const sides = new Map<string, { listeners: Map<string, Listener>; peers: Peers; flush: () => void }>();
  const stream = await navigator.mediaDevices.getUserMedia({ video: true });
  const videos: HTMLVideoElement[] = [];
  let isFlowing = false;
  /** Who has no link. */
  let cut: string | undefined;
  let lostOffers = 0;
  let offers = 2;

  const show = (_: string, __: MediaStreamTrack, [theirs]: MediaStream[]) => {
    const video = Object.assign(document.createElement('video'), { muted: true, autoplay: true });
    video.srcObject = theirs ?? null;
    document.body.append(video);
    videos.push(video);
  };

  const make = (id: string, other: string, existingUsers: object[] = []) => {
    const listeners = new Map<string, Listener>();
    const held: Signal[] = [];
    const tell = (signal: Signal) => {
      if (cut === other) return;
      const receiver = sides.get(other);
      const connection = receiver?.peers.get(id)?.connection;
      if (signal.candidate && !connection?.currentRemoteDescription) met.early += 1;
      receiver?.listeners.get('signal')?.({ ...signal, from: id, polite: other === 'later' });
    };
    const flush = () => {
      for (const signal of held.splice(0)) tell(signal);
    };
    const socket = {
      on: (event: string, listener: Listener) => void listeners.set(event, listener),
      emitWithAck: async (event: string, payload: Signal) => {
        if (cut === id) {
          if (payload.description?.type === 'offer') lostOffers += 1;
          throw new Error('socket has been disconnected');
        }
        if (event === 'join-room')
          return {
            success: true,
            participantId: id,
            existingUsers: [{ participantId: other, polite: id === 'later' }],
          };
        held.push(JSON.parse(JSON.stringify(payload)) as Signal);
        if (isFlowing && payload.description?.type === 'offer') offers += 1;
        // The end of candidates: all goes out in one turn.
        if (isFlowing ? offers >= 2 : payload.candidate === null)
          for (const side of isFlowing ? [...sides.values()] : [{ flush }]) side.flush();
        return { success: true };
      },
    };
    const room = { roomId: 'call', participantId: id, iceServers: [], existingUsers };
    const follow = new Function('socket', 'room', 'stream', 'show', `${recipe}\nreturn peers;`);
    const peers = follow(socket, room, stream, show) as Peers;
    sides.set(id, { listeners, peers, flush });
  };

  make('first', 'later');
  make('later', 'first', [{ participantId: 'first', polite: true }]);
  const hear = (id: string, event: string, payload: object) => sides.get(id)?.listeners.get(event)?.(payload);
  const both = () =>
    [...sides.values()].flatMap(({ peers }) => [...peers.values()].map((it) => it.connection));
  const until = async (isSo: () => boolean) => {
    while (!isSo()) await new Promise(requestAnimationFrame);
  };
  const isSettled = ({ connectionState }: RTCPeerConnection) =>
    connectionState === 'connected' || connectionState === 'failed';
  const frames = () => videos.slice(-2).map((video) => video.getVideoPlaybackQuality().totalVideoFrames);
  const untilShown = async (count: number) => {
    await until(() => videos.length === count && both().length === 2 && both().every(isSettled));
    await until(() => frames().every((seen) => seen > 0));
  };

  hear('first', 'user-joined', { participantId: 'later' });
  await untilShown(2);
  for (const [at, id] of reloads.entries()) {
    const other = id === 'first' ? 'later' : 'first';
    for (const { connection } of sides.get(id)?.peers.values() ?? []) connection.close();
    make(id, other, [{ participantId: other, polite: id === 'later' }]);
    hear(other, 'user-returned', { participantId: id, resumed: false });
    await untilShown(2 * (at + 2));
  }
  const generations = () =>
    both().map(({ localDescription }) => /a=ice-ufrag:\S+/.exec(localDescription?.sdp ?? '')?.[0]);
  const untilRestarted = async (old: (string | undefined)[]) => {
    await until(() => both().every((one) => one.signalingState === 'stable' && isSettled(one)));
    await until(() => both().every(isSettled) && generations().every((one, side) => one !== old[side]));
  };
  if (reloads.length > 0) {
    const old = generations();
    hear('first', 'user-returned', { participantId: 'later', resumed: true });
    await untilRestarted(old);
  }
  isFlowing = true;
  for (const id of cuts) {
    const old = generations();
    cut = id;
    lostOffers = 0;
    for (const connection of both()) connection.restartIce();
    await until(() => lostOffers > 0);
    cut = undefined;
    hear(id, 'ready', {});
    hear(id === 'first' ? 'later' : 'first', 'user-returned', { participantId: id, resumed: true });
    await untilRestarted(old);
  }
  while (met.crossed < rounds) {
    offers = 0;
    for (const connection of both()) connection.restartIce();
    await until(() => offers >= 2);
    met.crossed += 1;
    await until(() => offers >= 3 || both().every(({ signalingState }) => signalingState === 'stable'));
    await until(() => both().every((one) => one.signalingState === 'stable' && isSettled(one)));
  }
  const before = frames();
  const due = performance.now() + 5_000;
  await until(() => performance.now() > due || frames().every((count, at) => count > (before[at] ?? 0) + 5));
  met.shown = frames().map((count, at) => count - (before[at] ?? 0));
  met.states = both().map(({ connectionState }) => connectionState);
  for (const connection of both()) connection.close();
  for (const track of stream.getTracks()) track.stop();
  for (const video of videos) video.remove();
  return met;
}

describe('the recipe of signaling.md', () => {
  let browser: Browser;
  let page: Page;
  let recipe = '';
  const faults: string[] = [];

  beforeAll(async () => {
    const guide = await readFile(GUIDE, 'utf8');
    recipe = /```js\n(const peers = new Map\(\);.*?)```/s.exec(guide)?.[1] ?? '';
    browser = await launchWithCamera();
    page = await openWindow(browser, faults);
    await page.route(`${ORIGIN}**`, (route) =>
      route.fulfill({ contentType: 'text/html', body: '<p>Recipe</p>' }),
    );
    await page.goto(ORIGIN);
  });

  afterAll(async () => {
    await browser?.close();
  });

  it('[SIG4] connects though candidates come while the description before them is being set', async () => {
    const { states, early } = await page.evaluate(meet, { recipe, rounds: 0 });
    expect(states).toEqual(['connected', 'connected']);
    expect(early).toBeGreaterThan(1);
    expect(faults).toEqual([]);
  });

  it('[SIG4] [BEY4] connects anew when either side loads its page anew, and restarts ICE when a socket comes back', async () => {
    const reloads: Plan['reloads'] = ['later', 'first', 'later'];
    const { states, shown } = await page.evaluate(meet, { recipe, rounds: 0, reloads });
    expect(states).toEqual(['connected', 'connected']);
    expect(Math.min(...shown)).toBeGreaterThan(5);
    expect(faults).toEqual([]);
  });

  it('[SIG4] [BEY4] takes the seat again after a lost link, and offers again what was lost with it', async () => {
    const cuts: Plan['cuts'] = ['first', 'later'];
    const { states, shown } = await page.evaluate(meet, { recipe, rounds: 0, cuts });
    expect(states).toEqual(['connected', 'connected']);
    expect(Math.min(...shown)).toBeGreaterThan(5);
    expect(faults).toEqual([]);
  });

  it('[SIG4] [BEY4] shows both pictures after offers that crossed', async () => {
    const { states, crossed, shown } = await page.evaluate(meet, { recipe, rounds: 3 });
    expect(states).toEqual(['connected', 'connected']);
    expect(crossed).toBe(3);
    expect(Math.min(...shown)).toBeGreaterThan(5);
    expect(faults).toEqual([]);
  });
});
