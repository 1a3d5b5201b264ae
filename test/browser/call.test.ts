import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Person, signIn, signUp } from './account.js';
import { launchWithCamera, seeMoving } from './camera.js';
import { ServerProcess } from './server-process.js';
import { launchChromium, openWindow, photograph, photographBoth } from './windows.js';

const PASSWORD = 'beacons on the ridge';
const JIHO: Person = { email: 'jiho@example.org', username: 'Jiho Park', password: PASSWORD };
const ANA: Person = { email: 'ana@example.org', username: 'Ana <b>Lopes</b>', password: PASSWORD };

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
    for (const person of [JIHO, ANA]) await signUp(server.url, person);
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

  it('[RM159] what was off stays off over a reload, and comes on when somebody says so', async () => {
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

  it('[SIG3] who has no device hears why, and takes part by watching', async () => {
    const plain = await launchChromium();
    try {
      const guest = await openWindow(plain, faults);
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

  it('[MED4] the controls work by keyboard, and the call fits a phone', async () => {
    await button(jiho, 'Mute').focus();
    await jiho.keyboard.press('Enter');
    await button(jiho, 'Unmute').waitFor();
    await jiho.setViewportSize({ width: 360, height: 740 });
    const overflow = () => jiho.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    await expect.poll(overflow).toBeLessThanOrEqual(0);
    await jiho.emulateMedia({ colorScheme: 'dark' });
    await photograph(jiho, 'call-5-phone-dark');
    await jiho.setViewportSize({ width: 1000, height: 860 });
  });

  it('[SIG3] leaving takes the picture from the other, and closing the room ends the call of who is left', async () => {
    await button(jiho, 'Leave').click();
    await jiho.getByText('You have left the call.').waitFor();
    await ana.getByText('Nobody else is here yet.').waitFor();
    await jiho.getByRole('link', { name: 'About this room' }).click();
    await button(jiho, 'Close').click();
    await button(jiho, 'Close the room').click();
    await ana.getByText('The room was closed.').waitFor();
    expect(await ana.getByTestId('tile').count()).toBe(1);
    expect(faults).toEqual([]);
  });

  it('[SIG3] a lobby lets in whom the owner admits, and who is put out stays out', async () => {
    await button(jiho, 'Create a room').click();
    await jiho.getByLabel('Name', { exact: true }).fill('Interview');
    await jiho.getByRole('dialog').getByLabel('Room ID').fill('interview');
    await jiho.getByText('With a lobby').click();
    await jiho.getByRole('dialog').getByRole('button', { name: 'Create a room' }).click();
    await button(jiho, 'Join the call').click();
    await jiho.getByLabel('Your own picture').waitFor();
    await button(jiho, 'Join the call').click();
    await jiho.getByText('Nobody else is here yet.').waitFor();
    await ana.goto(`${server.url}/rooms/interview/call`);
    await button(ana, 'Join the call').click();
    await ana.getByText('You are in the lobby.').waitFor();
    await button(jiho, `Let ${ANA.username} in`).click();
    await seeMoving(ana, JIHO.username);
    await jiho.getByRole('link', { name: 'About this room' }).click();
    await button(jiho, `Remove ${ANA.username}`).click();
    await button(jiho, 'Remove').last().click();
    await ana.getByText('You were removed from this room.').waitFor();
    await button(ana, 'Join again').click();
    await ana.getByText('FORBIDDEN').waitFor();
    await expect.poll(() => ana.getByLabel(`Picture of ${JIHO.username}`).count()).toBe(0);
  });
});
