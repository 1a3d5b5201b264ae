import { BongsuError } from '@bongsu/protocol';
import { describe, expect, it } from 'vitest';
import { Call } from './call.js';
import type { CallRoom, EnterOptions } from './call-types.js';
import { LocalMedia } from './local-media.js';
import { FakeDevices, FakeTrack, fakeStream } from './support/fake-media.js';
import { FakeRoom, person } from './support/fake-room.js';

const JIHO = person('p1', 'Jiho');

function setUp(enter: (options: EnterOptions) => Promise<CallRoom>, devices = new FakeDevices()) {
  const media = new LocalMedia(devices.source());
  const call = new Call({ media, enter, newStream: fakeStream });
  return { call, media, devices };
}

async function inCall(room = new FakeRoom(JIHO), devices = new FakeDevices()) {
  const made = setUp(async () => room.real, devices);
  await made.media.start();
  await made.call.join();
  return { ...made, room, peers: room.media };
}

/** Exchanges of tracks go one after the other, each in a few microtasks. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('a call', () => {
  it('[SIG3] shows who is there, who comes, reconnects, returns and leaves', async () => {
    const { call, room } = await inCall();
    const seen = () => call.state.tiles.map(({ username, seat }) => `${username} ${seat}`);
    expect([call.state.phase, call.state.participantId]).toEqual(['joined', 'me']);
    expect(seen()).toEqual(['Jiho joined']);
    room.tell('joined', person('p2', '<b>Ana</b>'));
    room.tell('reconnecting', JIHO);
    expect(seen()).toEqual(['Jiho reconnecting', '<b>Ana</b> joined']);
    room.tell('returned', { ...JIHO, resumed: true });
    room.tell('left', { ...person('p2', 'Ana'), reason: 'left' });
    expect(seen()).toEqual(['Jiho joined']);
  });

  it('[SIG3] shows what comes from each, and how the connection stands', async () => {
    const { call, peers } = await inCall();
    peers.connect('p1');
    const tile = () => call.state.tiles[0];
    expect(tile()).toMatchObject({ link: 'new', stream: undefined });
    const [sound, picture, screen] = [
      new FakeTrack('audio', 'sound'),
      new FakeTrack('video', 'picture'),
      new FakeTrack('video', 'screen'),
    ];
    for (const track of [sound, picture, screen])
      peers.tell('track', { participantId: 'p1', track: track.real, streams: [] });
    expect(
      tile()
        ?.stream?.getTracks()
        .map(({ label }) => label),
    ).toEqual(['sound', 'screen']);
    peers.tell('state', { participantId: 'p1', state: 'connected' });
    expect(tile()?.link).toBe('connected');
    // They reloaded: nothing more comes over the connection of before.
    peers.connect('p1');
    expect(tile()).toMatchObject({ link: 'new', stream: undefined, says: undefined });
  });

  it('[SIG3] sends what there is at the moment of joining, a blank picture at the least', async () => {
    const { room } = await inCall();
    expect(room.sent?.getTracks().map(({ label }) => label)).toEqual(['mic-1', 'cam-1']);
    const without = await inCall(new FakeRoom(), new FakeDevices([], []));
    expect(without.room.sent?.getTracks().map(({ label }) => label)).toEqual(['blank']);
    expect(without.call.state.phase).toBe('joined');
  });

  it('[SIG3] sends each change in its turn: camera, screen, and a microphone that comes later', async () => {
    const devices = new FakeDevices(['cam-1'], []);
    const { call, peers } = await inCall(new FakeRoom(JIHO), devices);
    void call.media.shareScreen();
    await settled();
    call.media.stopSharing();
    await call.media.setCamera(false);
    devices.microphones.push('mic-1');
    await call.media.setMicrophone(true);
    await settled();
    expect(peers.done).toEqual(['cam-1 → screen', 'screen → blank', 'add mic-1']);
  });

  it('[SIG3] tells others whether we are muted, and hears it from them, whatever they send', async () => {
    const { call, peers } = await inCall();
    const channel = peers.connect('p1');
    await call.media.setMicrophone(false);
    expect(channel.sent).toEqual([]);
    channel.open();
    await call.media.setMicrophone(true);
    expect(channel.sent).toEqual([
      { microphone: false, camera: true, screen: false },
      { microphone: true, camera: true, screen: false },
    ]);
    for (const bad of ['{', 'null', '7', new ArrayBuffer(1)]) channel.receive(bad);
    expect(call.state.tiles[0]?.says).toBeUndefined();
    channel.receive('{"microphone":"yes","camera":true,"__proto__":{"screen":true}}');
    expect(call.state.tiles[0]?.says).toEqual({ microphone: false, camera: true, screen: false });
  });

  it('[SIG3] leaving stops sharing, lets nobody listen on, and joining again is a new call', async () => {
    const { call, room, devices } = await inCall();
    await call.media.shareScreen();
    call.leave();
    expect(room.left).toBe(1);
    expect([room.listening, room.media.listening]).toEqual([0, 0]);
    expect(call.state).toMatchObject({ phase: 'ready', end: { reason: 'left' }, tiles: [] });
    expect(devices.lent.at(-1)?.readyState).toBe('ended');
    await call.join();
    expect(call.state).toMatchObject({ phase: 'joined', end: undefined });
  });

  it('[SIG3] shows how it ended when others ended it', async () => {
    const { call, room } = await inCall();
    room.tell('closed', { reason: 'kicked' });
    expect(call.state).toMatchObject({ phase: 'ready', end: { reason: 'kicked' }, participantId: undefined });
  });

  it('[RM208] turns no device on before it is in, or in the lobby', async () => {
    const devices = new FakeDevices();
    const answers: (() => Promise<CallRoom>)[] = [
      () => Promise.reject(new BongsuError('ROOM_NOT_FOUND')),
      () => Promise.reject(new BongsuError('ROOM_LOCKED')),
    ];
    let wait = () => {};
    const { call, media } = setUp(({ onWaiting }) => {
      wait = onWaiting;
      return answers.shift()?.() ?? new Promise(() => {});
    }, devices);
    media.rest();
    await call.join();
    expect([call.state.end, devices.questions]).toEqual([{ reason: 'missing' }, 0]);
    await call.join();
    expect(call.state.end?.error?.code).toBe('ROOM_LOCKED');
    expect([devices.questions, media.state.resting]).toEqual([0, ['microphone', 'camera']]);
    void call.join();
    expect(devices.questions).toBe(0);
    wait();
    await settled();
    expect(media.state).toMatchObject({ microphone: 'on', camera: 'on', resting: [] });
  });

  it('[RM207] tells somebody who was put out while the link was lost the same as anybody else', async () => {
    const { call, room } = await inCall();
    const error = new BongsuError('FORBIDDEN', { details: { reason: 'kicked' } });
    room.tell('closed', { reason: 'refused', error });
    expect(call.state.end).toEqual({ reason: 'kicked' });
  });

  it('[SIG8] shows why it may not join, as the server says it', async () => {
    const { call } = setUp(() => Promise.reject(new BongsuError('ROOM_LOCKED')));
    await call.join();
    expect(call.state.phase).toBe('ready');
    expect(call.state.end?.error?.code).toBe('ROOM_LOCKED');
  });

  it('[SIG3] who stops waiting is not in, even if they are let in at that moment', async () => {
    const room = new FakeRoom(JIHO);
    let admit = (_: CallRoom) => {};
    let knock = () => {};
    const { call } = setUp(({ onWaiting }) => {
      knock = onWaiting;
      return new Promise((resolve) => (admit = resolve));
    });
    const joining = call.join();
    expect(call.state.phase).toBe('joining');
    knock();
    expect(call.state.phase).toBe('waiting');
    call.leave();
    knock();
    admit(room.real);
    await joining;
    expect([call.state.phase, room.left]).toEqual(['ready', 1]);
  });

  it('[SIG3] gives the seat of before a reload to the SDK, and follows a lost link', async () => {
    const room = new FakeRoom(JIHO);
    const asked: (string | undefined)[] = [];
    const { call } = setUp(async ({ participantId }) => {
      asked.push(participantId);
      return room.real;
    });
    await call.join('me');
    expect(asked).toEqual(['me']);
    room.tell('state', { state: 'reconnecting' });
    expect(call.state.phase).toBe('reconnecting');
    room.tell('state', { state: 'joined' });
    room.tell('rejoined', { participantId: 'me again', anew: true });
    expect(call.state).toMatchObject({ phase: 'joined', participantId: 'me again' });
  });

  it('[SIG3] closing lets all devices go', async () => {
    const { call, devices, room } = await inCall();
    call.close();
    expect(room.left).toBe(1);
    expect(devices.lent.map(({ readyState }) => readyState)).toEqual(['ended', 'ended']);
  });

  it('[RM192] says what is sent, not what was tried', async () => {
    const devices = new FakeDevices(['cam-1'], ['mic-1', 'mic-2']);
    const { call, peers } = await inCall(new FakeRoom(JIHO), devices);
    const channel = peers.connect('p1');
    channel.open();
    devices.taken.add('mic-2');
    await call.media.choose('microphone', 'mic-2');
    expect(channel.sent.at(-1)).toEqual({ microphone: true, camera: true, screen: false });
    await call.media.setMicrophone(false);
    expect(channel.sent.at(-1)).toMatchObject({ microphone: false });
    expect(call.media.audio?.enabled).toBe(false);
  });

  it('[RM194] who lost their seat in a room with a lobby waits again, and sees who is there once they are in', async () => {
    const { call, room, peers } = await inCall(new FakeRoom(JIHO, person('p2', 'Ana')));
    const names = () => call.state.tiles.map(({ username }) => username);
    peers.connect('p1');
    room.tell('state', { state: 'reconnecting' });
    room.tell('state', { state: 'waiting' });
    expect([call.state.phase, names()]).toEqual(['waiting', []]);
    // A link that is lost meanwhile is no way back in.
    room.tell('state', { state: 'reconnecting' });
    expect(call.state.phase).toBe('waiting');
    room.participants.delete('p2');
    room.tell('state', { state: 'joined' });
    room.tell('rejoined', { participantId: 'me again', anew: true });
    expect(call.state).toMatchObject({ phase: 'joined', participantId: 'me again' });
    expect(names()).toEqual(['Jiho']);
    expect(call.state.tiles[0]).toMatchObject({ link: 'new', stream: undefined });
  });

  it.each(['left', 'kicked', 'closed'])(
    '[RM195] a call that is over (%s) lets camera and microphone go until the next',
    async (reason) => {
      const { call, room, devices } = await inCall();
      await call.media.setMicrophone(false);
      if (reason === 'left') call.leave();
      else room.tell('closed', { reason });
      expect(devices.lent.map(({ label, readyState }) => `${label} ${readyState}`)).toEqual([
        'mic-1 ended',
        'cam-1 ended',
      ]);
      expect(call.state).toMatchObject({ end: { reason }, picture: undefined });
      await call.join();
      await settled();
      expect(call.state.media).toMatchObject({ microphone: 'off', camera: 'on' });
      expect(room.media.done).toEqual(['blank → cam-1']);
    },
  );
});
