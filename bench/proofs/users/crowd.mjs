// A process of people, or of screens, who all come at once and wait as they are told. Options come as the first IPC message:
// {people: {url, emails, password}} or {screens: {url, credentials}}; it reports {done: figures} and stays connected until it is killed.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { median, percentile, round } from '../../lib/statistics.mjs';
import { Wire } from '../../lib/wire.mjs';

const refusals = {};
const [{ people, screens }] = await once(process, 'message');
const startedAt = performance.now();
const sinceStart = () => performance.now() - startedAt;
process.send({ done: people ? await comeIn(people) : await comeBack(screens) });

/** Log in, refresh, connect. */
async function comeIn({ url, emails, password }) {
  const stories = await Promise.all(
    emails.map(async (email) => {
      const { body, attempts } = await post(`${url}/api/auth/login`, { email, password });
      const loggedInMs = sinceStart();
      const { body: pair } = await post(`${url}/api/auth/refresh`, { refreshToken: body.refreshToken });
      await Wire.connect(url, { token: pair.accessToken });
      return { attempts, loggedInMs, inMs: sinceStart() };
    }),
  );
  const attempts = stories.map((story) => story.attempts).sort((a, b) => a - b);
  const lastLoginMs = Math.max(...stories.map(({ loggedInMs }) => loggedInMs));
  const inMs = stories.map((story) => story.inMs).sort((a, b) => a - b);
  return {
    people: stories.length,
    allInSeconds: round(Math.max(...inMs) / 1000, 1),
    medianInSeconds: round(median(inMs) / 1000, 1),
    loginsPerSecond: round((stories.length * 1000) / lastLoginMs, 1),
    attemptsMean: round(attempts.reduce((sum, count) => sum + count, 0) / attempts.length),
    attemptsP95: percentile(attempts, 0.95),
    attemptsMost: attempts.at(-1),
    refusals,
  };
}

/** As a kiosk after a weekend: the old token, a refresh, the new token. */
async function comeBack({ url, credentials }) {
  const expired = await Promise.all(
    credentials.map(async ({ accessToken, refreshToken }) => {
      const answer = await Wire.connect(url, { token: accessToken }).then(
        () => 'connected',
        (error) => error.message,
      );
      const { body } = await post(`${url}/api/auth/refresh`, { refreshToken });
      await Wire.connect(url, { token: body.accessToken });
      return answer.includes('TOKEN_EXPIRED');
    }),
  );
  return {
    screens: expired.length,
    toldExpired: expired.filter(Boolean).length,
    allBackSeconds: round(sinceStart() / 1000, 1),
    refusals,
  };
}

/** Comes again when it was told to, and never before. */
async function post(url, body) {
  for (let attempts = 1; ; attempts += 1) {
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    const answered = await answer.json();
    if (answer.ok) return { body: answered, attempts };
    const { code, retryable, retryAfterMs } = answered.error;
    refusals[code] = (refusals[code] ?? 0) + 1;
    if (!retryable || retryAfterMs === undefined) throw new Error(`${url}: ${code}`);
    await pause(retryAfterMs);
  }
}
