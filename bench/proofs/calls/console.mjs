import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { call } from '../../lib/bongsu.mjs';
import { until } from '../../lib/processes.mjs';
import { Site } from './site.mjs';

const PEOPLE = ['Ana Lopes', 'Jiho Park', 'Mina Seo', 'Omar Haddad'];
const PASSWORD = 'beacons on the ridge';
const FRAMES = 10;
const LIMIT_MS = 30_000;
const PICTURES = new URL('../../../test-results/', import.meta.url);

/** Four people by the console's own call page: each sees three pictures move, and again after one of them has reloaded. */
export async function proveConsole() {
  const site = await Site.start();
  try {
    const people = [];
    for (const username of PEOPLE) people.push(await newPerson(site, username));
    const roomId = randomUUID();
    const { token } = people[0];
    await call(site.url, 'POST', '/api/rooms', { token, body: { roomId, name: 'Stand-up' } });
    for (const { page } of people) await enter(page, `${site.url}/rooms/${roomId}/call`);
    const leastFrames = await allMove(people);
    await photograph(people[0].page, 'calls-console');
    await people[1].page.reload();
    await allMove(people);
    const faults = people.flatMap((person) => person.faults);
    return {
      people: PEOPLE.length,
      picturesOfEach: PEOPLE.length - 1,
      leastFrames,
      faults,
      passed: faults.length === 0,
    };
  } finally {
    await site.stop();
  }
}

/** Signed in, in a window of their own. */
async function newPerson(site, username) {
  const email = `${randomUUID()}@example.org`;
  const { accessToken: token } = await call(site.url, 'POST', '/api/auth/signup', {
    body: { email, username, password: PASSWORD },
  });
  const page = await site.newWindow();
  const faults = [];
  page.on('pageerror', (error) => faults.push(error.message));
  await page.goto(`${site.url}/sign-in`);
  await page.getByLabel('Email address').fill(email);
  await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Screens', level: 1 }).waitFor();
  return { username, token, page, faults };
}

async function enter(page, url) {
  await page.goto(url);
  await page.getByRole('button', { name: 'Join the call', exact: true }).click();
  await page.getByRole('button', { name: 'Leave', exact: true }).waitFor();
}

/** @returns by how many frames the slowest picture moved on */
async function allMove(people) {
  const before = await Promise.all(people.map(({ page }) => framesIn(page)));
  let least = 0;
  const haveMoved = async () => {
    const now = await Promise.all(people.map(({ page }) => framesIn(page)));
    // A new picture in the place of one that went counts from 0.
    const moves = now.map((each, n) =>
      each.length === people.length - 1
        ? each.map((frames, at) => (frames < (before[n][at] ?? 0) ? frames : frames - (before[n][at] ?? 0)))
        : [0],
    );
    least = Math.min(...moves.flat());
    return least >= FRAMES;
  };
  await until('all pictures move on', haveMoved, LIMIT_MS, 200);
  return least;
}

function framesIn(page) {
  return page
    .getByLabel(/^Picture of /)
    .evaluateAll((videos) => videos.map((video) => video.getVideoPlaybackQuality().totalVideoFrames));
}

/** For whoever wants to see it: `test-results/<name>.png`. */
async function photograph(page, name) {
  mkdirSync(PICTURES, { recursive: true });
  await page.screenshot({ path: fileURLToPath(new URL(`${name}.png`, PICTURES)) });
}
