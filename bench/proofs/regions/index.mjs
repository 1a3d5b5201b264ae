import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { monotonicMs } from '../../lib/history.mjs';
import { until } from '../../lib/processes.mjs';
import { seededRandom } from '../../lib/random.mjs';
import { median, round } from '../../lib/statistics.mjs';
import { Load } from './load.mjs';
import { measurePropagation } from './propagation.mjs';
import { PARTS, Site } from './site.mjs';

export const description =
  'two regions over a link of 80 ms each way: how long things take, 20 cuts under load with nothing lost or run twice, both say the same afterwards, and a new epoch when the replica takes the place of the primary';

const DELAY_MS = 80;
/** What of the link is cut: mostly all of it. */
const CUTS = [PARTS, PARTS, ['redis'], ['sql'], ['replication']];
const CROSSES_WITHIN_MS = 5000;

const CUTS_AT_LEAST = 20;
const ACCEPTED_AT_LEAST = 500;

/** Fewer cuts may not stand for the proof. */
export const isReduced = ({ runs = CUTS_AT_LEAST }) => runs < CUTS_AT_LEAST;

/** @param runs how often the link is cut @param rate samples of each way */
export async function prove({ seed, runs = CUTS_AT_LEAST, rate = 100, log }) {
  const site = await Site.start({ delayMs: DELAY_MS });
  const load = new Load(site);
  try {
    await until('the bridge stands', () => isWell(site), 20_000, 100);
    const propagation = await measurePropagation(site, rate);
    log(`propagation: ${JSON.stringify(propagation)}`);
    await load.start();
    const cuts = await cutUnderLoad({ site, load, runs, random: seededRandom(seed), log });
    await load.settles();
    const underCuts = { ...cuts, ...load.verdict() };
    log(`cuts: ${JSON.stringify(underCuts)}`);
    const consistent = await isConsistent(site, load);
    const promotion = await promote(site, load);
    log(`promotion: ${JSON.stringify(promotion)}`);
    const figures = { delayMs: DELAY_MS, propagation, cuts: underCuts, consistent, promotion };
    return { passed: isGood(figures), figures };
  } finally {
    await load.end();
    await site.stop();
  }
}

function isGood({ cuts, consistent, promotion }) {
  const isWhole = ({ lost, twice, outOfOrder, otherRefusals }) =>
    lost + twice + outOfOrder + otherRefusals === 0;
  const isNew = promotion.epochIsNew && promotion.toldNotRecovered === promotion.screens;
  const isMuch = cuts.accepted >= ACCEPTED_AT_LEAST;
  return (
    isWhole(cuts) &&
    isMuch &&
    isWhole(promotion) &&
    consistent &&
    isNew &&
    cuts.slowestMs <= CROSSES_WITHIN_MS
  );
}

async function isWell({ far }) {
  const answers = await Promise.all(far.map(({ url }) => fetch(`${url}/health`).then((all) => all.json())));
  return answers.every(({ checks }) => checks.bridge.status === 'ok' && checks.replica.status === 'ok');
}

async function cutUnderLoad({ site, load, runs, random, log }) {
  const crossedAfter = [];
  for (let n = 1; n <= runs; n += 1) {
    const parts = random.pick(CUTS);
    site.cut(parts);
    await pause(random.between(200, 2500));
    site.heal();
    const ms = await load.crossesAfter(monotonicMs());
    crossedAfter.push(ms);
    log(`cut ${n} of ${parts.join(', ')}: crossed ${Math.round(ms)} ms after it was mended`);
    await pause(random.between(200, 1500));
  }
  return {
    cuts: runs,
    medianMs: round(median(crossedAfter), 0),
    slowestMs: round(Math.max(...crossedAfter), 0),
  };
}

/** Both regions list the same commands with the same ends, and the same screens as online. */
async function isConsistent({ home, far }, load) {
  const agree = async () => {
    const views = await Promise.all([home, ...far].map(({ url }) => load.view(url)));
    const [first] = views;
    const isWhole = Object.values(first.lists).flat().length === load.accepted.size;
    const isDone = Object.values(first.lists).every((list) =>
      list.every((line) => line.endsWith('executed')),
    );
    return isWhole && isDone && views.every((view) => isDeepStrictEqual(view, first));
  };
  return until('both regions say the same', agree, 30_000, 500).then(
    () => true,
    () => false,
  );
}

async function promote(site, load) {
  const before = { readies: new Map(load.readies), epoch: load.runs.at(-1).epoch };
  const goneAt = monotonicMs();
  await site.failOver();
  load.resume();
  const crossedMs = await load.crossesAfter(goneAt);
  const isTold = ({ screenId }) => load.readies.get(screenId) !== before.readies.get(screenId);
  await until('every screen was told anew', () => load.screens.every(isTold), 30_000).catch(() => undefined);
  await load.settles();
  return {
    screens: load.screens.length,
    toldNotRecovered: load.screens.filter(({ screenId }) => {
      const state = load.readies.get(screenId);
      return state?.recovered === false && state.reason === 'epoch';
    }).length,
    epochIsNew: load.runs.at(-1).epoch !== before.epoch,
    crossedMs: round(crossedMs, 0),
    ...load.verdict(),
  };
}
