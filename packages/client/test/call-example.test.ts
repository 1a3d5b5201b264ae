import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Peers } from '../src/peers.js';
import type { Room } from '../src/room.js';
import { ROOT } from './support/example-process.js';
import { track, World } from './support/pages.js';

type Call = (room: Room, videos: { append: (video: Video) => void }) => Promise<Peers>;

afterEach(() => {
  vi.unstubAllGlobals();
});

class Video {
  title = '';
  srcObject: unknown;
  constructor(private readonly shown: Set<Video>) {}
  remove(): void {
    this.shown.delete(this);
  }
}

describe('examples/call.mjs', () => {
  it('[CL11] shows who is there, and no more who left', async () => {
    const { call } = (await import(pathToFileURL(join(ROOT, 'examples/call.mjs')).href)) as { call: Call };
    const world = new World();
    const shown = new Set<Video>();
    const own = [track('audio'), track('video')];
    vi.stubGlobal('RTCPeerConnection', world.media.RTCPeerConnection);
    vi.stubGlobal('navigator', { mediaDevices: { getUserMedia: async () => ({ getTracks: () => own }) } });
    vi.stubGlobal('document', { createElement: () => new Video(shown) });
    const anna = await world.add([], { calls: false });
    await world.drain();
    const ben = await world.add(['audio', 'video']);
    await world.drain();
    anna.peers = await call(anna.room as Room, { append: (video) => shown.add(video) });
    anna.tracks.push(...own);
    expect(await world.converge(3)).toBeLessThan(3);
    const stream = {};
    const event = Object.assign(new Event('track'), { track: ben.tracks[0], streams: [stream] });
    anna.to(ben).dispatchEvent(event);
    expect([...shown]).toMatchObject([{ title: 'connected', srcObject: stream, autoplay: true }]);
    void ben.room?.leave();
    await world.drain();
    expect(shown.size).toBe(0);
  });
});
