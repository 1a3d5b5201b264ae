import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { describeNodes } from '../../server/test/support/nodes.js';
import { startTwoNodes, type TwoNodes } from '../../server/test/support/two-nodes.js';
import { connect } from '../src/client.js';
import type { Peers } from '../src/peers.js';
import type { Room } from '../src/room.js';
import { track } from './support/pages.js';
import { MediaNetwork } from './support/scripted-connection.js';

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

describeNodes('a call of the SDK over two nodes', () => {
  let nodes: TwoNodes;
  beforeAll(async () => {
    nodes = await startTwoNodes();
  });
  afterAll(() => nodes?.stop());

  const client = (at: 'a' | 'b', token: string) => {
    const made = connect({ url: nodes[at].url, token });
    cleanUps.push(() => made.close());
    return made;
  };
  const network = () => new MediaNetwork({ soon: (_owner, task) => void setImmediate(task) });
  const call = (room: Room, media: MediaNetwork, kind: 'audio' | 'video' = 'audio'): Promise<Peers> =>
    room.peers({ tracks: [track(kind)], RTCPeerConnection: media.RTCPeerConnection });
  /** Both sides hear each other, and all that either sends was negotiated. */
  const inContact = (media: MediaNetwork, tracks: number) =>
    expect
      .poll(() => {
        media.look();
        return [...media.all].map(({ iceConnectionState, signalingState, transceivers }) => [
          iceConnectionState,
          signalingState,
          transceivers.length,
        ]);
      })
      .toEqual(Array.from({ length: 2 }, () => ['connected', 'stable', tracks]));

  it('[ND20] [RM151] two come into contact, add what crosses, and again after one was loaded anew at the other node', async () => {
    const [anna, ben] = [await nodes.a.world.signUp(), await nodes.b.world.signUp()];
    const media = network();
    const first = await client('a', anna.accessToken).createRoom({ name: 'Call' });
    const annas = await call(first, media);
    const page = client('b', ben.accessToken);
    const second = await page.joinRoom(first.roomId);
    const bens = await call(second, media);
    await inContact(media, 1);

    annas.addTrack(track('video'));
    bens.addTrack(track('video'));
    await inContact(media, 2);

    const { participantId } = second;
    const [before] = annas.connections.values();
    // Without a goodbye, which would end the seat.
    const third = await client('a', ben.accessToken).joinRoom(first.roomId, { participantId });
    expect(third.participantId).toBe(participantId);
    bens.close();
    await page.close();
    await call(third, media, 'video');
    await expect.poll(() => annas.connections.get(participantId) !== before).toBe(true);
    await inContact(media, 2);
  });
});
