import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { giveCredentials, openFromMenu, section, signIn, signUp } from './account.js';
import { Authenticator } from './authenticator.js';
import { ServerProcess } from './server-process.js';
import { LAN_NAME, launchChromium, openWindow, photograph } from './windows.js';

const ana = { email: 'ana@example.org', username: 'Ana Lima', password: 'beacons on the ridge' };
const keeper = { email: 'keeper@example.org', username: 'Administrator', password: 'the keeper of fires' };

/** One person's account from every side, then an administrator's; each step stands on the one before. */
describe('accounts in the console', () => {
  let server: ServerProcess;
  let browser: Browser;
  let desk: Page;
  let laptop: Page;
  let codes: string[] = [];
  const faults: string[] = [];

  beforeAll(async () => {
    server = await ServerProcess.prepare({
      ADMIN_EMAIL: keeper.email,
      ADMIN_PASSWORD: keeper.password,
      RATE_LIMIT_PER_MINUTE: '1000',
    });
    await server.start();
    await signUp(server.url, ana);
    browser = await launchChromium();
    desk = await openWindow(browser, faults);
    laptop = await openWindow(browser, faults);
    await signIn(desk, server.url, ana);
  });

  afterAll(async () => {
    await browser?.close();
    await server?.dispose();
  });

  const button = (name: string | RegExp) => desk.getByRole('button', { name });
  const login = (what: string | RegExp) => desk.getByTestId('login').filter({ hasText: what });
  const focused = () => desk.evaluate(() => document.activeElement?.getAttribute('name'));
  const signInPage = (page: Page) => page.getByRole('heading', { name: 'Sign in', level: 1 });

  /** The server's next answer to such a DELETE is that it wants a fresh proof, as ten minutes after a log-in. */
  async function wantProofOnce(pattern: string): Promise<void> {
    const error = { code: 'STEP_UP_REQUIRED', message: '', retryable: false };
    let left = 1;
    await desk.route(pattern, (route) => {
      if (route.request().method() !== 'DELETE' || left === 0) return route.fallback();
      left -= 1;
      return route.fulfill({ status: 403, json: { success: false, error } });
    });
  }

  it('[DEP3] over plain http from elsewhere the sign-in page says what that means', async () => {
    const guest = await openWindow(browser, faults);
    const note = guest.getByRole('note').filter({ hasText: 'without https' });
    await guest.goto(`${server.url.replace(/127\.0\.0\.1|localhost/, LAN_NAME)}/sign-in`);
    await note.waitFor();
    await photograph(guest, 'sign-in-plain-http');
    await guest.goto(`${server.url}/sign-in`);
    await signInPage(guest).waitFor();
    expect(await note.count()).toBe(0);
    await guest.context().close();
  });

  it('[USR1] a new name shows at once wherever it stands', async () => {
    await openFromMenu(desk, 'Profile');
    await desk.getByLabel('Your name').fill('Ana Lima Costa');
    await button('Save').click();
    await button('Account of Ana Lima Costa').waitFor();
    await desk.getByText('ana@example.org').waitFor();
  });

  it('[USR1] what is wrong with a new password stands at its field, which has the focus', async () => {
    const form = section(desk, 'Password');
    await form.getByLabel('Current password').fill('not my password');
    await form.getByLabel('New password').fill('short');
    await button('Change the password').click();
    await expect.poll(focused).toBe('password');
    await form.getByText('This must have at least 8 characters.').waitFor();
    await form.getByLabel('New password').fill('embers under the ash');
    await button('Change the password').click();
    await form.getByText('This is not your password.').waitFor();
    await expect.poll(focused).toBe('currentPassword');
    await photograph(desk, 'i1-password-fault');
  });

  it('[USR3] every login is listed with its device, and this one is marked', async () => {
    await signIn(laptop, server.url, ana);
    await desk.reload();
    await desk.getByTestId('login').nth(1).waitFor();
    expect(await desk.getByTestId('login').count()).toBe(2);
    await login('This one').getByText('Chrome on Linux').waitFor();
    await login('This one').getByText('127.0.0', { exact: false }).waitFor();
    expect(await login('This one').getByRole('button').count()).toBe(0);
    await photograph(desk, 'i2-profile');
  });

  it('[USR1] a changed password ends the login elsewhere, and says so', async () => {
    const form = section(desk, 'Password');
    await form.getByLabel('Current password').fill(ana.password);
    ana.password = 'embers under the ash';
    await form.getByLabel('New password').fill(ana.password);
    await button('Change the password').click();
    await form.getByRole('status').getByText('Your password is changed').waitFor();
    await signInPage(laptop).waitFor();
    await expect.poll(() => desk.getByTestId('login').count()).toBe(1);
    await desk.reload();
    await desk.getByTestId('login').waitFor();
  });

  it('[USR2] a fresh proof is asked for once, refuses what is wrong, and the call goes on by itself', async () => {
    await signIn(laptop, server.url, ana);
    await desk.reload();
    await wantProofOnce('**/api/auth/sessions/*');
    await button('End Chrome on Linux').click();
    const dialog = desk.getByRole('dialog', { name: 'Confirm that it is you' });
    await dialog.getByLabel('Password', { exact: true }).fill('not my password');
    await photograph(desk, 'i3-step-up');
    await dialog.getByRole('button', { name: 'Confirm' }).click();
    await dialog.getByText('This is not your password.').waitFor();
    await dialog.getByLabel('Password', { exact: true }).fill(ana.password);
    await desk.keyboard.press('Enter');
    await dialog.waitFor({ state: 'hidden' });
    await desk.getByText('That login was ended.').waitFor();
    await signInPage(laptop).waitFor();
    await expect.poll(() => desk.getByTestId('login').count()).toBe(1);
  });

  it('[USR2] who does not prove it changes nothing, and Escape closes the upper dialog only', async () => {
    await signIn(laptop, server.url, ana);
    await desk.reload();
    await button('End all others').click();
    const question = desk.getByRole('dialog', { name: 'End all other logins?' });
    await wantProofOnce('**/api/auth/sessions');
    await question.getByRole('button', { name: 'End all others' }).click();
    const proof = desk.getByRole('dialog', { name: 'Confirm that it is you' });
    await proof.getByLabel('Password', { exact: true }).waitFor();
    await desk.keyboard.press('Escape');
    await proof.waitFor({ state: 'hidden' });
    await question.getByRole('alert').getByText('Nothing was changed.').waitFor();
    await question.getByRole('button', { name: 'End all others' }).click();
    await desk.getByText('All other logins were ended.').waitFor();
    await signInPage(laptop).waitFor();
  });

  it('[USR2] a second factor is set up by a code of the app, and gives ten recovery codes this once', async () => {
    const part = section(desk, 'Second factor');
    await part.getByRole('button', { name: 'Set up' }).click();
    await part.getByLabel('Password', { exact: true }).fill(ana.password);
    await part.getByRole('button', { name: 'Continue' }).click();
    await part.getByRole('img', { name: 'QR code for the authenticator app' }).waitFor();
    await photograph(desk, 'i4-qr');
    const app = new Authenticator((await part.locator('li code').textContent()) ?? '');
    await part.getByLabel('Code', { exact: true }).fill('000000');
    await part.getByRole('button', { name: 'Turn on' }).click();
    await part.getByText('This code is not right.').waitFor();
    const code = app.nextCode();
    await part.getByLabel('Code', { exact: true }).fill(` ${code.slice(0, 3)} ${code.slice(3)}`);
    await part.getByRole('button', { name: 'Turn on' }).click();
    await part.getByRole('heading', { name: 'Keep your recovery codes' }).waitFor();
    codes = await part.getByRole('list', { name: 'Recovery codes' }).locator('code').allTextContents();
    expect(new Set(codes).size).toBe(10);
    await photograph(desk, 'i5-recovery-codes');
    await part.getByRole('button', { name: 'I have kept them' }).click();
    await part.getByText('You have 10 recovery codes left.').waitFor();
    expect(await desk.getByText(codes[0] ?? '-').count()).toBe(0);
  });

  it('[USR2] a log-in has a second step then, which counts tries and takes a recovery code once', async () => {
    await giveCredentials(laptop, server.url, ana);
    await laptop.getByRole('heading', { name: 'One more step' }).waitFor();
    expect(await laptop.getByLabel('Code', { exact: true }).getAttribute('autocomplete')).toBe(
      'one-time-code',
    );
    await laptop.getByLabel('Code', { exact: true }).fill('000000');
    await laptop.keyboard.press('Enter');
    await laptop.getByText('4 tries are left.').waitFor();
    await photograph(laptop, 'i6-second-step');
    await laptop.getByRole('button', { name: 'Use a recovery code' }).click();
    await laptop.getByLabel('Recovery code').fill(codes[0]?.toLowerCase() ?? '');
    await laptop.keyboard.press('Enter');
    await laptop.getByRole('heading', { name: 'Screens', level: 1 }).waitFor();
    await openFromMenu(laptop, 'Profile');
    await laptop.getByText('You have 9 recovery codes left.').waitFor();
    await laptop.getByTestId('login').filter({ hasText: 'This one' }).getByText('Second factor').waitFor();
  });

  it('[USR2] a log-in whose tries are used up begins anew', async () => {
    const phone = await openWindow(browser, faults);
    await giveCredentials(phone, server.url, ana);
    for (const left of [4, 3, 2, 1]) {
      await phone.getByLabel('Code', { exact: true }).fill('000000');
      await phone.keyboard.press('Enter');
      await phone.getByText(left === 1 ? '1 try is left.' : `${left} tries are left.`).waitFor();
    }
    await phone.getByLabel('Code', { exact: true }).fill('000000');
    await phone.keyboard.press('Enter');
    await phone.getByText('That took too long, or too many tries.').waitFor();
    await signInPage(phone).waitFor();
    await phone.context().close();
  });

  it('[USR2] new recovery codes void the old ones, and the factor is taken off by one who has both', async () => {
    const part = section(desk, 'Second factor');
    await desk.reload();
    await part.getByRole('button', { name: 'New recovery codes' }).click();
    await button('Make new codes').click();
    await part.getByRole('heading', { name: 'Keep your recovery codes' }).waitFor();
    const list = part.getByRole('list', { name: 'Recovery codes' });
    const [fresh = ''] = await list.locator('code').allTextContents();
    await part.getByRole('button', { name: 'I have kept them' }).click();
    await part.getByRole('button', { name: 'Turn off' }).click();
    await part.getByLabel('Password', { exact: true }).fill(ana.password);
    await part.getByRole('button', { name: 'Use a recovery code' }).click();
    await part.getByLabel('Recovery code').fill(codes[1] ?? '');
    await part.getByRole('button', { name: 'Turn off the second factor' }).click();
    await part.getByText('The password or the code is not right.').waitFor();
    await part.getByLabel('Recovery code').fill(fresh);
    await part.getByRole('button', { name: 'Turn off the second factor' }).click();
    await part.getByText('The second factor is off').waitFor();
    await part.getByRole('button', { name: 'Set up' }).waitFor();
  });

  it('[USR4] a key is made with what it may do, shown once, and works for just that', async () => {
    await openFromMenu(desk, 'API keys');
    await desk.getByRole('heading', { name: 'No API keys' }).waitFor();
    await button('Make a key').click();
    await desk.getByLabel('Name', { exact: true }).fill('Menu planner');
    await button('Make the key').click();
    await desk.getByText('Choose at least one.').waitFor();
    await expect
      .poll(() => desk.evaluate(() => document.activeElement?.getAttribute('type')))
      .toBe('checkbox');
    await desk.getByLabel('See your screens and what they show').check();
    expect(await desk.getByText('This must').count()).toBe(0);
    expect(await desk.getByText('Choose at least one.').count()).toBe(0);
    await desk.getByLabel('Ends after').selectOption('30');
    await photograph(desk, 'i7-new-key');
    await button('Make the key').click();
    await desk.getByRole('heading', { name: 'Your key Menu planner' }).waitFor();
    const key = (await desk.getByTestId('new-key').textContent()) ?? '';
    await photograph(desk, 'i8-key');
    const call = (method: string) =>
      fetch(`${server.url}/api/screens`, {
        method,
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        ...(method === 'POST' ? { body: '{"name":"x"}' } : {}),
      });
    expect((await call('GET')).status).toBe(200);
    expect((await call('POST')).status).toBe(403);
    await button('I have kept it').click();
    const row = desk.getByTestId('api-key').filter({ hasText: 'Menu planner' });
    await row.getByText('in 30 days').waitFor();
    await row.getByText('screens:read').waitFor();
    expect(await desk.getByText(key).count()).toBe(0);
    await desk.reload();
    await row.waitFor();
    expect(await desk.getByText(key).count()).toBe(0);
  });

  it('[USR4] a key is rotated with an overlap, and one that is deleted is refused', async () => {
    await button('Rotate Menu planner').click();
    const dialog = desk.getByRole('dialog');
    await dialog.getByLabel('The old key works').selectOption('1');
    await dialog.getByRole('button', { name: 'Rotate' }).click();
    await desk.getByRole('heading', { name: 'Your key Menu planner' }).waitFor();
    const key = (await desk.getByTestId('new-key').textContent()) ?? '';
    await button('I have kept it').click();
    const old = desk.getByTestId('api-key').filter({ hasText: 'Replaced' });
    await old.getByText('in 1 hour').waitFor();
    await photograph(desk, 'i9-keys');
    await desk
      .getByTestId('api-key')
      .filter({ hasNotText: 'Replaced' })
      .getByRole('button', { name: 'Delete Menu planner' })
      .click();
    await button('Delete the key').click();
    await desk.getByText('Menu planner was deleted.').waitFor();
    await expect.poll(() => desk.getByTestId('api-key').count()).toBe(1);
    const answer = await fetch(`${server.url}/api/screens`, { headers: { authorization: `Bearer ${key}` } });
    expect(answer.status).toBe(401);
  });

  it('[USR1] [ND49] the pages of administrators do not exist for others', async () => {
    await button(/^Account of/).click();
    await desk.getByRole('menuitem', { name: 'Profile' }).waitFor();
    for (const name of ['Users', 'Nodes']) {
      expect(await desk.getByRole('menuitem', { name }).count()).toBe(0);
      await desk.goto(`${server.url}/${name.toLowerCase()}`);
      await desk.getByRole('heading', { name: 'Nothing at this address' }).waitFor();
      await button(/^Account of/).click();
      await desk.getByRole('menuitem', { name: 'Profile' }).waitFor();
    }
    await desk.keyboard.press('Escape');
  });

  it('[USR1] an administrator finds people by address, raises and disables them, but not the last one', async () => {
    await signIn(laptop, server.url, keeper);
    await openFromMenu(laptop, 'Users');
    const user = (name: string) => laptop.getByTestId('user').filter({ hasText: name });
    await user('keeper@example.org').getByText('You', { exact: true }).waitFor();
    await laptop.getByLabel('Email address').fill('ANA@example.org');
    await laptop.getByRole('button', { name: 'Search' }).click();
    await user('keeper@example.org').waitFor({ state: 'detached' });
    await user('ana@example.org').waitFor();
    await laptop.getByLabel('Email address').fill('nobody@example.org');
    await laptop.getByRole('button', { name: 'Search' }).click();
    await laptop.getByText('Nobody here has this address.').waitFor();
    await laptop.getByRole('button', { name: 'Show all' }).click();

    await user('keeper@example.org')
      .getByRole('button', { name: /^Disable/ })
      .click();
    const dialog = laptop.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Disable' }).click();
    await dialog.getByRole('alert').getByText('is the last administrator').waitFor();
    await photograph(laptop, 'i10-last-admin');
    await laptop.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });

    await laptop.getByRole('button', { name: 'Make Ana Lima Costa an administrator' }).click();
    await dialog.getByRole('button', { name: 'Make administrator' }).click();
    await laptop.getByText('Ana Lima Costa is an administrator now.').waitFor();
    await user('ana@example.org').getByText('Administrator', { exact: true }).waitFor();
    await laptop.getByRole('button', { name: 'Make Ana Lima Costa a user' }).click();
    await dialog.getByRole('button', { name: 'Make user' }).click();
    await laptop.getByText('Ana Lima Costa is no administrator any more.').waitFor();

    await laptop.getByRole('button', { name: 'Disable Ana Lima Costa' }).click();
    await dialog.getByRole('button', { name: 'Disable' }).click();
    await laptop.getByText('Ana Lima Costa is disabled.').waitFor();
    await photograph(laptop, 'i11-users');
    await signInPage(desk).waitFor();
    await laptop.getByRole('button', { name: 'Enable Ana Lima Costa' }).click();
    await dialog.getByRole('button', { name: 'Enable' }).click();
    await laptop.getByText('Ana Lima Costa can sign in again.').waitFor();
  });

  it('[ND49] a server on its embedded database is one node, with all connections', async () => {
    await openFromMenu(laptop, 'Nodes');
    await laptop.getByTestId('node').getByText('100% of all').waitFor();
    expect(await laptop.getByTestId('node').count()).toBe(1);
    await laptop.getByTestId('connection').getByText('You', { exact: true }).waitFor();
  });

  it('[USR1] a server that is too busy to check a password is asked again by itself', async () => {
    const error = { code: 'BUSY', message: '', retryable: true, retryAfterMs: 1500 };
    await desk.route('**/api/auth/login', (route) => route.fulfill({ status: 503, json: { error } }), {
      times: 1,
    });
    await giveCredentials(desk, server.url, ana);
    await desk.getByRole('timer').getByText('This page tries again by itself in').waitFor();
    await desk.getByRole('heading', { name: 'Screens', level: 1 }).waitFor();
  });

  it('[USR1] an address that was guessed at too often is locked, and the wait counts down', async () => {
    const thief = await openWindow(browser, faults);
    const alert = thief.getByRole('alert');
    for (let tries = 0; tries < 12; tries += 1) {
      await giveCredentials(thief, server.url, { ...ana, password: `guess number ${tries}` });
      await alert.waitFor();
      if ((await alert.textContent())?.includes('ACCOUNT_LOCKED')) break;
    }
    await alert.getByText('There were too many wrong tries with this address.').waitFor();
    const wait = thief.getByRole('timer');
    const before = await wait.textContent();
    expect(before).toMatch(/^Try again in \d+ (min|sec)/);
    await photograph(thief, 'i12-locked');
    await expect.poll(() => wait.textContent()).not.toBe(before);
    await thief.context().close();
  });

  it('[MED4] [ND54] every page fits a phone, by day and by night, and met no error', async () => {
    await laptop.setViewportSize({ width: 360, height: 740 });
    const overflow = () => laptop.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    for (const colorScheme of ['light', 'dark'] as const) {
      await laptop.emulateMedia({ colorScheme });
      for (const name of ['Profile', 'API keys', 'Users', 'Nodes']) {
        await openFromMenu(laptop, name);
        if (name === 'API keys') await laptop.getByRole('button', { name: 'Make a key' }).click();
        await expect.poll(overflow, { message: name }).toBeLessThanOrEqual(0);
        await photograph(laptop, `i13-phone-${name.replace(' ', '-').toLowerCase()}-${colorScheme}`);
      }
    }
    expect(faults).toEqual([]);
  });
});
