import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openFromMenu, section, signIn, signUp } from './account.js';
import { askAsTheConsole, findSecrets } from './reach.js';
import { ServerProcess } from './server-process.js';
import { launchChromium, openWindow } from './windows.js';

const ana = { email: 'ana@example.org', username: 'Ana Lima', password: 'beacons on the ridge' };

describe('a script that got into the console', () => {
  let server: ServerProcess;
  let browser: Browser;
  let desk: Page;
  const answers: Promise<string>[] = [];
  /** Access tokens that the page has used. */
  const used = new Set<string>();

  beforeAll(async () => {
    server = await ServerProcess.prepare({ RATE_LIMIT_PER_MINUTE: '1000' });
    await server.start();
    await signUp(server.url, ana);
    browser = await launchChromium();
    desk = await openWindow(browser, []);
    desk.on('response', (response) => {
      if (response.url().includes('/api/')) answers.push(response.text().catch(() => ''));
    });
    desk.on('request', (request) => {
      const [, token] = /^Bearer (.+)$/.exec(request.headers().authorization ?? '') ?? [];
      if (token) used.add(token);
    });
  });

  afterAll(async () => {
    await browser?.close();
    await server?.dispose();
  });

  /** Signs in and does what handles secrets on every page. Returns those that the pages have shown. */
  async function useEveryPage(): Promise<Record<string, string>> {
    await signIn(desk, server.url, ana);
    for (const name of ['Try it', 'Commands', 'Dead letters', 'Screens']) {
      await desk.getByRole('navigation').getByRole('link', { name }).click();
      await desk.getByRole('heading', { name, level: 1 }).waitFor();
    }
    await openFromMenu(desk, 'API keys');
    await desk.getByRole('button', { name: 'Make a key' }).click();
    await desk.getByLabel('Name', { exact: true }).fill('k');
    await desk.getByLabel('See dead letters').check();
    await desk.getByRole('button', { name: 'Make the key' }).click();
    const apiKey = (await desk.getByTestId('new-key').textContent()) ?? '';
    await desk.getByRole('button', { name: 'I have kept it' }).click();
    await openFromMenu(desk, 'Profile');
    const part = section(desk, 'Second factor');
    await part.getByRole('button', { name: 'Set up' }).click();
    await part.getByLabel('Password', { exact: true }).fill(ana.password);
    await part.getByRole('button', { name: 'Continue' }).click();
    const secret = ((await part.locator('li code').textContent()) ?? '').replace(/\s/g, '');
    await part.getByRole('button', { name: 'Cancel' }).click();
    await desk.getByRole('link', { name: 'Screens' }).click();
    await desk.getByRole('heading', { name: 'Screens', level: 1 }).waitFor();
    return { apiKey, secret };
  }

  it('[AT90] looks through every storage, readable cookie and global for tokens, and finds none; asking brings access tokens only', async () => {
    const shown = await useEveryPage();
    const [token = ''] = [...used].slice(-1);
    expect(token).toMatch(/^eyJ/);
    expect(shown.apiKey).toMatch(/^bgs_/);
    expect(shown.secret).toMatch(/^[A-Z2-7]{32}$/);
    // The refresh token comes as an HttpOnly cookie and never in an answer.
    const cookies = await desk.context().cookies();
    const kept = cookies.filter(({ value }) => value.startsWith('brt_'));
    expect(kept.map(({ httpOnly, sameSite }) => ({ httpOnly, sameSite }))).toEqual([
      { httpOnly: true, sameSite: 'Strict' },
    ]);
    expect((await Promise.all(answers)).filter((answer) => answer.includes('brt_'))).toEqual([]);

    const secrets = {
      'an access token': /eyJ[\w-]{10,}\.[\w-]+\.[\w-]+/,
      'a refresh token': /brt_/,
      'the API key': shown.apiKey ?? '',
      'the secret of the second factor': shown.secret ?? '',
      'the password': ana.password,
    };
    expect(await findSecrets(desk, secrets)).toEqual([]);

    // It need not look: it can be its user while it runs. It cannot be afterwards, for no refresh token comes out.
    const told = await askAsTheConsole(desk);
    for (const text of Object.values(told)) {
      expect(text).toMatch(secrets['an access token']);
      expect(text).not.toMatch(secrets['a refresh token']);
    }

    // A script that keeps it itself is found, so the search does look.
    await desk.evaluate((stolen) => {
      localStorage.setItem('stolen', stolen);
      Object.assign(document.body, { own: new Map([['deep', { stolen }]]) });
    }, token);
    const places = (await findSecrets(desk, secrets)).map(({ place }) => place);
    expect(places).toContain('localStorage');
    expect(places.some((place) => place.includes('own'))).toBe(true);
  });
});
