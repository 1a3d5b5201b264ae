import type { Page } from 'playwright-core';

export interface Person {
  email: string;
  username: string;
  password: string;
}

/** An account over the public API, without a browser, and without the login that comes with it. */
export async function signUp(url: string, person: Person): Promise<void> {
  const { refreshToken } = await post(`${url}/api/auth/signup`, person);
  await post(`${url}/api/auth/logout`, { refreshToken });
}

async function post(url: string, body: object): Promise<Record<string, unknown>> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${await response.text()}`);
  return (await response.json()) as Record<string, unknown>;
}

/** Address and password, and the button. What comes next is for the test to see. */
export async function giveCredentials(page: Page, url: string, person: Person): Promise<void> {
  await page.goto(`${url}/sign-in`);
  await fillCredentials(page, person);
}

/** The same on a sign-in page that is open already. */
export async function fillCredentials(page: Page, person: Pick<Person, 'email' | 'password'>): Promise<void> {
  await page.getByLabel('Email address').fill(person.email);
  await page.getByLabel('Password', { exact: true }).fill(person.password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}

/** Signed in, where no second factor is on. */
export async function signIn(page: Page, url: string, person: Person): Promise<void> {
  await giveCredentials(page, url, person);
  await page.getByRole('heading', { name: 'Screens', level: 1 }).waitFor();
}

/** A page of the account menu. */
export async function openFromMenu(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name: /^Account of/ }).click();
  await page.getByRole('menuitem', { name, exact: true }).click();
  await page.getByRole('heading', { name, level: 1 }).waitFor();
}

/** The section of a page that has this heading. */
export function section(page: Page, name: string) {
  return page.getByRole('region', { name });
}
