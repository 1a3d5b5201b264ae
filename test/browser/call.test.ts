import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Person, signIn, signUp } from './account.js';
import { launchWithCamera, seeMoving } from './camera.js';
import { ServerProcess } from './server-process.js';
import { launchChromium, openWindow, photograph, photographBoth } from './windows.js';

const PASSWORD = 'beacons on the ridge';
const JIHO: Person = { email: 'jiho@example.org', username: 'Jiho Park', password: PASSWORD };
const ANA: Person = { email: 'ana@example.org', username: 'Ana <b>Lopes</b>', password: PASSWORD };
const LAN: Person = { email: 'lan@example.org', username: 'Lan Vu', password: PASSWORD };

/** Two people meet; each step stands on the one before. */
describe('a call in the console', () => {
  let server: ServerProcess;
  let browser: Browser;
  let jiho: Page;
  let ana: Page;
  const faults: string[] = [];

  beforeAll(async () => {
    server = await ServerProcess.prepare({ RATE_LIMIT_PER_MINUTE: '1000' });
    await server.start();
    for (const person of [JIHO, ANA, LAN]) await signUp(server.url, person);
    browser = await launchWithCamera();
    jiho = await openWindow(browser, faults);
    ana = await openWindow(browser, faults);
    await signIn(jiho, server.url, JIHO);
    await signIn(ana, server.url, ANA);
  });

  afterAll(async () => {
    await browser?.close();
    await server?.dispose();
  });

  const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
  /** What the keyboard is at. */
  const focused = (page: Page) =>
    page.evaluate(
      () => document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent,
    );
  const spoken = (page: Page, text: string) => page.getByRole('status').filter({ hasText: text });
  const tile = (page: Page, name: string) => page.getByTestId('tile').filter({ hasText: name });

  it('[SIG3] who makes a room looks at themselves, joins, and is alone', async () => {
    await jiho.getByRole('navigation').getByRole('link', { name: 'Rooms' }).click();
    await button(jiho, 'Create a room').click();
    await jiho.getByLabel('Name', { exact: true }).fill('Stand-up');
    await jiho.getByRole('dialog').getByLabel('Room ID').fill('stand-up');
    await jiho.getByRole('dialog').getByRole('button', { name: 'Create a room' }).click();
    await jiho.getByRole('heading', { name: 'Stand-up', level: 1 }).waitFor();
    await button(jiho, 'Join the call').click();
    await jiho.getByLabel('Your own picture').waitFor();
    await photograph(jiho, 'call-1-before');
    await button(jiho, 'Join the call').click();
    await jiho.getByText('Nobody else is here yet.').waitFor();
  });

  it('[SIG4] the other comes by the id, and each sees the other move; names are text', async () => {
    await ana.goto(`${server.url}/rooms`);
    await ana.getByLabel('Room ID').fill('stand-up');
    await button(ana, 'Join').click();
    await button(ana, 'Join the call').click();
    await seeMoving(ana, JIHO.username);
    await seeMoving(jiho, ANA.username);
    await jiho.getByText('2 people').waitFor();
    await photographBoth(browser, [jiho, ana], 'call-2-both');
  });

  it('[SIG4] mute and camera are told to the other, and the camera comes back', async () => {
    await button(ana, 'Mute').click();
    await tile(jiho, ANA.username).getByLabel('Muted').waitFor();
    await button(ana, 'Camera off').click();
    await jiho.getByLabel(`Picture of ${ANA.username}`).waitFor({ state: 'hidden' });
    await button(ana, 'Camera on').click();
    await seeMoving(jiho, ANA.username);
    await button(ana, 'Unmute').click();
    await tile(jiho, ANA.username).getByLabel('Muted').waitFor({ state: 'hidden' });
  });

  it('[SIG3] a reload comes back into the call by itself, as the same one', async () => {
    await ana.reload();
    await seeMoving(ana, JIHO.username);
    await seeMoving(jiho, ANA.username);
    expect(await jiho.getByTestId('tile').count()).toBe(2);
  });

  it('[RM183] what was off stays off over a reload, and comes on when somebody says so', async () => {
    await button(ana, 'Mute').click();
    await button(ana, 'Camera off').click();
    await jiho.getByLabel(`Picture of ${ANA.username}`).waitFor({ state: 'hidden' });
    await ana.reload();
    await seeMoving(ana, JIHO.username);
    await button(ana, 'Camera on').waitFor();
    await tile(jiho, ANA.username).getByLabel('Muted').waitFor();
    expect(await jiho.getByLabel(`Picture of ${ANA.username}`).isVisible()).toBe(false);
    await button(ana, 'Unmute').click();
    await button(ana, 'Camera on').click();
    await seeMoving(jiho, ANA.username);
    await tile(jiho, ANA.username).getByLabel('Muted').waitFor({ state: 'hidden' });
  });

  it('[RM197] a reload that is cut by another one comes back into the call all the same', async () => {
    let isHeld = true;
    // The SDK's part for rooms does not come, so the page is on its way back until it is loaded anew.
    await ana.route(/\/assets\/rooms-[^/]+\.js$/, async (route) => {
      if (!isHeld) await route.continue();
    });
    await ana.reload();
    await ana.getByText('Joining.').waitFor();
    isHeld = false;
    await ana.reload();
    await seeMoving(ana, JIHO.username);
    await ana.unrouteAll();
    expect(await jiho.getByTestId('tile').count()).toBe(2);
  });

  it('[RM198] a shared screen is seen in the place of the camera, until the browser ends it', async () => {
    await button(ana, 'Share screen').click();
    await tile(jiho, ANA.username).getByText('Shares a screen').waitFor();
    await seeMoving(jiho, ANA.username);
    await photographBoth(browser, [jiho, ana], 'call-6-sharing');
    const labelOf = () =>
      ana.getByLabel('Your own picture').evaluate((video) => {
        const [track] = ((video as HTMLVideoElement).srcObject as MediaStream).getVideoTracks();
        return track?.label;
      });
    const shared = await labelOf();
    // As by the browser's own bar, which no test can press.
    await ana.getByLabel('Your own picture').evaluate((video) => {
      const [track] = ((video as HTMLVideoElement).srcObject as MediaStream).getVideoTracks();
      track?.stop();
      track?.dispatchEvent(new Event('ended'));
    });
    await button(ana, 'Share screen').waitFor();
    await tile(jiho, ANA.username).getByText('Shares a screen').waitFor({ state: 'hidden' });
    await seeMoving(jiho, ANA.username);
    await expect.poll(labelOf).not.toBe(shared);
  });

  it('[SIG2] pictures go on while the server is gone, and the call with them when it is back', async () => {
    await server.kill();
    await jiho
      .getByText(/^Your connection to the server is lost/)
      .first()
      .waitFor();
    await seeMoving(jiho, ANA.username);
    await photograph(jiho, 'call-3-no-server');
    await server.start();
    await jiho.getByText('2 people').waitFor();
    await ana.getByText('2 people').waitFor();
    await seeMoving(ana, JIHO.username);
  });

  it('[SIG3] [RM197] who has no device hears why, and takes part by watching, with storage blocked too', async () => {
    const plain = await launchChromium();
    try {
      const guest = await openWindow(plain, faults);
      await guest.addInitScript(() => {
        const get = () => {
          throw new DOMException('blocked', 'SecurityError');
        };
        Object.defineProperty(window, 'sessionStorage', { get });
      });
      await signIn(guest, server.url, ANA);
      await guest.goto(`${server.url}/rooms/stand-up/call`);
      await guest.getByText('You can take part all the same: you hear and see the others.').waitFor();
      await button(guest, 'Join the call').click();
      await seeMoving(guest, JIHO.username);
      await guest.getByText('You, elsewhere').waitFor();
      await photograph(guest, 'call-4-no-device');
      await button(guest, 'Leave').click();
    } finally {
      await plain.close();
    }
    await jiho.getByText('2 people').waitFor();
  });

  it('[MED4] [RM199] the controls work by keyboard, and the call fits a phone', async () => {
    await button(jiho, 'Mute').focus();
    await jiho.keyboard.press('Enter');
    await button(jiho, 'Unmute').waitFor();
    // A device that is being opened takes a while, and the focus stays where it was.
    for (const [press, then] of [
      ['Camera off', 'Camera on'],
      ['Camera on', 'Camera off'],
      ['Share screen', 'Stop sharing'],
      ['Stop sharing', 'Share screen'],
    ] as const) {
      await button(jiho, press).focus();
      await jiho.keyboard.press('Enter');
      await button(jiho, then).waitFor();
      expect(await focused(jiho)).toBe(then);
    }
    await jiho.setViewportSize({ width: 360, height: 740 });
    const overflow = () => jiho.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    await expect.poll(overflow).toBeLessThanOrEqual(0);
    await jiho.emulateMedia({ colorScheme: 'dark' });
    await photograph(jiho, 'call-5-phone-dark');
    await jiho.setViewportSize({ width: 1000, height: 860 });
  });

  it('[RM193] another page is asked about first, for it ends the call', async () => {
    await jiho.getByRole('link', { name: 'About this room' }).click();
    await jiho.getByText('Leave the call?').waitFor();
    await photograph(jiho, 'call-8-leave');
    await button(jiho, 'Stay').click();
    await jiho.getByText('Leave the call?').waitFor({ state: 'hidden' });
    await jiho.evaluate(() => history.back());
    await button(jiho, 'Stay').click();
    await seeMoving(jiho, ANA.username);
    expect(new URL(jiho.url()).pathname).toBe('/rooms/stand-up/call');
    await jiho.getByRole('navigation').getByRole('link', { name: 'Rooms' }).click();
    await button(jiho, 'Leave the call').click();
    await jiho.getByRole('heading', { name: 'Rooms', level: 1 }).waitFor();
    await ana.getByText('Nobody else is here yet.').waitFor();
    await jiho.goto(`${server.url}/rooms/stand-up/call`);
    await button(jiho, 'Join the call').click();
    await seeMoving(jiho, ANA.username);
    await button(jiho, 'Mute').click();
  });

  it('[SIG3] leaving takes the picture from the other, and closing the room ends the call of who is left', async () => {
    await button(jiho, 'Leave').click();
    await jiho.getByText('You have left the call.').waitFor();
    await jiho.getByText('Your camera is off. Joining turns it on.').waitFor();
    expect(await jiho.getByLabel('Your own picture').isVisible()).toBe(false);
    await photograph(jiho, 'call-7-left');
    await ana.getByText('Nobody else is here yet.').waitFor();
    await jiho.getByRole('link', { name: 'About this room' }).click();
    await button(jiho, 'Close').click();
    await button(jiho, 'Close the room').click();
    await ana.getByText('The room was closed.').waitFor();
    expect(await button(ana, 'Join again').count()).toBe(0);
    expect(faults).toEqual([]);
  });

  it('[SIG3] [RM199] a lobby lets in whom the owner admits, by keyboard too', async () => {
    await button(jiho, 'Create a room').click();
    await jiho.getByLabel('Name', { exact: true }).fill('Interview');
    await jiho.getByRole('dialog').getByLabel('Room ID').fill('interview');
    await jiho.getByText('With a lobby').click();
    await jiho.getByRole('dialog').getByRole('button', { name: 'Create a room' }).click();
    await button(jiho, 'Join the call').click();
    await jiho.getByLabel('Your own picture').waitFor();
    await button(jiho, 'Join the call').click();
    await jiho.getByText('Nobody else is here yet.').waitFor();
    const lan = await openWindow(browser, faults);
    await signIn(lan, server.url, LAN);
    for (const page of [ana, lan]) {
      await page.goto(`${server.url}/rooms/interview/call`);
      await button(page, 'Join the call').focus();
      await page.keyboard.press('Enter');
      await page.getByText('You are in the lobby.').waitFor();
      await expect.poll(() => focused(page)).toBe('interview');
    }
    await spoken(jiho, '2 people wait in the lobby.').waitFor();
    await photograph(jiho, 'call-9-lobby');
    await button(jiho, `Let ${ANA.username} in`).focus();
    await jiho.keyboard.press('Enter');
    await seeMoving(ana, JIHO.username);
    await spoken(jiho, `${LAN.username} waits in the lobby.`).waitFor();
    await expect.poll(() => focused(jiho)).toBe(`Let ${LAN.username} in`);
    await jiho.keyboard.press('Enter');
    await jiho.getByText('3 people').waitFor();
    await expect.poll(() => focused(jiho)).toBe('Interview');
    await lan.close();
    await spoken(jiho, `${LAN.username} is reconnecting`).waitFor();
  });

  it('[RM193] who may manage the room locks it and puts people out without leaving the call', async () => {
    await button(jiho, 'Lock').click();
    await button(jiho, 'Unlock').waitFor();
    await jiho.setViewportSize({ width: 360, height: 740 });
    const overflow = () => jiho.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    await expect.poll(overflow).toBeLessThanOrEqual(0);
    await tile(jiho, ANA.username).scrollIntoViewIfNeeded();
    await tile(jiho, ANA.username).hover();
    await photograph(jiho, 'call-10-manage-phone', { whole: true });
    await jiho.setViewportSize({ width: 1000, height: 860 });
    await button(jiho, `Remove ${ANA.username}`).click();
    await photograph(jiho, 'call-11-put-out');
    await button(jiho, 'Remove').last().click();
    await ana.getByText('You were removed from this room.').waitFor();
    await tile(jiho, ANA.username).waitFor({ state: 'detached' });
    await expect.poll(() => ana.getByLabel(`Picture of ${JIHO.username}`).count()).toBe(0);
    expect(await button(ana, 'Lock').count()).toBe(0);
    expect(faults).toEqual([]);
  });
});
