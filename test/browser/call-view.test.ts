import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Person, signIn, signUp } from './account.js';
import { launchWithCamera, seeMoving } from './camera.js';
import { Guest } from './guest.js';
import { ServerProcess } from './server-process.js';
import { openWindow, photograph } from './windows.js';

const PASSWORD = 'beacons on the ridge';
const JIHO: Person = { email: 'jiho@example.org', username: 'Jiho Park', password: PASSWORD };
const ANA: Person = { email: 'ana@example.org', username: 'Ana Lopes', password: PASSWORD };
const GUESTS = ['Minh', 'Lan Vu', 'Priya', 'A name that is as long as a name may be in here'];

/** How a call uses the window, and what it says at its door; each step stands on the one before. */
describe('the page of a call', () => {
  let server: ServerProcess;
  let browser: Browser;
  let jiho: Page;
  let ana: Page;
  const guests: Guest[] = [];
  const faults: string[] = [];

  beforeAll(async () => {
    server = await ServerProcess.prepare({ RATE_LIMIT_PER_MINUTE: '1000' });
    await server.start();
    for (const person of [JIHO, ANA]) await signUp(server.url, person);
    browser = await launchWithCamera();
    jiho = await openWindow(browser, faults);
    ana = await openWindow(browser, faults);
    for (const page of [jiho, ana]) await page.addInitScript(countQuestions);
    await signIn(jiho, server.url, JIHO);
    await signIn(ana, server.url, ANA);
  });

  afterAll(async () => {
    for (const guest of guests) guest.close();
    await browser?.close();
    await server?.dispose();
  });

  const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true });
  const tile = (page: Page, name: string) => page.getByTestId('tile').filter({ hasText: name });
  const questions = (page: Page) => page.evaluate(() => Reflect.get(window, 'questions'));

  async function makeRoom(roomId: string, name: string): Promise<void> {
    await jiho.goto(`${server.url}/rooms`);
    await button(jiho, 'Create a room').click();
    const dialog = jiho.getByRole('dialog');
    await dialog.getByLabel('Name', { exact: true }).fill(name);
    await dialog.getByLabel('Room ID').fill(roomId);
    if (roomId === 'interview') await dialog.getByText('With a lobby').click();
    await dialog.getByRole('button', { name: 'Create a room' }).click();
    await button(jiho, 'Join the call').click();
    await jiho.getByLabel('Your own picture').waitFor();
    await button(jiho, 'Join the call').click();
  }

  it('[RM208] asks for no device for a room that is not there, and says that it is not', async () => {
    await ana.goto(`${server.url}/rooms`);
    await ana.getByLabel('Room ID').fill('nosuchroom');
    await button(ana, 'Join').click();
    await ana.getByText('Your camera and microphone are off. Joining turns them on.').waitFor();
    await photograph(ana, 'call-view-1-unknown');
    await button(ana, 'Join the call').click();
    await ana.getByText('There is no room with this ID.').waitFor();
    expect(await questions(ana)).toBe(0);
    expect(await button(ana, 'Join again').count()).toBe(0);
    await photograph(ana, 'call-view-2-missing');
    await ana.getByRole('link', { name: 'Go to your rooms' }).click();
    await ana.getByRole('heading', { name: 'Rooms', level: 1 }).waitFor();
  });

  it('[RM209] who is alone has the link for others, and it leads here', async () => {
    await makeRoom('stand-up', 'Stand-up');
    await jiho.getByText('Nobody else is here yet.').waitFor();
    await jiho.getByText(`${server.url}/rooms/stand-up/call`).waitFor();
    await button(jiho, 'Copy Link').waitFor();
    await photograph(jiho, 'call-view-3-alone');
    await ana.goto(`${server.url}/rooms/stand-up/call`);
    await button(ana, 'Join the call').click();
    await seeMoving(jiho, ANA.username);
    await seeMoving(ana, JIHO.username);
    await jiho.getByText('Others come by this link:').waitFor({ state: 'hidden' });
  });

  it.each([
    { people: 2, columns: 2, rows: 1 },
    { people: 4, columns: 2, rows: 2 },
    { people: 6, columns: 3, rows: 2 },
  ])(
    '[RM205] $people people fill a window without scrolling, and stand below each other on a phone',
    async (shape) => {
      while (guests.length + 2 < shape.people) {
        const guest = await Guest.arrive(server.url, GUESTS[guests.length] ?? '');
        guests.push(guest);
        expect(await guest.join('stand-up')).toBe('joined');
      }
      await jiho.getByText(`${shape.people} people`).waitFor();
      for (const [width, height] of [
        [1280, 800],
        [1920, 1080],
      ] as const) {
        await jiho.setViewportSize({ width, height });
        await expect
          .poll(() => shapeOf(jiho))
          .toEqual({ columns: shape.columns, rows: shape.rows, overflow: false });
        // Whichever of the two ends first, width or height, is used up.
        await expect.poll(() => filled(jiho)).toBeGreaterThan(0.9);
        await photograph(jiho, `call-view-4-${shape.people}-${width}`);
      }
      await jiho.setViewportSize({ width: 360, height: 740 });
      await expect.poll(async () => (await shapeOf(jiho)).columns).toBe(1);
      expect(
        await jiho.evaluate(() => document.documentElement.scrollWidth - innerWidth),
      ).toBeLessThanOrEqual(0);
      await photograph(jiho, `call-view-4-${shape.people}-phone`, { whole: true });
      await jiho.setViewportSize({ width: 1280, height: 800 });
    },
  );

  it('[RM206] a shared screen is large and whole; a tile is put back and enlarged by keyboard, and fills the screen', async () => {
    await button(ana, 'Share screen').click();
    await tile(jiho, ANA.username).getByText('Shares a screen').waitFor();
    const width = (name: string) => tile(jiho, name).evaluate((it) => it.getBoundingClientRect().width);
    await expect.poll(() => width(ANA.username)).toBeGreaterThan(900);
    const fit = await jiho
      .getByLabel(`Picture of ${ANA.username}`)
      .evaluate((video) => getComputedStyle(video).objectFit);
    expect(fit).toBe('contain');
    await seeMoving(jiho, ANA.username);
    await photograph(jiho, 'call-view-5-sharing');
    await button(jiho, `Reduce ${ANA.username}`).focus();
    await jiho.keyboard.press('Enter');
    await expect.poll(() => shapeOf(jiho)).toEqual({ columns: 3, rows: 2, overflow: false });
    await button(jiho, `Enlarge ${ANA.username}`).waitFor();
    // The keyboard is where it was.
    await jiho.keyboard.press('Enter');
    await expect.poll(() => width(ANA.username)).toBeGreaterThan(900);
    await tile(jiho, ANA.username).hover();
    await button(jiho, 'Full screen').click();
    await button(jiho, 'Leave full screen').waitFor();
    expect(await jiho.evaluate(() => document.fullscreenElement?.textContent)).toContain(ANA.username);
    await button(jiho, 'Leave full screen').click();
    await button(jiho, 'Full screen').waitFor();
    await button(jiho, 'Enlarge Minh').click();
    await expect.poll(() => width('Minh')).toBeGreaterThan(900);
    await button(jiho, 'Reduce Minh').click();
    await button(ana, 'Stop sharing').click();
    await tile(jiho, ANA.username).getByText('Shares a screen').waitFor({ state: 'hidden' });
    await button(ana, 'Share screen').click();
    await expect.poll(() => width(ANA.username)).toBeGreaterThan(900);
    await jiho.setViewportSize({ width: 360, height: 740 });
    await photograph(jiho, 'call-view-6-sharing-phone', { whole: true });
    await jiho.setViewportSize({ width: 1280, height: 800 });
  });

  it('[RM207] who was put out is told so, then and when they come back, and is not offered to join again', async () => {
    const told = 'You were removed from this room. Its owner can allow you back.';
    await tile(jiho, ANA.username).hover();
    await button(jiho, `Remove ${ANA.username}`).click();
    await button(jiho, 'Remove').last().click();
    await ana.getByText(told).waitFor();
    expect(await button(ana, 'Join again').count()).toBe(0);
    await photograph(ana, 'call-view-7-put-out');
    await ana.reload();
    await button(ana, 'Join the call').click();
    await ana.getByText(told).waitFor();
    expect(await questions(ana)).toBe(0);
    expect(await ana.getByText('FORBIDDEN').count()).toBe(0);
    await button(jiho, 'Leave').click();
  });

  it('[RM207] [RM209] who waits in a lobby reads so first, and is told when they are refused there', async () => {
    await makeRoom('interview', 'Interview');
    await ana.goto(`${server.url}/rooms/interview/call`);
    await button(ana, 'Join the call').click();
    await ana.getByText('You are in the lobby. Somebody has to let you in.').waitFor();
    expect(await button(ana, 'Join the call').count()).toBe(0);
    await ana.getByLabel('Your own picture').waitFor();
    await photograph(ana, 'call-view-8-lobby');
    await button(jiho, `Refuse ${ANA.username}`).click();
    await button(jiho, 'Refuse').last().click();
    await ana.getByText('You were removed from this room.').waitFor();
    expect(await button(ana, 'Join again').count()).toBe(0);
    expect(faults).toEqual([]);
  });
});

/** In the page, before its own scripts. */
function countQuestions(): void {
  const { mediaDevices } = navigator;
  if (!mediaDevices) return;
  const ask = mediaDevices.getUserMedia.bind(mediaDevices);
  Reflect.set(window, 'questions', 0);
  mediaDevices.getUserMedia = (wish) => {
    Reflect.set(window, 'questions', Reflect.get(window, 'questions') + 1);
    return ask(wish);
  };
}

const boxesOf = (page: Page) =>
  page.getByTestId('tile').evaluateAll((tiles) => tiles.map((tile) => tile.getBoundingClientRect().toJSON()));

async function shapeOf(page: Page) {
  const boxes = await boxesOf(page);
  const overflow = await page.evaluate(() => document.documentElement.scrollHeight > innerHeight);
  const different = (edge: 'x' | 'y') => new Set(boxes.map((box) => Math.round(box[edge]))).size;
  return { columns: different('x'), rows: different('y'), overflow };
}

/** How much of their list the tiles use, of its width or of its height. */
async function filled(page: Page): Promise<number> {
  const boxes = await boxesOf(page);
  const room = await page
    .getByRole('list', { name: 'People in the call' })
    .evaluate((list) => list.parentElement?.getBoundingClientRect().toJSON());
  const span = (from: 'x' | 'y', to: 'right' | 'bottom') =>
    Math.max(...boxes.map((box) => box[to])) - Math.min(...boxes.map((box) => box[from]));
  return Math.max(span('x', 'right') / room.width, span('y', 'bottom') / room.height);
}
