import { until } from '../../lib/processes.mjs';
import { allSeeAll } from './caller.mjs';
import { gather } from './mesh.mjs';
import { Site } from './site.mjs';

const RELOADS = 5;
const GRACE_MS = 15_000;
const SERVER_AWAY_MS = 3000;

/** One of three loads the window anew, again and again: the same participant, and all see all each time. */
export async function proveReload() {
  return withSite(async (site) => {
    const callers = await gather(site, 3);
    await allSeeAll(callers);
    const [one, ...others] = callers;
    const { participantId } = await one.look();
    const times = [];
    for (let n = 0; n < RELOADS; n += 1) {
      const at = Date.now();
      if ((await one.reload()) !== participantId) throw new Error('it came back as somebody else');
      times.push((await allSeeAll(callers, { since: Date.now() })) - at);
    }
    const heard = await Promise.all(others.map((other) => other.look()));
    const of = (event) =>
      heard.map(({ events }) =>
        count(events, (one) => one.event === event && one.participantId === participantId),
      );
    return {
      reloads: RELOADS,
      msUntilAllSeeAllMost: Math.max(...times),
      returnedHeardByEach: of('returned'),
      leftHeardByEach: of('left'),
      tilesOfEach: heard.map(({ tiles }) => tiles.length),
      passed:
        of('returned').every((times) => times === RELOADS) &&
        of('left').every((times) => times === 0) &&
        heard.every(({ tiles }) => tiles.length === 2),
    };
  });
}

/** One of three closes the tab: after the grace the others hear of it once, and the picture goes. */
export async function proveTabClose() {
  return withSite(async (site) => {
    const callers = await gather(site, 3);
    await allSeeAll(callers);
    const [one, ...others] = callers;
    const { participantId } = await one.look();
    const at = Date.now();
    await one.close();
    const looks = async () => Promise.all(others.map((other) => other.look()));
    await until(
      'the tile goes',
      async () => (await looks()).every(({ tiles }) => !tiles.includes(participantId)),
      GRACE_MS + 15_000,
      100,
    );
    const goneAt = Date.now();
    await allSeeAll(others);
    const heard = await looks();
    const ofThem = ({ events }, event) =>
      events.filter((one) => one.event === event && one.participantId === participantId);
    return {
      msUntilTheTileWasGone: goneAt - at,
      reconnectingHeardByEach: heard.map((look) => ofThem(look, 'reconnecting').length),
      leftHeardByEach: heard.map((look) => ofThem(look, 'left').map(({ reason }) => reason)),
      passed: heard.every(
        (look) => look.others.length === 1 && look.tiles.length === 1 && ofThem(look, 'left').length === 1,
      ),
    };
  });
}

/** The server is killed and started anew: pictures go on meanwhile, everybody is who they were, and somebody new comes in. */
export async function proveServerRestart() {
  return withSite(async (site) => {
    const callers = await gather(site, 3);
    await allSeeAll(callers);
    const before = await Promise.all(callers.map((caller) => caller.look()));
    await site.killServer();
    const killedAt = Date.now();
    await new Promise((resolve) => setTimeout(resolve, SERVER_AWAY_MS));
    // Nothing of what is counted here was on its way before.
    await allSeeAll(callers, { since: killedAt + SERVER_AWAY_MS / 2, count: 10 });
    const sawWithoutAt = Date.now();
    await site.startServer();
    const startedAt = Date.now();
    const areBack = async () =>
      (await Promise.all(callers.map((caller) => caller.look()))).every(({ state }) => state === 'joined');
    await until('all have their seats again', areBack, 30_000, 50);
    const backAt = Date.now();
    const late = await site.newCaller();
    const { roomId } = callers[0];
    const enteredAt = Date.now();
    await late.enter(roomId);
    const sawAt = await allSeeAll([...callers, late], { since: enteredAt });
    const after = await Promise.all(callers.map((caller) => caller.look()));
    const same = after.filter(({ participantId }, n) => participantId === before[n].participantId).length;
    const left = after.map(({ events }) => count(events, ({ event }) => event === 'left'));
    // Pages that lived on kept their connections: nobody took them for new ones.
    const anew = after.map(({ events }) =>
      count(events, (one) => one.event === 'media new' && one.at > killedAt),
    );
    return {
      msWithoutServer: startedAt - killedAt,
      picturesWentOnMeanwhile: sawWithoutAt > killedAt,
      msUntilAllHadSeatsAgain: backAt - startedAt,
      sameParticipants: same,
      leftHeardByEach: left,
      connectionsMadeAnewByEach: anew,
      msUntilAllSawTheNewOne: sawAt - enteredAt,
      passed: same === callers.length && [...left, ...anew].every((times) => times === 0),
    };
  });
}

async function withSite(task) {
  const site = await Site.start();
  try {
    return await task(site);
  } finally {
    await site.stop();
  }
}

const count = (list, test) => list.filter(test).length;
