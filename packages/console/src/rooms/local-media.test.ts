import { describe, expect, it } from 'vitest';
import { LocalMedia } from './local-media.js';
import { FakeDevices } from './support/fake-media.js';

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
      devices.decided.camera = 'denied';
      devices.decided.microphone = 'prompt';
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
    const media = new LocalMedia({ ...new FakeDevices().source(), devices: undefined });
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
    devices.refusedScreen = 'NotAllowedError';
    await media.shareScreen();
    expect(media.state.screen).toBe('off');
  });

  it('[RM198] a screen that cannot be shared is told, and may be tried again', async () => {
    const devices = new FakeDevices();
    const media = new LocalMedia(devices.source());
    devices.refusedScreen = 'NotReadableError';
    await media.shareScreen();
    expect(media.state).toMatchObject({ screen: 'failed', sends: { screen: false } });
    devices.refusedScreen = undefined;
    await media.shareScreen();
    expect(media.state).toMatchObject({ screen: 'on', sends: { screen: true } });
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

  it.each([
    ['microphone', 'mic-2'],
    ['camera', 'cam-2'],
  ] as const)('[RM192] a %s that cannot be used leaves the one before in use', async (kind, id) => {
    const devices = new FakeDevices(['cam-1', 'cam-2'], ['mic-1', 'mic-2']);
    const media = new LocalMedia(devices.source());
    await media.start();
    const before = media.state.chosen[kind];
    devices.taken.add(id);
    await media.choose(kind, id);
    expect(media.state).toMatchObject({
      [kind]: 'on',
      sends: { microphone: true, camera: true },
      chosen: { [kind]: before },
      unusable: { [kind]: { id, label: `The ${id}` } },
    });
    expect([media.audio?.readyState, media.video.readyState]).toEqual(['live', 'live']);
    // The next choice begins anew.
    devices.taken.clear();
    await media.choose(kind, id);
    expect(media.state).toMatchObject({
      [kind]: 'on',
      chosen: { [kind]: id },
      unusable: { [kind]: undefined },
    });
  });

  it('[RM192] the one before goes on until the other gives something', async () => {
    const devices = new FakeDevices(['cam-1'], ['mic-1', 'mic-2']);
    const media = new LocalMedia(devices.source());
    await media.start();
    const release = devices.hold();
    const choosing = media.choose('microphone', 'mic-2');
    expect(media.state).toMatchObject({ microphone: 'on', sends: { microphone: true } });
    release();
    await choosing;
    expect(lent(devices)).toEqual(['mic-1 ended', 'cam-1 live', 'mic-2 live']);
  });

  it('[RM192] where one camera must be closed before another opens it is, and opened again if that fails', async () => {
    const devices = new FakeDevices(['front', 'back', 'broken']);
    devices.oneAtATime = true;
    const media = new LocalMedia(devices.source());
    await media.start();
    await media.choose('camera', 'back');
    expect(media.state).toMatchObject({ camera: 'on', chosen: { camera: 'back' } });
    devices.taken.add('broken');
    await media.choose('camera', 'broken');
    expect(media.state).toMatchObject({ camera: 'on', chosen: { camera: 'back' } });
    expect(lent(devices)).toEqual(['mic-1 live', 'front ended', 'back ended', 'back live']);
  });

  it('[RM192] when neither the other nor the one before opens any more, nobody is told to be seen', async () => {
    const devices = new FakeDevices(['front', 'back']);
    devices.oneAtATime = true;
    const media = new LocalMedia(devices.source());
    await media.start();
    devices.taken.add('front').add('back');
    await media.choose('camera', 'back');
    expect(media.state).toMatchObject({
      camera: 'busy',
      sends: { camera: false },
      chosen: { camera: 'front' },
      unusable: { camera: undefined },
    });
    devices.taken.delete('front');
    await media.setCamera(true);
    expect(media.state).toMatchObject({ camera: 'on', sends: { camera: true } });
  });

  it('[RM192] muting while another microphone is being opened keeps both silent', async () => {
    const devices = new FakeDevices(['cam-1'], ['mic-1', 'mic-2']);
    const media = new LocalMedia(devices.source());
    await media.start();
    const release = devices.hold();
    const choosing = media.choose('microphone', 'mic-2');
    await media.setMicrophone(false);
    release();
    await choosing;
    expect(media.state).toMatchObject({ microphone: 'off', sends: { microphone: false } });
    expect(lent(devices)).toEqual(['mic-1 ended', 'cam-1 live', 'mic-2 ended']);
    await media.setMicrophone(true);
    expect([media.audio?.label, media.state.microphone]).toEqual(['mic-2', 'on']);
  });

  it('[RM192] a chosen device that does not open when it is turned on is not asked for ever', async () => {
    const devices = new FakeDevices(['cam-1', 'cam-2']);
    const media = new LocalMedia(devices.source());
    await media.start();
    await media.setCamera(false);
    devices.taken.add('cam-2');
    await media.choose('camera', 'cam-2');
    await media.setCamera(true);
    expect(media.state).toMatchObject({ camera: 'busy', chosen: { camera: 'cam-1' } });
    await media.setCamera(true);
    expect(media.state).toMatchObject({ camera: 'on', chosen: { camera: 'cam-1' } });
  });

  it.each([
    ['closed the question', 'prompt', 'prompt', 1, 'denied', 'denied'],
    ['does not let the page have either', 'denied', 'denied', 1, 'denied', 'denied'],
    ['lends the microphone without a question', 'granted', 'prompt', 2, 'on', 'denied'],
    ['never lends the camera', 'prompt', 'denied', 2, 'on', 'denied'],
    ['has a browser that tells nothing', undefined, undefined, 1, 'denied', 'denied'],
  ] as const)(
    '[RM196] who %s is asked again only where it helps',
    async (_, sound, picture, questions, ...is) => {
      const devices = new FakeDevices();
      devices.refused.video = 'NotAllowedError';
      if (sound) devices.decided.microphone = sound;
      if (picture) devices.decided.camera = picture;
      const media = new LocalMedia(devices.source());
      await media.start();
      expect(devices.questions).toBe(questions);
      expect([media.state.microphone, media.state.camera]).toEqual(is);
    },
  );

  it('[RM196] nobody is asked after the page is left', async () => {
    const devices = new FakeDevices([], ['mic-1']);
    const media = new LocalMedia(devices.source());
    const release = devices.hold();
    const starting = media.start();
    media.close();
    release();
    await starting;
    await media.setCamera(true);
    expect(devices.questions).toBe(1);
  });

  it('[RM195] a pause lets all go, and what was in use comes back after it', async () => {
    const devices = new FakeDevices();
    const media = new LocalMedia(devices.source());
    await media.start();
    await media.setMicrophone(false);
    await media.shareScreen();
    media.pause();
    expect(lent(devices)).toEqual(['mic-1 ended', 'cam-1 ended', 'screen ended']);
    expect(media.state).toMatchObject({
      microphone: 'off',
      camera: 'off',
      screen: 'off',
      resting: ['camera'],
      sends: { microphone: false, camera: false, screen: false },
    });
    await media.resume();
    expect(media.state).toMatchObject({ microphone: 'off', camera: 'on', resting: [] });
  });

  it('[RM195] who turns a rested device on and off again has decided; one that was refused stays so', async () => {
    const devices = new FakeDevices(['cam-1'], []);
    const media = new LocalMedia(devices.source());
    await media.start();
    media.pause();
    expect(media.state).toMatchObject({ microphone: 'missing', resting: ['camera'] });
    await media.setCamera(true);
    await media.setCamera(false);
    await media.resume();
    expect(media.state.camera).toBe('off');
  });
});
