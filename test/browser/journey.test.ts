import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServerProcess } from './server-process.js';
import { launchChromium, openWindow, photograph, photographBoth } from './windows.js';

const PASSWORD = 'beacons on the ridge';

/** One visitor's way through the product, so each step stands on the one before. */
describe('the journey', () => {
  let server: ServerProcess;
  let site: Server;
  let siteUrl: string;
  let browser: Browser;
  let desk: Page;
  let wall: Page;
  const faults: string[] = [];

  beforeAll(async () => {
    server = await ServerProcess.prepare({}, { embedded: true });
    await server.start();
    site = createServer((_, response) => {
      response.setHeader('content-type', 'text/html');
      response.end('<h1>Menu of the day</h1>');
    }).listen(0, '127.0.0.1');
    await once(site, 'listening');
    siteUrl = `http://127.0.0.1:${(site.address() as AddressInfo).port}/menu`;
    browser = await launchChromium();
    desk = await openWindow(browser, faults);
    wall = await openWindow(browser, faults);
  });

  afterAll(async () => {
    await browser?.close();
    await server?.dispose();
    site?.close();
  });

  const button = (name: string | RegExp) => desk.getByRole('button', { name });
  const attempt = (index: number) => desk.getByTestId('attempt').nth(index);

  /** The actions that the screen shows as executed, oldest first. */
  async function executed(): Promise<string[]> {
    const actions = await wall.getByTestId('entry').locator('strong').allTextContents();
    return actions.reverse();
  }

  async function sendTrigger(action: string): Promise<void> {
    await desk.getByLabel('Action').fill(action);
    await button('Send trigger').click();
    await desk.getByRole('heading', { name: `${action} to Lobby left` }).waitFor();
  }

  it('[USR1] a stranger signs up with nothing but the keyboard', async () => {
    await desk.goto(`${server.url}/`);
    await desk.getByRole('link', { name: 'Create one' }).focus();
    await desk.keyboard.press('Enter');
    await desk.getByRole('heading', { name: 'Create your account' }).waitFor();
    await desk.getByLabel('Your name').focus();
    await desk.keyboard.type('Jiho Park');
    await desk.keyboard.press('Tab');
    await desk.keyboard.type('jiho@example.org');
    await desk.keyboard.press('Tab');
    await desk.keyboard.type(PASSWORD);
    await desk.keyboard.press('Enter');
    await desk.getByRole('heading', { name: 'Pair your first screen' }).waitFor();
    await photograph(desk, '1-signed-up');
  });

  it('[TOK3] a reload stays signed in by the cookie, with no token that a script can read', async () => {
    await desk.reload();
    await desk.getByRole('heading', { name: 'Pair your first screen' }).waitFor();
    const readable = await desk.evaluate(() => JSON.stringify({ ...localStorage }) + document.cookie);
    expect(readable).not.toMatch(/eyJ|token/i);
  });

  it('[MED4] a dialog takes the focus, keeps it, and gives it back', async () => {
    await button('Pair a screen').focus();
    await desk.keyboard.press('Enter');
    const dialog = desk.getByRole('dialog');
    await dialog.waitFor();
    const focusInside = () => dialog.evaluate((element) => element.contains(document.activeElement));
    await expect.poll(focusInside).toBe(true);
    for (let presses = 0; presses < 8; presses += 1) {
      await desk.keyboard.press('Tab');
      expect(await focusInside()).toBe(true);
    }
    await desk.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    await expect.poll(() => desk.evaluate(() => document.activeElement?.textContent)).toBe('Pair a screen');
  });

  it('[SIG1] a second window shows a code, and typing it makes it a screen', async () => {
    await wall.goto(`${server.url}/screen`);
    const code = (await wall.getByTestId('pairing-code').textContent()) ?? '';
    expect(code).toMatch(/^[A-Z0-9]{4}-[A-Z0-9]{4}$/);
    await photographBoth(browser, [desk, wall], '2-pairing-code');
    await button('Pair a screen').click();
    await desk.getByLabel('Pairing code').fill(code.toLowerCase().replace('-', ''));
    await desk.getByLabel('Screen name').fill('Lobby left');
    await button('Find the screen').click();
    await desk.getByRole('heading', { name: 'Is this the device in front of you?' }).waitFor();
    await desk.getByText('127.0.0.1', { exact: true }).waitFor();
    await photograph(desk, '3-confirm-device');
    await button('Yes, that is it').click();
    await wall.getByRole('heading', { name: 'Paired' }).waitFor();
    await desk.getByText('Online', { exact: true }).waitFor();
  });

  it('[MSG3] a trigger is accepted, arrives with its data, and is reported as executed', async () => {
    await button('Try it on Lobby left').click();
    await sendTrigger('welcome');
    await attempt(0).getByText('Executed', { exact: true }).waitFor();
    await wall.getByText('"volume": 0.8').waitFor();
    await expect.poll(executed).toEqual(['welcome']);
    await photographBoth(browser, [desk, wall], '4-two-windows-light');
  });

  it('[MSG1] the same id again is answered as a duplicate and not run twice', async () => {
    await attempt(0).getByRole('button', { name: 'Send the same ID again' }).click();
    await attempt(0).getByText('duplicate: true').waitFor();
    // Whatever the screen was sent for it would have come before this one.
    await sendTrigger('after');
    await attempt(0).getByText('Executed', { exact: true }).waitFor();
    await expect.poll(executed).toEqual(['welcome', 'after']);
  });

  it('[MSG3] navigate shows another site in a frame', async () => {
    await desk.getByText('Navigate', { exact: true }).click();
    await desk.getByLabel('Address').fill(siteUrl);
    await button('Send navigate').click();
    await attempt(0).getByText('Executed', { exact: true }).waitFor();
    await wall.frameLocator('iframe').getByRole('heading', { name: 'Menu of the day' }).waitFor();
    await photograph(wall, '5-navigated');
    await desk.getByText('Trigger', { exact: true }).click();
  });

  it('[MSG5] what was accepted for a screen that is away survives kill -9 and arrives once, in order', async () => {
    await wall.goto('about:blank');
    await desk.getByText('This screen is offline.').waitFor();
    const steps = ['step.1', 'step.2', 'step.3', 'step.4', 'step.5'];
    for (const step of steps) {
      await sendTrigger(step);
      await attempt(0).getByText('Accepted', { exact: true }).waitFor();
    }
    await photograph(desk, '6-waiting');

    await server.kill();
    await desk.getByText('Reconnecting').waitFor();
    await photograph(desk, '7-killed');
    await server.start();
    await desk.getByText('Live', { exact: true }).waitFor();

    await wall.goto(`${server.url}/screen`);
    for (const [index] of steps.entries()) {
      await attempt(index).getByText('Executed', { exact: true }).waitFor();
    }
    await expect.poll(executed).toEqual(steps);
  });

  it('[STB4] windows that stayed open through a kill come back by themselves', async () => {
    await server.kill();
    await wall.getByText('Connection lost').waitFor();
    await server.start();
    await wall.getByText('Connected', { exact: true }).waitFor();
    await desk.getByText('Live', { exact: true }).waitFor();
    await sendTrigger('back');
    await attempt(0).getByText('Executed', { exact: true }).waitFor();
    await expect.poll(executed).toEqual(['step.1', 'step.2', 'step.3', 'step.4', 'step.5', 'back']);
    for (const page of [desk, wall]) await page.emulateMedia({ colorScheme: 'dark' });
    await desk.evaluate(() => scrollTo(0, 0));
    await photographBoth(browser, [desk, wall], '8-two-windows-dark');
  });

  it('[MED4] both windows fit a phone, and neither met an error or its content security policy', async () => {
    for (const page of [desk, wall]) {
      await page.setViewportSize({ width: 360, height: 740 });
      const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      await expect.poll(overflow).toBeLessThanOrEqual(0);
    }
    await photograph(desk, '9-phone-console');
    await photograph(wall, '9-phone-screen');
    expect(faults).toEqual([]);
  });

  it('[USR1] signing out ends the login for good', async () => {
    await desk.setViewportSize({ width: 1000, height: 800 });
    await button('Account of Jiho Park').click();
    await desk.getByRole('menuitem', { name: 'Sign out' }).click();
    await desk.getByRole('heading', { name: 'Sign in' }).waitFor();
    await desk.goto(`${server.url}/screens`);
    await desk.getByRole('heading', { name: 'Sign in' }).waitFor();
  });
});
