import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signIn } from './account.js';
import { Guest } from './guest.js';
import { Household } from './household.js';
import { ServerProcess } from './server-process.js';
import { launchChromium, openWindow, photograph } from './windows.js';

/** Rooms as their owner sees them, with others in them by stock sockets; each step stands on the one before. */
describe('rooms in the console', () => {
  const keeper = { email: 'keeper@example.org', username: 'Keeper', password: 'a keeper of the ridge' };
  let server: ServerProcess;
  let home: Household;
  let guest: Guest;
  let browser: Browser;
  let desk: Page;
  const faults: string[] = [];

  beforeAll(async () => {
    server = await ServerProcess.prepare({
      RATE_LIMIT_PER_MINUTE: '1000',
      ADMIN_EMAIL: keeper.email,
      ADMIN_PASSWORD: keeper.password,
    });
    await server.start();
    home = await Household.settle(server.url, { email: 'jiho@example.org', username: 'Jiho Park' });
    guest = await Guest.arrive(server.url, 'Ana <b>Lopes</b>');
    browser = await launchChromium();
    desk = await openWindow(browser, faults);
    await desk.goto(`${server.url}/sign-in`);
    await desk.getByLabel('Email address').fill('jiho@example.org');
    await desk.getByLabel('Password', { exact: true }).fill(home.password);
    await button('Sign in').click();
    await desk.getByRole('heading', { name: 'Screens', level: 1 }).waitFor();
  });

  afterAll(async () => {
    guest?.close();
    await home?.leave();
    await browser?.close();
    await server?.dispose();
  });

  const button = (name: string) => desk.getByRole('button', { name, exact: true });
  const row = (name: string) => desk.getByTestId('room').filter({ hasText: name });
  const person = (name: string) => desk.getByTestId('participant').filter({ hasText: name });
  const said = (what: string | RegExp) => desk.getByTestId('said').filter({ hasText: what });

  it('[USR1] a page without rooms says what they are for, and makes one', async () => {
    await desk.getByRole('navigation').getByRole('link', { name: 'Rooms' }).click();
    await desk.getByRole('heading', { name: 'No rooms yet' }).waitFor();
    await button('Create a room').click();
    const dialog = desk.getByRole('dialog');
    await dialog.getByLabel('Name', { exact: true }).fill('S');
    await dialog.getByLabel('Room ID').fill('stand-up');
    await dialog.getByText('Stays open').click();
    await dialog.getByRole('button', { name: 'Create a room' }).click();
    await dialog.getByText(/^Not accepted/).waitFor();
    await photograph(desk, 'rooms-1-refused');
    await dialog.getByLabel('Name', { exact: true }).fill('Stand-up');
    await desk.keyboard.press('Enter');
    await desk.getByRole('heading', { name: 'Stand-up', level: 1 }).waitFor();
    await desk.getByText('Nobody is in.', { exact: true }).waitFor();
    await desk.getByText('Nothing was said yet.').waitFor();
  });

  it('[SIG3] who joins and what they say shows up, names and words as text', async () => {
    expect(await guest.join('stand-up')).toBe('joined');
    await person('Ana <b>Lopes</b>').waitFor();
    await guest.say('stand-up', '<img src=x onerror=alert(1)> hello');
    await guest.say('stand-up', { votes: [1, 2] });
    await said('<img src=x onerror=alert(1)> hello').waitFor();
    await said('"votes"').waitFor();
    const heard = guest.hear();
    await desk.getByRole('textbox', { name: 'Message' }).fill('<i>welcome</i> back');
    await desk.keyboard.press('Enter');
    await said('<i>welcome</i> back').waitFor();
    expect(await heard).toEqual({ text: '<i>welcome</i> back' });
    await photograph(desk, 'rooms-2-detail');
    await desk.getByRole('link', { name: 'Rooms', exact: true }).last().click();
    await row('Stand-up').getByText('1 of 10 is in').waitFor();
    await photograph(desk, 'rooms-2-list');
  });

  it('[SIG3] a locked room lets nobody in until it is unlocked', async () => {
    await row('Stand-up').getByRole('link').click();
    await button('Lock').click();
    await button('Unlock').waitFor();
    const stranger = await Guest.arrive(server.url, 'Minh');
    expect(await stranger.join('stand-up')).toBe('ROOM_LOCKED');
    await button('Unlock').click();
    await button('Lock').waitFor();
    expect(await stranger.join('stand-up')).toBe('joined');
    stranger.close();
  });

  it('[SIG3] an owner gives it another name, which a fault does not change', async () => {
    await button('Rename').click();
    const dialog = desk.getByRole('dialog');
    await dialog.getByLabel('Name', { exact: true }).fill('S');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await dialog.getByText(/^Not accepted/).waitFor();
    await dialog.getByLabel('Name', { exact: true }).fill('Morning stand-up');
    await desk.keyboard.press('Enter');
    await desk.getByRole('heading', { name: 'Morning stand-up', level: 1 }).waitFor();
  });

  it('[BEY4] a screen that is put into the room is there, and is taken out again', async () => {
    await desk.getByLabel('Add a screen').selectOption({ label: 'Lobby left' });
    await button('Add').click();
    await desk.getByTestId('member-screen').getByRole('link', { name: 'Lobby left' }).waitFor();
    await button('Take Lobby left out').click();
    await desk.getByText('No screen belongs to the room.').waitFor();
  });

  it('[BEY4] [RM221] the page of a screen says in which rooms it is, and takes it out of one', async () => {
    await desk.getByLabel('Add a screen').selectOption({ label: 'Lobby left' });
    await button('Add').click();
    await desk.getByTestId('member-screen').getByRole('link', { name: 'Lobby left' }).click();
    const room = desk.getByTestId('screen-room').filter({ hasText: 'Jiho Park' });
    await room.getByText('stand-up', { exact: true }).waitFor();
    await room.scrollIntoViewIfNeeded();
    await photograph(desk, 'rooms-8-screen');
    await button('Take it out of stand-up').click();
    await room.waitFor({ state: 'hidden' });
    await desk.goBack();
    await desk.getByText('No screen belongs to the room.').waitFor();
  });

  it('[SIG3] who is put out is gone, and hears why', async () => {
    await button('Put Ana <b>Lopes</b> out').click();
    await button('Cancel').click();
    await button('Put Ana <b>Lopes</b> out').click();
    await button('Put out').last().click();
    await person('Ana <b>Lopes</b>').waitFor({ state: 'hidden' });
    expect(await guest.putOut).toBe('kicked');
    await said('hello').waitFor();
  });

  it('[SIG3] [RM19] who was put out may come again when the owner says so', async () => {
    expect(await guest.join('stand-up')).toBe('FORBIDDEN');
    await desk.getByRole('heading', { name: 'May not come back', level: 3 }).waitFor();
    await photograph(desk, 'rooms-3-put-out', { whole: true });
    await button('Let Ana <b>Lopes</b> come again').click();
    await desk.getByTestId('kicked').waitFor({ state: 'hidden' });
    expect(await guest.join('stand-up')).toBe('joined');
    await person('Ana <b>Lopes</b>').waitFor();
  });

  it('[SIG2] history is read back in pieces, the newest first', async () => {
    const posts = Array.from({ length: 60 }, (_, index) => `line ${index}`);
    const minh = await Guest.arrive(server.url, 'Minh');
    expect(await minh.join('stand-up')).toBe('joined');
    for (const post of posts) await minh.say('stand-up', post);
    minh.close();
    await said('line 59').waitFor();
    expect(await said(/line 0$/).count()).toBe(0);
    await button('Earlier').click();
    await said(/line 0$/).waitFor();
    const texts = await desk.getByTestId('said').locator('p:last-child').allTextContents();
    expect(texts.slice(0, 60)).toEqual([...posts].reverse());
  });

  it('[MED4] it all fits a phone, and nothing broke the content security policy', async () => {
    await desk.setViewportSize({ width: 360, height: 740 });
    const overflow = () => desk.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    await expect.poll(overflow).toBeLessThanOrEqual(0);
    await photograph(desk, 'rooms-3-phone');
    await desk.emulateMedia({ colorScheme: 'dark' });
    await photograph(desk, 'rooms-3-phone-dark', { whole: true });
    await desk.emulateMedia({ colorScheme: 'light' });
    await desk.setViewportSize({ width: 1000, height: 860 });
    expect(faults).toEqual([]);
  });

  it('[RM158] an administrator sees the rooms of all, others their own', async () => {
    const other = await openWindow(browser, faults);
    await signIn(other, server.url, keeper);
    await other.getByRole('navigation').getByRole('link', { name: 'Rooms' }).click();
    await other.getByTestId('room').filter({ hasText: 'Morning stand-up' }).getByRole('link').click();
    await other.getByRole('heading', { name: 'Morning stand-up', level: 1 }).waitFor();
    await other.context().close();
  });

  it('[SIG3] a closed room is out of the list', async () => {
    await button('Close').click();
    await button('Close the room').click();
    await desk.getByRole('heading', { name: 'Rooms', level: 1 }).waitFor();
    const late = await Guest.arrive(server.url, 'Late');
    expect(await late.join('stand-up')).toBe('ROOM_CLOSED');
    late.close();
  });

  it('[RM158] the page of a room that is closed says so, and asks for nothing that is not there', async () => {
    await desk.goto(`${server.url}/rooms/stand-up`);
    await desk.getByText('This room is closed.').waitFor();
    expect(await desk.getByRole('alert').count()).toBe(0);
    expect(await desk.getByRole('heading', { level: 2 }).count()).toBe(0);
    await desk.getByRole('link', { name: 'Rooms', exact: true }).last().click();
  });

  it('[SIG3] who waits in a lobby is let in or refused from the page of the room, on a phone too', async () => {
    await desk.setViewportSize({ width: 360, height: 740 });
    await button('Create a room').click();
    await desk.getByLabel('Name', { exact: true }).fill('Interview');
    await desk.getByRole('dialog').getByLabel('Room ID').fill('interview');
    await desk.getByText('With a lobby').click();
    await desk.getByRole('dialog').getByRole('button', { name: 'Create a room' }).click();
    await desk.getByRole('heading', { name: 'Interview', level: 1 }).waitFor();
    const [first, second] = [await Guest.arrive(server.url, 'Lan'), await Guest.arrive(server.url, 'Bo')];
    expect([await first.join('interview'), await second.join('interview')]).toEqual(['waiting', 'waiting']);
    await button('Refuse Bo').waitFor();
    await button('Let Lan in').waitFor();
    await photograph(desk, 'rooms-4-lobby-phone', { whole: true });
    await button('Refuse Bo').click();
    await desk.getByText('They cannot ask again until you let them').waitFor();
    await photograph(desk, 'rooms-4-refuse-phone');
    await button('Cancel').click();
    await button('Refuse Bo').click();
    await desk.getByRole('dialog').getByRole('button', { name: 'Refuse', exact: true }).click();
    expect(await second.putOut).toBe('kicked');
    await button('Let Lan in').click();
    await person('Lan').waitFor();
    const overflow = () => desk.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect(await overflow()).toBeLessThanOrEqual(0);
    for (const one of [first, second]) one.close();
  });
});
