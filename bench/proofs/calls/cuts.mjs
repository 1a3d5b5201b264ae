import { allSeeAll } from './caller.mjs';
import { gather } from './mesh.mjs';
import { Site } from './site.mjs';

const WITHIN_MS = 5000;
/** Pictures have to be seen standing still for the end of each cut. */
const STILL_MS = 4000;
const LIMIT_MS = 60_000;
const BETWEEN_MS = 3000;

const CUTS = ['held', 'forgotten'].flatMap((kind) =>
  ['both', 'one'].flatMap((who) => [10, 20].map((seconds) => ({ kind, who, seconds }))),
);
/** With these a server notices within 3 s that a socket is dead, so that after 20 s the seat's grace of 15 s is over. */
const WATCHFUL = { HEARTBEAT_INTERVAL_MS: '2000', HEARTBEAT_TIMEOUT_MS: '1000' };

/** `watchful`: by a server that notices a dead socket within 3 s in place of 30 s. */
export async function proveCuts({ watchful, log }) {
  const site = await Site.start({ turn: true, settings: watchful ? WATCHFUL : {} });
  try {
    const cuts = [];
    for (const cut of CUTS) {
      cuts.push(
        await proveCut(site, cut).catch((error) => ({ ...cut, error: String(error), passed: false })),
      );
      log(`cut: ${JSON.stringify(cuts.at(-1))}`);
    }
    return {
      heartbeat: watchful ? WATCHFUL : 'as by default',
      cuts,
      passed: cuts.every(({ passed }) => passed),
    };
  } finally {
    await site.stop();
  }
}

/** Two people whose media goes through the TURN server alone; signaling and media are cut for both of them, or for the later one. */
async function proveCut(site, { kind, who, seconds }) {
  const callers = await gather(site, 2, { relay: true });
  try {
    await allSeeAll(callers);
    await new Promise((resolve) => setTimeout(resolve, BETWEEN_MS));
    const routes = (await Promise.all(callers.map((caller) => caller.routes()))).flat();
    const networks = (who === 'both' ? callers : callers.slice(1)).map(({ network }) => network);
    const before = await Promise.all(callers.map((caller) => caller.look()));
    for (const { signals, media } of networks) {
      signals.cut({ kind });
      media.cut();
    }
    const cutAt = Date.now();
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    const mendedAt = Date.now();
    for (const { signals, media } of networks) {
      signals.mend();
      media.mend();
    }
    const framesWhileCut = await framesBetween(callers, mendedAt - STILL_MS, mendedAt);
    const backAt = await allSeeAll(callers, { since: mendedAt, timeoutMs: LIMIT_MS });
    const after = await Promise.all(callers.map((caller) => caller.look()));
    const backMs = backAt - mendedAt;
    return {
      kind,
      who,
      seconds: Math.round((mendedAt - cutAt) / 100) / 10,
      routes: [...new Set(routes)],
      framesInItsLast4s: framesWhileCut,
      datagramsSwallowed: networks.reduce((sum, { media }) => sum + media.dropped(), 0),
      seatsAnew: after.filter(({ participantId }, n) => participantId !== before[n].participantId).length,
      msUntilFiveFramesOfEach: backMs,
      events: backMs <= WITHIN_MS ? undefined : eventsSince(after, cutAt),
      passed: framesWhileCut === 0 && backMs <= WITHIN_MS && routes.every((route) => route === 'relay/relay'),
    };
  } finally {
    for (const caller of callers) await caller.close();
  }
}

async function framesBetween(callers, from, to) {
  const looks = await Promise.all(callers.map((caller) => caller.look()));
  const times = looks.flatMap(({ moves }) => Object.values(moves).flat());
  return times.filter((at) => at > from && at <= to).length;
}

/** What each window did, in seconds after the cut: for whoever looks into a slow one. */
function eventsSince(looks, cutAt) {
  return looks.map(({ events }) =>
    events
      .filter(({ at }) => at >= cutAt)
      .map(({ at, ...event }) => `${((at - cutAt) / 1000).toFixed(1)} ${JSON.stringify(event)}`),
  );
}
