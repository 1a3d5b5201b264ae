import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MailInbox, tokenIn } from '../../packages/server/test/support/mail-inbox.js';
import { fillCredentials, giveCredentials, signIn } from './account.js';
import { ServerProcess } from './server-process.js';
import { launchChromium, openWindow, photograph } from './windows.js';

const ana = { email: 'ana@example.org', username: 'Ana Lima', password: 'beacons on the ridge' };

/** What a page asks for, and a mail brings; each step stands on the one before. */
describe('links in mails', () => {
  let server: ServerProcess;
  let inbox: MailInbox;
  let browser: Browser;
  let desk: Page;
  const faults: string[] = [];

  beforeAll(async () => {
    inbox = await MailInbox.start();
    server = await ServerProcess.prepare({ ...inbox.settings, EMAIL_VERIFICATION: 'required' });
    await server.start();
    browser = await launchChromium();
    desk = await openWindow(browser, faults);
  });

  afterAll(async () => {
    await browser?.close();
    await server?.dispose();
    await inbox?.stop();
  });

  const heading = (name: string) => desk.getByRole('heading', { name, level: 1 });

  /** The link of the next mail to Ana: at this server, with its token in the fragment. */
  async function nextLink(page: string): Promise<string> {
    const mail = await inbox.next();
    expect(mail.to).toEqual([ana.email]);
    const link = `${server.url}/${page}#token=${tokenIn(mail)}`;
    expect(mail.text).toContain(link);
    return link;
  }

  async function signUpAs(person: typeof ana): Promise<void> {
    await desk.goto(`${server.url}/sign-up`);
    await desk.getByText('You get a mail to confirm your address first.').waitFor();
    await desk.getByLabel('Your name').fill(person.username);
    await desk.getByLabel('Email address').fill(person.email);
    await desk.getByLabel('Password', { exact: true }).fill(person.password);
    await desk.getByRole('button', { name: 'Create account' }).click();
    await heading('Look into your mail').waitFor();
  }

  it('[USR1] a sign-up waits for its mail, whose link asks first and works once', async () => {
    await signUpAs(ana);
    const link = await nextLink('verify');
    await giveCredentials(desk, server.url, ana);
    await desk.getByRole('alert').getByText('AUTH_ERROR').waitFor();
    await desk.goto(link);
    await heading('Confirm your address').waitFor();
    expect(desk.url()).toBe(`${server.url}/verify`);
    await photograph(desk, 'm1-verify');
    await desk.getByRole('button', { name: 'Yes, that was me' }).click();
    await heading('Your address is confirmed').waitFor();
    await desk.getByRole('link', { name: 'Sign in' }).click();
    await heading('Sign in').waitFor();
    await fillCredentials(desk, ana);
    await heading('Screens').waitFor();
    await desk.goto(link);
    await desk.getByRole('button', { name: 'Yes, that was me' }).click();
    await heading('This link no longer works').waitFor();
  });

  it('[USR1] a taken address looks the same to whoever signs up with it', async () => {
    await desk.context().clearCookies();
    await signUpAs({ ...ana, username: 'Somebody else', password: 'another set of words' });
    expect((await inbox.next()).text).toContain('already');
  });

  it('[USR1] a forgotten password is set anew by a link, which is out of the address bar at once', async () => {
    await desk.goto(`${server.url}/sign-in`);
    await desk.getByRole('link', { name: 'Forgot the password?' }).click();
    await heading('Forgot the password?').waitFor();
    await desk.getByLabel('Email address').fill(ana.email);
    await desk.getByRole('button', { name: 'Send the link' }).click();
    await heading('Look into your mail').waitFor();
    const link = await nextLink('reset');
    await desk.goto(link);
    await heading('Choose a new password').waitFor();
    expect(desk.url()).toBe(`${server.url}/reset`);
    await desk.getByLabel('New password').fill('short');
    await desk.getByRole('button', { name: 'Change the password' }).click();
    await desk.getByText('This must have at least 8 characters.').waitFor();
    await desk.getByLabel('New password').fill('embers under the ash');
    await desk.getByRole('button', { name: 'Change the password' }).click();
    await heading('The password is changed').waitFor();
    await photograph(desk, 'm2-reset');
    await desk.getByRole('link', { name: 'Sign in' }).click();
    await heading('Sign in').waitFor();
    await desk.goBack();
    await desk.waitForURL(`${server.url}/reset`);
    await signIn(desk, server.url, { ...ana, password: 'embers under the ash' });
  });

  it('[USR1] a link that was used or cut short says so, and the way on', async () => {
    await desk.context().clearCookies();
    await desk.goto(`${server.url}/reset`);
    await heading('This link is not complete').waitFor();
    await desk.goto('about:blank');
    await desk.goto(`${server.url}/reset#token=rst_used`);
    await desk.getByLabel('New password').fill('some other words');
    await desk.getByRole('button', { name: 'Change the password' }).click();
    await heading('This link no longer works').waitFor();
    await desk.getByRole('link', { name: 'Ask for a new link' }).click();
    await heading('Forgot the password?').waitFor();
  });

  it('[USR1] a server whose sign-up is closed offers none, and says so to whoever comes by a link', async () => {
    await server.kill();
    await server.start({ SIGNUP: 'closed' });
    const offered = desk.waitForResponse('**/api/auth/options');
    await desk.goto(`${server.url}/sign-in`);
    await offered;
    await heading('Sign in').waitFor();
    await expect.poll(() => desk.getByRole('link', { name: 'Create one' }).count()).toBe(0);
    await desk.goto(`${server.url}/sign-up`);
    await heading('Sign-up is closed here').waitFor();
    await photograph(desk, 'm3-closed');
    await desk.getByRole('link', { name: 'Sign in' }).click();
    await signIn(desk, server.url, { ...ana, password: 'embers under the ash' });
    expect(faults).toEqual([]);
  });
});
