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
    await dialog.getByRole('button', { name: 'Create a room' }).click();
    await dialog.getByText('Use 2 to 50 characters.').waitFor();
    await dialog.getByLabel('Name', { exact: true }).fill('Stand-up');
    await desk.keyboard.press('Enter');
    await desk.getByRole('heading', { name: 'Stand-up', level: 1 }).waitFor();
    await desk.getByText('Nobody is here.', { exact: true }).waitFor();
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
    await row('Stand-up').getByText('1 of 10 people').waitFor();
    await photograph(desk, 'rooms-2-list');
  });

  it('[RM201] a room that was read before somebody came is counted by who is in it', async () => {
    const facts = `${server.url}/api/rooms/stand-up`;
    await desk.route(facts, async (route) => {
      const response = await route.fetch();
      const { room } = await response.json();
      await route.fulfill({ response, json: { room: { ...room, participants: 0 } } });
    });
    await desk.goto(`${server.url}/rooms/stand-up`);
    await person('Ana <b>Lopes</b>').waitFor();
    await desk.getByRole('region', { name: 'About this room' }).getByText('1 of 10 people').waitFor();
    await desk.unroute(facts);
    await desk.getByRole('link', { name: 'Rooms', exact: true }).last().click();
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
    await dialog.getByText('This must have at least 2 characters.').waitFor();
    await dialog.getByLabel('Name', { exact: true }).fill('Morning stand-up');
    await desk.keyboard.press('Enter');
    await desk.getByRole('heading', { name: 'Morning stand-up', level: 1 }).waitFor();
  });

  it('[BEY4] a screen that is put into the room is there', async () => {
    await desk.getByLabel('Add a screen').selectOption({ label: 'Lobby left' });
    await button('Add').click();
    await desk.getByTestId('member-screen').getByRole('link', { name: 'Lobby left' }).waitFor();
  });

  it('[RM202] the owner sends to the screens, and hears what is wrong and what was accepted', async () => {
    await home.switchOn();
    await button('Send a command').click();
    const dialog = desk.getByRole('dialog');
    await dialog.getByLabel('Action').fill('no spaces');
    await dialog.getByRole('button', { name: 'Send trigger' }).click();
    await dialog.getByText('Use 1 to 64 of').waitFor();
    await dialog.getByLabel('Action').fill('welcome');
    await dialog.getByLabel('Data').fill(JSON.stringify('x'.repeat(20_000)));
    await dialog.getByRole('button', { name: 'Send trigger' }).click();
    await dialog.getByRole('alert').waitFor();
    await dialog.getByLabel('Data').fill('{ "to": "all" }');
    await dialog.getByRole('button', { name: 'Send trigger' }).click();
    await dialog.getByText(/^Accepted as no\. \d+ of this room\./).waitFor();
    expect(await dialog.getByRole('alert').count()).toBe(0);
    await expect.poll(() => home.done).toEqual(['welcome']);
    await photograph(desk, 'rooms-3-sent');
    await dialog.getByText('Navigate', { exact: true }).click();
    await dialog.getByLabel('Address').fill('/menu');
    await dialog.getByRole('button', { name: 'Send navigate' }).click();
    await expect.poll(() => home.done).toEqual(['welcome', '/menu']);
    await dialog.getByRole('button', { name: 'Close' }).click();
    await said('Trigger').waitFor();
    await said('Navigate').waitFor();
  });

  it('[RM202] a member reads whose room it is, and is offered nothing that is not for members', async () => {
    const owner = await home.sender.joinRoom('stand-up');
    const ana = await openWindow(browser, faults);
    await signIn(ana, server.url, guest.person);
    await ana.goto(`${server.url}/rooms/stand-up`);
    await ana.getByTestId('participant').filter({ hasText: 'Jiho Park' }).waitFor();
    await ana.getByTestId('member-screen').waitFor();
    await ana.getByRole('textbox', { name: 'Message' }).waitFor();
    expect(await ana.getByRole('button', { name: 'Send a command' }).count()).toBe(0);
    await ana
      .getByRole('region', { name: 'About this room' })
      .getByRole('definition')
      .filter({ hasText: 'Jiho Park' })
      .waitFor();
    await ana.context().close();
    await owner.leave();
  });

  it('[BEY4] a screen is taken out again', async () => {
    await button('Take Lobby left out').click();
    await desk.getByText('No screen belongs to the room.').waitFor();
  });

  it('[BEY4] [RM88] the page of a screen says in which rooms it is, and takes it out of one', async () => {
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
    await button('Remove Ana <b>Lopes</b>').click();
    await button('Cancel').click();
    await button('Remove Ana <b>Lopes</b>').click();
    await button('Remove').click();
    await person('Ana <b>Lopes</b>').waitFor({ state: 'hidden' });
    expect(await guest.putOut).toBe('kicked');
    await said('hello').waitFor();
  });

  it('[SIG3] [RM22] who was put out may come again when the owner says so', async () => {
    expect(await guest.join('stand-up')).toBe('FORBIDDEN');
    await desk.getByRole('heading', { name: 'Removed people', level: 3 }).waitFor();
    await photograph(desk, 'rooms-3-put-out', { whole: true });
    await button('Allow Ana <b>Lopes</b> back').click();
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
    const hidden = (nav: Element) => nav.scrollWidth - nav.clientWidth;
    expect(await desk.getByRole('navigation').evaluate(hidden)).toBeLessThanOrEqual(0);
    await photograph(desk, 'rooms-3-phone');
    await desk.emulateMedia({ colorScheme: 'dark' });
    await photograph(desk, 'rooms-3-phone-dark', { whole: true });
    await desk.emulateMedia({ colorScheme: 'light' });
    await desk.setViewportSize({ width: 1000, height: 860 });
    expect(faults).toEqual([]);
  });

  it('[RM182] an administrator sees the rooms of all, others their own', async () => {
    const other = await openWindow(browser, faults);
    await signIn(other, server.url, keeper);
    await other.getByRole('navigation').getByRole('link', { name: 'Rooms' }).click();
    await other.getByTestId('room').filter({ hasText: 'Morning stand-up' }).getByRole('link').click();
    await other.getByRole('heading', { name: 'Morning stand-up', level: 1 }).waitFor();
    await other.context().close();
  });

  it('[RM202] an administrator who is not in the room reads it, and is not asked to say anything', async () => {
    const other = await openWindow(browser, faults);
    await signIn(other, server.url, keeper);
    await other.goto(`${server.url}/rooms/stand-up`);
    await other.getByTestId('said').first().waitFor();
    await other.getByTestId('participant').first().waitFor();
    expect(await other.getByRole('textbox', { name: 'Message' }).count()).toBe(0);
    expect(await other.getByLabel('Add a screen').count()).toBe(0);
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

  it('[RM182] the page of a room that is closed says so, and asks for nothing that is not there', async () => {
    await desk.goto(`${server.url}/rooms/stand-up`);
    await desk.getByText('This room is closed.').waitFor();
    expect(await desk.getByRole('alert').count()).toBe(0);
    expect(await desk.getByRole('heading', { level: 2 }).count()).toBe(0);
    expect(await desk.getByRole('button', { name: 'Copy Link' }).count()).toBe(0);
    expect(await desk.getByText('of 10 people').count()).toBe(0);
    await desk.getByRole('link', { name: 'Rooms', exact: true }).last().click();
  });

  it('[RM200] a room stays open, and one that does not says when it closes', async () => {
    await button('Create a room').click();
    const dialog = desk.getByRole('dialog');
    await dialog.getByLabel('Name', { exact: true }).fill('Short talk');
    await dialog.getByLabel('Room ID').fill('short-talk');
    expect(await dialog.getByLabel('Stays open').isChecked()).toBe(true);
    await dialog.getByLabel('Stays open').uncheck();
    await dialog.getByRole('button', { name: 'Create a room' }).click();
    const notice = desk.getByText('It closes when nobody comes within a minute.');
    await notice.waitFor();
    await photograph(desk, 'rooms-4-closes');
    const passer = await Guest.arrive(server.url, 'Minh');
    expect(await passer.join('short-talk')).toBe('joined');
    await notice.waitFor({ state: 'hidden' });
    await button('Close').click();
    await desk.getByText('1 person will be removed.').waitFor();
    await button('Close the room').click();
    await desk.getByRole('heading', { name: 'Rooms', level: 1 }).waitFor();
    passer.close();
  });

  it('[RM204] what is wrong with a new room stands at its field, in words and in red', async () => {
    await button('Create a room').click();
    const dialog = desk.getByRole('dialog');
    const size = dialog.getByLabel('Maximum people');
    await dialog.getByLabel('Name', { exact: true }).fill('S');
    await dialog.getByLabel('Room ID').fill('two words');
    await size.fill('2.5');
    await desk.keyboard.press('Enter');
    await dialog.getByText('Use 2 to 50 characters.').waitFor();
    await dialog.getByText('Use 3 to 100 of').waitFor();
    const fault = dialog.getByText('Use a whole number from 1 to 1,000.');
    const red = await fault.evaluate((text) => getComputedStyle(text).color);
    expect(await size.evaluate((input) => getComputedStyle(input).borderBlockStartColor)).toBe(red);
    await photograph(desk, 'rooms-4-refused');
    await dialog.getByRole('button', { name: 'Cancel' }).click();
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
    await desk.getByText('They cannot ask again until you allow it').waitFor();
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

  it('[RM201] who is put out reads that the room is not theirs any more', async () => {
    const mai = await Guest.arrive(server.url, 'Mai');
    expect(await mai.join('interview')).toBe('waiting');
    await button('Let Mai in').click();
    await person('Mai').waitFor();
    const window = await openWindow(browser, faults);
    await signIn(window, server.url, mai.person);
    await window.goto(`${server.url}/rooms/interview`);
    await window.getByRole('heading', { name: 'Interview', level: 1 }).waitFor();
    await button('Remove Mai').click();
    await button('Remove').click();
    await window.getByText('There is no such room, or it is not yours.').waitFor();
    // Each part learns it by a call of its own.
    await expect.poll(() => window.getByRole('heading', { level: 2 }).count()).toBe(0);
    await window.context().close();
    mai.close();
  });

  it('[RM203] the link of a room is as good as its id', async () => {
    await desk.getByRole('link', { name: 'Rooms', exact: true }).last().click();
    await desk.getByLabel('Room ID or link').fill('https://elsewhere.example.org/rooms/interview');
    await button('Join').click();
    await desk.getByText('This is neither the ID of a room nor a link to one here.').waitFor();
    await desk.getByLabel('Room ID or link').fill(`${server.url}/rooms/interview/call`);
    await button('Join').click();
    await desk.waitForURL(`${server.url}/rooms/interview/call`);
  });
});
