import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Household } from './household.js';
import { ServerProcess } from './server-process.js';
import { launchChromium, openWindow, photograph } from './windows.js';

/** What became of commands, as their sender sees it; each step stands on the one before. */
describe('commands, dead letters and drift in the console', () => {
  let server: ServerProcess;
  let home: Household;
  let browser: Browser;
  let desk: Page;
  const faults: string[] = [];

  beforeAll(async () => {
    server = await ServerProcess.prepare();
    await server.start();
    home = await Household.settle(server.url, { email: 'jiho@example.org', username: 'Jiho Park' });
    await home.switchOn();
    browser = await launchChromium();
    desk = await openWindow(browser, faults);
    await desk.goto(`${server.url}/sign-in`);
    await desk.getByLabel('Email address').fill('jiho@example.org');
    await desk.getByLabel('Password', { exact: true }).fill(home.password);
    await button('Sign in').click();
    await desk.getByText('Online', { exact: true }).waitFor();
  });

  afterAll(async () => {
    await home?.leave();
    await browser?.close();
    await server?.dispose();
  });

  const button = (name: string | RegExp) => desk.getByRole('button', { name });
  const tab = (name: string | RegExp) => desk.getByRole('navigation').getByRole('link', { name });
  const command = (what: string) => desk.getByTestId('command').filter({ hasText: what });
  const letter = (what: string) => desk.getByTestId('letter').filter({ hasText: what });

  it('[USR1] pages with nothing on them say what would be there', async () => {
    await tab('Commands').click();
    await desk.getByRole('heading', { name: 'No commands yet' }).waitFor();
    await tab('Dead letters').click();
    await desk.getByRole('heading', { name: 'No dead letters' }).waitFor();
    await photograph(desk, 'c1-no-letters');
  });

  it('[MSG3] what Try it sent stands in the list, and what a program sends joins it by itself', async () => {
    await tab('Try it').click();
    await desk.getByLabel('Action').fill('welcome');
    await button('Send trigger').click();
    await desk.getByTestId('attempt').getByText('Executed', { exact: true }).waitFor();
    await tab('Commands').click();
    await command('welcome').getByText('Executed', { exact: true }).waitFor();
    await home.trigger('from.program', { file: 'a.mp4' });
    await command('from.program').getByText('Executed', { exact: true }).waitFor();
    await expect.poll(() => desk.getByTestId('command').count()).toBe(2);
  });

  it('[MED4] the facts of a command open with the keyboard', async () => {
    const toggle = button('Details of from.program');
    expect(await toggle.getAttribute('aria-expanded')).toBe('false');
    await toggle.focus();
    await desk.keyboard.press('Enter');
    await desk.getByLabel('Data of from.program').getByText('"file": "a.mp4"').waitFor();
    await button('Copy Command ID').waitFor();
    expect(await toggle.getAttribute('aria-expanded')).toBe('true');
    await photograph(desk, 'c2-facts');
  });

  it('[MSG6] a command that waits is cancelled after a question, and never runs', async () => {
    await home.switchOff();
    const { executed } = await home.trigger('too.late');
    await command('too.late').getByText('Waits for the screen to come back.').waitFor();
    await button('Cancel too.late').click();
    await button('Keep it').click();
    await command('too.late').getByText('Waiting', { exact: true }).waitFor();
    await button('Cancel too.late').click();
    await button('Cancel the command').click();
    await command('too.late').getByText('Cancelled', { exact: true }).waitFor();
    expect((await executed).status).toBe('cancelled');
    await home.switchOn();
    await (await home.trigger('after')).executed;
    expect(home.done).toEqual(['welcome', 'from.program', 'after']);
  });

  it('[MSG6] a command that is with its screen is not cancelled, and the dialog says only that', async () => {
    const release = home.hold();
    const { executed } = await home.trigger('slow');
    await button('Cancel slow').click();
    await button('Cancel the command').click();
    const dialog = desk.getByRole('dialog');
    await dialog.getByRole('alert').getByText('Too late:').waitFor();
    expect(await dialog.getByText('The screen will not carry it out.').count()).toBe(0);
    expect(await button('Cancel the command').count()).toBe(0);
    await photograph(desk, 'c2-too-late');
    await expect.poll(() => desk.evaluate(() => document.activeElement?.textContent)).toBe('Close');
    await desk.keyboard.press('Enter');
    await dialog.waitFor({ state: 'hidden' });
    release();
    expect((await executed).status).toBe('executed');
    await command('slow').getByText('Executed', { exact: true }).waitFor();
  });

  it('[MSG2] a refused command is counted, says why, and is requeued once', async () => {
    home.refusal = 'speaker busy';
    const { executed } = await home.trigger('announce', 'closing');
    expect((await executed).status).toBe('dead');
    await command('announce').getByText('Gave up', { exact: true }).waitFor();
    await command('announce').getByRole('link', { name: 'announce' }).click();
    await desk.getByRole('link', { name: 'See its dead letter' }).click();
    await desk.getByRole('heading', { name: 'Dead letter', exact: true }).waitFor();
    await letter('announce').getByText('The screen refused it.').waitFor();
    await tab('Dead letters 1 waits').click();
    await letter('announce').getByText('The screen refused it.').waitFor();
    await letter('announce').getByText('speaker busy').waitFor();
    await letter('announce').getByText('"closing"').waitFor();
    await photograph(desk, 'c3-letter');
    home.refusal = undefined;
    await button('Requeue announce').click();
    await desk.getByText('announce was requeued.').waitFor();
    await expect
      .poll(() => desk.evaluate(() => document.activeElement?.textContent))
      .toContain('was requeued');
    await desk.getByRole('link', { name: 'See the new command' }).click();
    await desk.getByRole('status').getByText('Executed', { exact: true }).waitFor();
    expect(home.done.at(-1)).toBe('announce');
  });

  it('[MSG2] a requeued letter stands apart, with the way to its command', async () => {
    await tab('Dead letters').click();
    await desk.getByText('Requeued', { exact: true }).click();
    await letter('announce').getByRole('link', { name: 'See the new command' }).waitFor();
    expect(await button('Requeue announce').count()).toBe(0);
  });

  it('[MSG2] the first command leads to the one that took its place, and to its letter among the requeued', async () => {
    await letter('announce').getByRole('link', { name: 'announce' }).click();
    await desk.getByRole('status').getByText('Gave up', { exact: true }).waitFor();
    await desk.getByText('It was sent again.').waitFor();
    const first = desk.url();
    await photograph(desk, 'c3-sent-again');
    await desk.getByRole('link', { name: 'See its dead letter' }).click();
    await desk.getByRole('heading', { name: 'Dead letter', exact: true }).waitFor();
    await letter('announce').getByRole('link', { name: 'See the new command' }).waitFor();
    await desk.goto(first);
    await desk.getByRole('link', { name: 'See the new command' }).click();
    await desk.getByRole('status').getByText('Executed', { exact: true }).waitFor();
    await tab('Dead letters').click();
  });

  it('[MSG2] all letters of a reason are requeued at once, after saying how many', async () => {
    home.refusal = 'no projector';
    for (const action of ['lamp.one', 'lamp.two']) await (await home.trigger(action)).executed;
    await letter('lamp.two').waitFor();
    home.refusal = undefined;
    await button(/^Refused/).click();
    await button('Requeue all 2').click();
    await desk.getByRole('heading', { name: 'Requeue 2 dead letters?' }).waitFor();
    await photograph(desk, 'c4-requeue-many');
    await desk.getByRole('dialog').getByRole('button', { name: 'Requeue' }).click();
    await desk.getByText('2 were requeued.').waitFor();
    await expect.poll(() => home.done.slice(-2)).toEqual(['lamp.one', 'lamp.two']);
    await desk.getByText('No dead letters match.').waitFor();
  });

  it('[MSG2] a letter is deleted after a question, and the count goes with it', async () => {
    home.refusal = 'gone';
    await (await home.trigger('obsolete')).executed;
    await tab('Dead letters').click();
    await letter('obsolete').getByRole('link', { name: 'obsolete' }).click();
    await desk.getByRole('link', { name: 'See its dead letter' }).waitFor();
    const first = desk.url();
    await tab('Dead letters 1 waits').click();
    await button('Delete obsolete').click();
    await button('Delete dead letter').click();
    await desk.getByText('obsolete was deleted.').waitFor();
    await expect
      .poll(() => desk.evaluate(() => document.activeElement?.textContent))
      .toContain('was deleted');
    await desk.getByRole('heading', { name: 'No dead letters' }).waitFor();
    await expect.poll(() => tab('Dead letters').textContent()).toBe('Dead letters');
    home.refusal = undefined;
    await desk.getByText('Requeued', { exact: true }).click();
    await letter('announce').waitFor();
    expect(await desk.getByText('obsolete was deleted.').count()).toBe(0);
    await desk.goto(first);
    await desk.getByText('Its dead letter is gone').waitFor();
    expect(await desk.getByRole('link', { name: 'See its dead letter' }).count()).toBe(0);
  });

  it('[BEY2] a display that does not show what it should says so, calmly', async () => {
    await (await home.navigate('/menu')).executed;
    await tab('Screens').click();
    await desk.getByText('/menu', { exact: true }).waitFor();
    expect(await desk.getByTestId('drift').count()).toBe(0);
    home.refusal = 'no such page';
    await (await home.navigate('/evening')).executed;
    await desk.getByText('Should show', { exact: true }).waitFor();
    await desk.getByText('/evening', { exact: true }).waitFor();
    await desk.getByTestId('drift').getByText('Differs').waitFor();
    await photograph(desk, 'c5-drift');
    await desk.getByRole('link', { name: 'Lobby left' }).click();
    await desk.getByRole('heading', { name: 'Displays' }).waitFor();
    await desk.getByText('The screen is online and shows another page.').waitFor();
    await command('/evening').getByText('Gave up', { exact: true }).waitFor();
    await home.switchOff();
    await desk.getByTestId('drift').getByText('When it is back').waitFor();
  });

  it('[STB4] lists say of when they are while the server is away, and go on when it is back', async () => {
    await tab('Commands').click();
    // The page before lists it as well: without this one's heading the server may die before this list was ever read.
    await desk.getByRole('heading', { name: 'Commands', level: 1 }).waitFor();
    await command('welcome').waitFor();
    await server.kill();
    await desk.getByText('The connection is lost. This is how it was at').waitFor();
    await command('welcome').waitFor();
    await server.start();
    await desk.getByText('Live', { exact: true }).waitFor();
    await desk.getByText('The connection is lost.').waitFor({ state: 'hidden' });
  });

  it('[SIG8] a console that asked too often counts down and goes on by itself, with its navigation', async () => {
    const refusals = [3000];
    await desk.route('**/api/auth/refresh', (route) => {
      const retryAfterMs = refusals.pop();
      if (retryAfterMs === undefined) return route.continue();
      return route.fulfill({ status: 429, json: { error: { code: 'RATE_LIMIT', retryAfterMs } } });
    });
    await desk.reload();
    await desk.getByRole('timer').getByText('This page tries again by itself in').waitFor();
    await tab('Screens').waitFor();
    await photograph(desk, 'c6-too-often');
    await desk.getByRole('heading', { name: 'Commands', level: 1 }).waitFor();
    await command('welcome').waitFor();
    expect(refusals).toEqual([]);
  });

  it('[SIG8] what is not there says so, offers a way back, and keeps the navigation', async () => {
    await desk.goto(`${server.url}/commands/${crypto.randomUUID()}`);
    await desk.getByRole('alert').getByText('NOT_FOUND').waitFor();
    expect(await button('Try again').count()).toBe(0);
    await desk.getByRole('link', { name: 'Go to your commands' }).click();
    await command('welcome').waitFor();
    await desk.goto(`${server.url}/nowhere`);
    await desk.getByRole('heading', { name: 'Nothing at this address' }).waitFor();
    await tab('Commands').click();
    await command('welcome').waitFor();
  });

  it('[MED4] every page fits a phone, by day and by night, and met no error', async () => {
    await desk.setViewportSize({ width: 360, height: 740 });
    const overflow = () => desk.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    for (const colorScheme of ['light', 'dark'] as const) {
      await desk.emulateMedia({ colorScheme });
      for (const name of ['Screens', 'Commands', 'Dead letters']) {
        await tab(name).click();
        await desk.getByRole('heading', { name, level: 1 }).waitFor();
        await expect.poll(overflow, { message: name }).toBeLessThanOrEqual(0);
        await photograph(desk, `c6-phone-${name.replace(' ', '-').toLowerCase()}-${colorScheme}`);
      }
    }
    expect(faults).toEqual([]);
  });
});
