import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { giveCredentials, openFromMenu, section, signIn, signUp } from './account.js';
import { Authenticator } from './authenticator.js';
import { later, ServerProcess } from './server-process.js';
import { launchChromium, openWindow, photograph } from './windows.js';

const MINUTE_MS = 60_000;
const ana = { email: 'ana@example.org', username: 'Ana Lima', password: 'beacons on the ridge' };

/** A server by whose clock the log-in is long ago asks for a fresh proof by itself; each step stands on the one before. */
describe('a fresh proof, where a second factor is on', () => {
  let server: ServerProcess;
  let browser: Browser;
  let desk: Page;
  let app: Authenticator;
  let aheadMs = 0;
  const faults: string[] = [];

  beforeAll(async () => {
    server = await ServerProcess.prepare({}, { embedded: true });
    await server.start();
    await signUp(server.url, ana);
    browser = await launchChromium();
    desk = await openWindow(browser, faults);
    await signIn(desk, server.url, ana);
    await openFromMenu(desk, 'Profile');
    const part = section(desk, 'Second factor');
    await part.getByRole('button', { name: 'Set up' }).click();
    await part.getByLabel('Password', { exact: true }).fill(ana.password);
    await part.getByRole('button', { name: 'Continue' }).click();
    app = new Authenticator((await part.locator('li code').textContent()) ?? '');
    await part.getByLabel('Code', { exact: true }).fill(app.nextCode());
    await part.getByRole('button', { name: 'Turn on' }).click();
    await part.getByRole('button', { name: 'I have kept them' }).click();
  });

  afterAll(async () => {
    await browser?.close();
    await server?.dispose();
  });

  const nextCode = () => app.nextCode(Date.now() + aheadMs);
  const dialog = () => desk.getByRole('dialog', { name: 'Confirm that it is you' });

  /** Eleven are longer than a proof counts, and shorter than a log-in without use lives. */
  async function minutesPass(minutes: number): Promise<void> {
    aheadMs += minutes * MINUTE_MS;
    await server.kill();
    await server.start(later(aheadMs));
    await desk.reload();
    await desk.getByRole('heading', { name: 'Profile', level: 1 }).waitFor();
  }

  it('[USR2] a password that was just typed is not asked for again, only the code', async () => {
    await minutesPass(11);
    const form = section(desk, 'Password');
    await form.getByLabel('Current password').fill(ana.password);
    ana.password = 'embers under the ash';
    await form.getByLabel('New password').fill(ana.password);
    await form.getByRole('button', { name: 'Change the password' }).click();
    await dialog().getByLabel('Code', { exact: true }).fill('000000');
    expect(await dialog().getByLabel('Password', { exact: true }).count()).toBe(0);
    await desk.keyboard.press('Enter');
    await dialog().getByText('This code is not right').waitFor();
    await photograph(desk, 'i14-step-up-code');
    await dialog().getByLabel('Code', { exact: true }).fill(nextCode());
    await desk.keyboard.press('Enter');
    await form.getByRole('status').getByText('Your password is changed').waitFor();
  });

  it('[USR2] within ten minutes of a proof nothing asks for another', async () => {
    await minutesPass(8);
    const laptop = await openWindow(browser, faults);
    await giveCredentials(laptop, server.url, ana);
    await laptop.getByLabel('Code', { exact: true }).fill(nextCode());
    await laptop.keyboard.press('Enter');
    await laptop.getByRole('heading', { name: 'Screens', level: 1 }).waitFor();
    await laptop.context().close();
    await desk.reload();
    await desk.getByRole('button', { name: 'End Chrome on Linux' }).click();
    await desk.getByText('That login was ended.').waitFor();
    expect(await dialog().count()).toBe(0);
  });

  it('[USR2] after that password and code are asked for at once, and the call goes on by itself', async () => {
    await minutesPass(11);
    await openFromMenu(desk, 'API keys');
    await desk.getByRole('button', { name: 'Make a key' }).click();
    await desk.getByLabel('Name', { exact: true }).fill('Menu planner');
    await desk.getByLabel('See dead letters').check();
    await desk.getByRole('button', { name: 'Make the key' }).click();
    await dialog().getByLabel('Password', { exact: true }).fill(ana.password);
    await dialog().getByLabel('Code', { exact: true }).fill('000000');
    await desk.keyboard.press('Enter');
    await dialog().getByText('The password or the code is not right.').waitFor();
    await photograph(desk, 'i15-step-up-both');
    await dialog().getByLabel('Code', { exact: true }).fill(nextCode());
    await desk.keyboard.press('Enter');
    await desk.getByRole('heading', { name: 'Your key Menu planner' }).waitFor();
    await dialog().waitFor({ state: 'hidden' });
    expect(faults).toEqual([]);
  });
});
