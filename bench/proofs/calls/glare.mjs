import { until } from '../../lib/processes.mjs';
import { seededRandom } from '../../lib/random.mjs';
import { allSeeAll } from './caller.mjs';
import { gather } from './mesh.mjs';
import { Site } from './site.mjs';

const CROSSINGS = 200;
const MOST_ROUNDS = 300;
/** So that what both send at about the same time is under way together. */
const ONE_WAY_MS = 40;
const QUIET_MS = 3 * ONE_WAY_MS;
const ROUND_LIMIT_MS = 15_000;

/** Both sides change something in one instant, so that their offers cross, until 200 pairs of offers have. */
export async function proveGlare({ seed, log }) {
  const site = await Site.start();
  try {
    const callers = await gather(site, 2);
    await allSeeAll(callers);
    for (const { network } of callers) network.signals.delay(ONE_WAY_MS);
    await untilQuiet(callers);
    const before = await crossedSoFar(site, callers);
    const random = seededRandom(seed);
    const rounds = { restart: 0, direction: 0, track: 0 };
    const roundMs = [];
    let crossed = before.map(() => 0);
    while (Math.min(...crossed) < CROSSINGS && roundMs.length < MOST_ROUNDS) {
      const what = rounds.track * 50 < roundMs.length ? 'track' : random.pick(['restart', 'direction']);
      const at = Date.now();
      await playRound(callers, what).catch((error) => wedged(callers, roundMs.length, what, error));
      rounds[what] += 1;
      roundMs.push(Date.now() - at);
      crossed = (await crossedSoFar(site, callers)).map((all, n) => all - before[n]);
      if (roundMs.length % 50 === 0) log(`glare: after ${roundMs.length} rounds ${crossed} crossed`);
    }
    return await verdict({ callers, crossed, rounds, roundMs });
  } finally {
    await site.stop();
  }
}

/** By the server's counter, and as each window saw it. */
async function crossedSoFar(site, callers) {
  const each = (await signalsOf(callers)).map(({ crossed }) => crossed);
  return [await site.metric('bongsu_signal_glares_total'), ...each];
}

async function playRound(callers, what) {
  const before = await signalsOf(callers);
  await Promise.all(callers.map((caller) => caller.change(what)));
  const haveOffered = async () =>
    (await signalsOf(callers)).every(({ offers }, n) => offers > before[n].offers);
  await until('both have offered', haveOffered, ROUND_LIMIT_MS, 20);
  await untilQuiet(callers);
  await allSeeAll(callers, { since: Date.now(), count: 2, timeoutMs: ROUND_LIMIT_MS });
}

const looksOf = (callers) => Promise.all(callers.map((caller) => caller.look()));
const signalsOf = async (callers) => (await looksOf(callers)).map(({ signals }) => signals);

/** @throws the failure, with what both sides show */
async function wedged(callers, done, what, error) {
  const looks = await looksOf(callers);
  const shown = looks.map(({ links, events, state, tiles, signals }) => ({
    ...{ state, links, tiles, signals },
    lastEvents: events.slice(-8),
  }));
  throw new Error(`round ${done}, ${what}: ${error.message}: ${JSON.stringify(shown)}`);
}

async function verdict({ callers, crossed, rounds, roundMs }) {
  const looks = await looksOf(callers);
  const errors = looks.flatMap(({ events }) => events.filter(({ event }) => event === 'error'));
  // Somebody who gives up on a connection makes another: none of these mends was needed.
  const anew = looks.flatMap(({ events }) => events.filter(({ event }) => event === 'media new')).length;
  const links = looks.flatMap((look) => look.links);
  const isWell = links.every(
    ({ ice, signaling }) => signaling === 'stable' && /^(connected|completed)$/.test(ice),
  );
  return {
    rounds: roundMs.length,
    byChange: rounds,
    oneWayMs: ONE_WAY_MS,
    crossedByServersCounter: crossed[0],
    crossedSeenByEachWindow: crossed.slice(1),
    offersOfEachWindow: looks.map(({ signals }) => signals.offers),
    wedged: isWell ? 0 : 1,
    connectionsMadeAnew: anew,
    errors: errors.slice(0, 5),
    roundMsMost: Math.max(...roundMs),
    passed: Math.min(...crossed) >= CROSSINGS && isWell && errors.length === 0 && anew === 0,
  };
}

/** Both sides are stable, every offer is answered, and nothing is on its way. */
async function untilQuiet(callers) {
  const isQuiet = async () =>
    (await looksOf(callers)).every(
      ({ links, signals }) =>
        links.every(({ signaling }) => signaling === 'stable') &&
        !signals.isOpen &&
        signals.idleMs > QUIET_MS,
    );
  await until('both sides are stable', isQuiet, ROUND_LIMIT_MS, 20);
}
