import { describe, expect, it } from 'vitest';
import { LocalMedia } from './local-media.js';
import { FakeDevices, FakeTrack } from './support/fake-media.js';

const lent = (devices: FakeDevices) => devices.lent.map(({ label, readyState }) => `${label} ${readyState}`);

describe('our own devices', () => {
  it('[SIG3] asks for camera and microphone with one question', async () => {
    const devices = new FakeDevices();
    const media = new LocalMedia(devices.source());
    await media.start();
    expect(devices.questions).toBe(1);
    expect(media.state).toMatchObject({
      microphone: 'on',
      camera: 'on',
      chosen: { microphone: 'mic-1', camera: 'cam-1' },
      devices: { camera: [{ id: 'cam-1', label: 'The cam-1' }] },
    });
    expect([media.audio?.label, media.video.label]).toEqual(['mic-1', 'cam-1']);
  });

  it.each([
    ['NotAllowedError', 'denied'],
    ['NotFoundError', 'missing'],
    ['NotReadableError', 'busy'],
  ] as const)(
    '[SIG3] a camera that is refused by %s is %s, and the microphone works',
    async (name, state) => {
      const devices = new FakeDevices();
      devices.refused.video = name;
      const media = new LocalMedia(devices.source());
      await media.start();
      expect(media.state).toMatchObject({ microphone: 'on', camera: state });
      expect(media.video.label).toBe('blank');
    },
  );

  it('[SIG3] only what is wanted is asked for, and what is in use is known', async () => {
    const devices = new FakeDevices();
    const media = new LocalMedia(devices.source());
    await media.start({ microphone: true, camera: false });
    expect(media.inUse).toEqual({ microphone: true, camera: false });
    expect(lent(devices)).toEqual(['mic-1 live']);
    await media.setMicrophone(false);
    expect(media.inUse).toEqual({ microphone: false, camera: false });
    const silent = new FakeDevices();
    const next = new LocalMedia(silent.source());
    await next.start(media.inUse);
    expect([silent.questions, next.state.microphone, next.state.camera]).toEqual([0, 'off', 'off']);
    expect(next.state.devices.camera).toHaveLength(1);
  });

  it('[SIG3] without any device there is a blank picture to send, and no sound', async () => {
    const media = new LocalMedia(new FakeDevices([], []).source());
    await media.start();
    expect(media.state).toMatchObject({ microphone: 'missing', camera: 'missing' });
    expect(media.audio).toBeUndefined();
    expect(media.video.label).toBe('blank');
  });

  it('[SIG3] where the browser lends nothing it says why', async () => {
    const media = new LocalMedia({ devices: undefined, blank: () => new FakeTrack('video', 'blank').real });
    await media.start();
    expect(media.state).toMatchObject({ microphone: 'insecure', camera: 'insecure' });
    await media.setCamera(true);
    expect(media.state.camera).toBe('insecure');
  });

  it('[SIG3] a camera that is off is let go; a muted microphone stays ours', async () => {
    const devices = new FakeDevices();
    const media = new LocalMedia(devices.source());
    await media.start();
    await media.setCamera(false);
    await media.setMicrophone(false);
    expect(lent(devices)).toEqual(['mic-1 live', 'cam-1 ended']);
    expect(media.audio?.enabled).toBe(false);
    expect(media.video.label).toBe('blank');
    await media.setMicrophone(true);
    await media.setCamera(true);
    expect(lent(devices)).toEqual(['mic-1 live', 'cam-1 ended', 'cam-1 live']);
    expect(media.audio?.enabled).toBe(true);
  });

  it('[SIG3] a camera that comes when it is no longer wanted is let go at once', async () => {
    const devices = new FakeDevices();
    const media = new LocalMedia(devices.source());
    const release = devices.hold();
    const coming = media.setCamera(true);
    await media.setCamera(false);
    release();
    await coming;
    expect(lent(devices)).toEqual(['cam-1 ended']);
    expect(media.state.camera).toBe('off');
  });

  it('[SIG3] a device that is chosen takes the place of the one in use', async () => {
    const devices = new FakeDevices(['cam-1', 'cam-2'], ['mic-1', 'mic-2']);
    const media = new LocalMedia(devices.source());
    await media.start();
    await media.choose('camera', 'cam-2');
    await media.choose('microphone', 'mic-2');
    expect(lent(devices)).toEqual(['mic-1 ended', 'cam-1 ended', 'cam-2 live', 'mic-2 live']);
    expect([media.audio?.label, media.video.label]).toEqual(['mic-2', 'cam-2']);
  });

  it('[SIG3] a camera that is pulled out is missing', async () => {
    const devices = new FakeDevices();
    const media = new LocalMedia(devices.source());
    await media.start();
    devices.lent[1]?.end();
    expect(media.state.camera).toBe('missing');
    expect(media.video.label).toBe('blank');
  });

  it('[SIG3] a shared screen goes before the camera until the browser or the reader ends it', async () => {
    const devices = new FakeDevices();
    const media = new LocalMedia(devices.source());
    await media.start();
    await media.shareScreen();
    expect([media.state.screen, media.video.label]).toEqual(['on', 'screen']);
    devices.lent.at(-1)?.end();
    expect([media.state.screen, media.video.label]).toEqual(['off', 'cam-1']);
  });

  it('[SIG3] who thinks better of sharing shares nothing', async () => {
    const devices = new FakeDevices();
    const media = new LocalMedia(devices.source());
    devices.refused.video = 'NotAllowedError';
    await media.shareScreen();
    expect(media.state.screen).toBe('off');
  });

  it('[SIG3] closing lets everything go, also what is still to come', async () => {
    const devices = new FakeDevices();
    const media = new LocalMedia(devices.source());
    await media.start();
    const release = devices.hold();
    const sharing = media.shareScreen();
    media.close();
    release();
    await sharing;
    expect(lent(devices)).toEqual(['mic-1 ended', 'cam-1 ended', 'screen ended']);
  });
});
